// SPDX-License-Identifier: GPL-2.0
/*
 * Refused for want of memory: bind() and listen() then say that the address is in
 * use, and connect() does not say that it is not there.
 */
#include <sched.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"
#include "fault.h"

#define PORT	18081

/* Fail the first allocation that may fail, then the second, until none is left. */
FIXTURE(memory) {
	struct world world;
	int nth;
};

FIXTURE_VARIANT(memory) {
	const char *call;
	const char *at;
	int port;
};

#define MEMORY(name, call_, at_, port_) \
	FIXTURE_VARIANT_ADD(memory, name) { .call = call_, .at = at_, .port = port_ }

MEMORY(bind_v4, "bind", "127.0.0.1", PORT);
MEMORY(bind_v6, "bind", "::", PORT);
MEMORY(bind_port_0, "bind", "127.0.0.1", 0);
MEMORY(listen, "listen", "0.0.0.0", 0);

FIXTURE_SETUP(memory)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	self->nth = open_nth();
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(memory)
{
	put_word(FAILSLAB "verbose", "2");
	leave_world(_metadata, &self->world);
}

/* What is asked of a port is known to be seen once an ordinary refusal was. */
static void refuse_once(struct __test_metadata *_metadata, struct world *world)
{
	struct side side = { "127.0.0.1", 0 };
	int holder = server_on(side.address, SERVER), asker = make_socket(&side);

	ASSERT_GE(holder, 0);
	ASSERT_EQ(bind_to(asker, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	expect_event(_metadata, world, "bind", "EADDRINUSE", "listener",
		     endpoint(side.address, SERVER), "");
	close(asker);
	close(holder);
}

TEST_F(memory, bucket)
{
	bool listens = !strcmp(variant->call, "listen");
	int refused = 0, nth, err, left;
	struct side side = { variant->at, 0 };

	refuse_once(_metadata, &self->world);
	for (nth = 1; nth < 100; nth++) {
		int fd = make_socket(&side);

		ASSERT_GE(fail_nth(self->nth, nth), 0);
		err = listens ? listen(fd, 1) : bind_to(fd, variant->at, variant->port);
		if (err)
			err = errno;
		left = fail_nth(self->nth, 0);
		ASSERT_GE(left, 0);
		/* the kernel has one word for both */
		if (err == EADDRINUSE) {
			expect_event(_metadata, &self->world, variant->call, "EADDRINUSE",
				     "no_memory", endpoint(variant->at, variant->port), "");
			refused++;
		} else {
			expect_silence(_metadata, &self->world);
		}
		close(fd);
		if (left)
			break;
	}
	TH_LOG("%d of %d refused", refused, nth - 1);
	ASSERT_EQ(err, 0);
	/* a bucket by port, another by address and port */
	EXPECT_EQ(refused, 2);
}

/* connect() says ENOMEM or ENOBUFS itself: not a word of ports or addresses. */
FIXTURE(buffers) {
	struct world world;
	int nth;
};

FIXTURE_VARIANT(buffers) {
	const char *at;
	bool bound;
};

FIXTURE_VARIANT_ADD(buffers, v4) { .at = "127.0.0.1" };
FIXTURE_VARIANT_ADD(buffers, v4_bound) { .at = "127.0.0.1", .bound = true };
FIXTURE_VARIANT_ADD(buffers, v6) { .at = "::1" };
FIXTURE_VARIANT_ADD(buffers, v6_bound) { .at = "::1", .bound = true };

FIXTURE_SETUP(buffers)
{
	struct side side = { variant->at, 0 };
	cpu_set_t here;

	if (unfit())
		SKIP(return, "%s", unfit());
	self->nth = open_nth();
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	put_word(FAILSLAB "ignore-gfp-wait", "N");
	ASSERT_EQ(enter_world(&self->world), 0);
	/* routes are kept for each CPU: else what is allocated depends on where it runs */
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	ASSERT_EQ(sched_setaffinity(0, sizeof(here), &here), 0);
	/* the facts of a wide range take their time */
	ASSERT_EQ(range(40000, 40255), 0);
	ASSERT_GE(server_on(variant->at, SERVER), 0);
	ASSERT_EQ(connect_to(make_socket(&side), variant->at, SERVER), 0);
}

FIXTURE_TEARDOWN(buffers)
{
	put_word(FAILSLAB "ignore-gfp-wait", "Y");
	put_word(FAILSLAB "verbose", "2");
	leave_world(_metadata, &self->world);
}

/* With no probe on the way of a connect() that succeeds, its errno is not known. */
static const char blind_spot[] =
	"an IPv4 connect() that fails for want of memory looks like no_source_port";

TEST_F(buffers, connect)
{
	struct side side = { variant->at, REUSEADDR };
	bool blind = !variant->bound && strchr(variant->at, '.');
	int failed = 0, mistaken = 0, nth, err, left = 0, fd;
	const char *line;

	for (nth = 1; nth < 200 && !left; nth++) {
		fd = make_socket(&side);
		if (variant->bound)
			ASSERT_EQ(bind_to(fd, variant->at, 20000 + nth), 0);
		ASSERT_GE(fail_nth(self->nth, nth), 0);
		err = connect_to(fd, variant->at, SERVER) ? errno : 0;
		left = fail_nth(self->nth, 0);
		ASSERT_GE(left, 0);
		failed += !!err;
		if (err)
			TH_LOG("allocation %d: %s", nth, strerror(err));
		EXPECT_NE(err, EADDRNOTAVAIL);
		line = blind && err == ENOMEM ? events_next(&self->world.events, PATIENCE) : NULL;
		if (line) {
			EXPECT_STREQ(value(line, "rule"), "no_source_port");
			mistaken++;
		}
		expect_silence(_metadata, &self->world);
		close(fd);
	}
	TH_LOG("%d of %d failed", failed, nth - 2);
	ASSERT_GT(left, 0);
	ASSERT_EQ(err, 0);
	EXPECT_GT(failed, 0);
	/* a bucket by port, another by address and port */
	EXPECT_LE(mistaken, 2);
	if (mistaken && __test_passed(_metadata))
		SKIP(return, "%s", blind_spot);
}

TEST_HARNESS_MAIN
