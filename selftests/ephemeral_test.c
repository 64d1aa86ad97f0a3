// SPDX-License-Identifier: GPL-2.0
/*
 * Source ports that run out, one destination at a time: it is warned of in time, and
 * another destination still has all of its own.
 */
#include "tables.h"
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

#define LOW	40000
#define PORTS	20

/* The worker looks twenty times a second where ports are few; not so on a busy host. */
#define LOOK	400000

FIXTURE(ephemeral) {
	struct world world;
	char to[64];
	char beside[64];
	int clients[PORTS];
	int count;
};

FIXTURE_VARIANT(ephemeral) {
	const char *at;
};

FIXTURE_VARIANT_ADD(ephemeral, v4) { .at = "127.0.0.1" };
FIXTURE_VARIANT_ADD(ephemeral, v6) { .at = "::1" };

FIXTURE_SETUP(ephemeral)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	self->world.events.also = "exhaustion";
	ASSERT_EQ(range(LOW, LOW + PORTS - 1), 0);
	ASSERT_GE(server_on(variant->at, SERVER), 0);
	ASSERT_GE(server_on(variant->at, SERVER + 1), 0);
	snprintf(self->to, sizeof(self->to), "%s", endpoint(variant->at, SERVER));
	snprintf(self->beside, sizeof(self->beside), "%s", endpoint(variant->at, SERVER + 1));
}

FIXTURE_TEARDOWN(ephemeral)
{
	EXPECT_EQ(control("exhaustion=90"), 0);
	leave_world(_metadata, &self->world);
}

/* So many more connections to a port there. */
static int connect_more(const char *at, int port, int count, int *fds)
{
	struct side side = { at, 0 };
	int i;

	for (i = 0; i < count; i++) {
		fds[i] = make_socket(&side);
		if (connect_to(fds[i], at, port))
			return -1;
	}
	return 0;
}

/* Of a destination: a cell of the table. */
static long long of(const char *to, const char *column)
{
	const char *from = strchr(to, '[') ? "::1" : "127.0.0.1";

	return strtoll(cell("ephemeral", "to", to, "from", from, column), NULL, 10);
}

/* The event that a destination has so many, and so many percent. */
static void expect_warning(struct __test_metadata *_metadata, struct world *world,
			   const char *to, int used, int ports, int percent)
{
	const char *line = events_next(&world->events, PATIENCE);
	char text[32];

	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	snprintf(text, sizeof(text), "%d-%d", LOW, LOW + PORTS - 1);
	expect_keys(_metadata, line, "event", "exhaustion", "to", to, "range", text, "call", "",
		    "pid", "", "rule", "", "errno", "", "holder", "", NULL);
	EXPECT_EQ(number(line, "pool_used"), used);
	EXPECT_EQ(number(line, "pool_free"), ports - used);
	EXPECT_EQ(number(line, "percent"), percent);
	EXPECT_STREQ(value(line, "top1"), to);
}

TEST_F(ephemeral, warned_before_it_fails)
{
	int *clients = self->clients, beside[PORTS];

	ASSERT_EQ(connect_more(variant->at, SERVER, 17, clients), 0);
	usleep(LOOK);
	expect_silence(_metadata, &self->world);
	EXPECT_EQ(of(self->to, "used"), 17);
	EXPECT_EQ(of(self->to, "free"), 3);
	EXPECT_EQ(of(self->to, "percent"), 85);

	ASSERT_EQ(connect_more(variant->at, SERVER, 1, clients + 17), 0);
	expect_warning(_metadata, &self->world, self->to, 18, PORTS, 90);
	ASSERT_EQ(connect_more(variant->at, SERVER, 2, clients + 18), 0);
	EXPECT_EQ(of(self->to, "free"), 0);
	EXPECT_EQ(of(self->to, "percent"), 100);
	usleep(LOOK);
	/* it was told */
	expect_silence(_metadata, &self->world);

	ASSERT_EQ(connect_more(variant->at, SERVER, 1, beside), -1);
	EXPECT_EQ(errno, EADDRNOTAVAIL);
	expect_keys(_metadata, events_next(&self->world.events, PATIENCE), "event", "conflict",
		    "rule", "no_source_port", "to", self->to, NULL);

	/* the same ports serve another destination */
	ASSERT_EQ(connect_more(variant->at, SERVER + 1, 2, beside), 0);
	EXPECT_EQ(of(self->beside, "used"), 2);
	EXPECT_EQ(of(self->beside, "free"), PORTS - 2);
	usleep(LOOK);
	expect_silence(_metadata, &self->world);
}

/* What is reserved or bound nobody can have. */
TEST_F(ephemeral, reserved_and_bound)
{
	struct side side = { variant->at, 0 };
	int *clients = self->clients, bound = make_socket(&side);

	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "%d-%d\n", LOW, LOW + 4), 0);
	ASSERT_EQ(bind_to(bound, variant->at, LOW + 5), 0);
	ASSERT_EQ(connect_more(variant->at, SERVER, 12, clients), 0);
	usleep(LOOK);
	EXPECT_EQ(of(self->to, "reserved"), 5);
	EXPECT_EQ(of(self->to, "bound"), 1);
	EXPECT_EQ(of(self->to, "free"), 2);
	expect_silence(_metadata, &self->world);
	ASSERT_EQ(connect_more(variant->at, SERVER, 1, clients + 12), 0);
	expect_warning(_metadata, &self->world, self->to, 13, 14, 92);
	ASSERT_EQ(connect_more(variant->at, SERVER, 1, clients + 13), 0);
	EXPECT_EQ(of(self->to, "free"), 0);
	ASSERT_EQ(connect_more(variant->at, SERVER, 1, clients + 14), -1);
	EXPECT_EQ(errno, EADDRNOTAVAIL);
	events_next(&self->world.events, PATIENCE);
}

/* TIME-WAIT of a client that closes first has the port as well as a connection does. */
TEST_F(ephemeral, time_wait)
{
	int i, listener = server_on(variant->at, SERVER + 2), client, child;
	struct side side = { variant->at, 0 };
	char to[64];

	snprintf(to, sizeof(to), "%s", endpoint(variant->at, SERVER + 2));
	/* or a second that begins meanwhile makes some old enough */
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	for (i = 0; i < 18; i++) {
		client = make_socket(&side);
		ASSERT_EQ(connect_to(client, variant->at, SERVER + 2), 0);
		child = accept(listener, NULL, NULL);
		close(client);
		close(child);
	}
	expect_warning(_metadata, &self->world, to, 18, PORTS, 90);
	usleep(100000);
	EXPECT_EQ(of(to, "used"), 18);
	EXPECT_EQ(of(to, "time_wait"), 18);
	EXPECT_EQ(of(to, "reusable"), 0);
	/* old enough, over the loopback: connect() may take them */
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "2\n"), 0);
	usleep(2100000);
	EXPECT_EQ(of(to, "reusable"), 18);
}

/* From how much on is for the administrator to say; and once it is over, it counts again. */
TEST_F(ephemeral, configured)
{
	struct linger now = { .l_onoff = 1 };
	int *clients = self->clients, i;

	ASSERT_EQ(control("exhaustion=101"), -1);
	EXPECT_EQ(errno, EINVAL);
	ASSERT_EQ(control("exhaustion=0"), 0);
	/* one look may be under way */
	usleep(LOOK);
	ASSERT_EQ(connect_more(variant->at, SERVER, 19, clients), 0);
	usleep(LOOK);
	expect_silence(_metadata, &self->world);
	ASSERT_EQ(control("exhaustion=50"), 0);
	expect_warning(_metadata, &self->world, self->to, 19, PORTS, 95);
	for (i = 0; i < 19; i++) {
		setsockopt(clients[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(clients[i]);
	}
	/* the next look is due when a connection is opened, half a minute after the last */
	EXPECT_EQ(of(self->to, "used"), 0);
}

TEST_HARNESS_MAIN
