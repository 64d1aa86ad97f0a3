// SPDX-License-Identifier: GPL-2.0
/*
 * connect() that finds its own connection there already, over TCP and MPTCP: one
 * event each. A connect() that fails at the other end, or on the way, is none.
 */
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

#define PORT	18081

FIXTURE(connect) {
	struct world world;
	int server;
};

FIXTURE_VARIANT(connect) {
	int family;
	int protocol;
	const char *at;
	const char *other;
	const char *any;
};

#define V4 .family = AF_INET, .at = "127.0.0.1", .other = "127.0.0.2", .any = "0.0.0.0"
#define V6 .family = AF_INET6, .at = "::1", .other = "2001:db8::2", .any = "::"

FIXTURE_VARIANT_ADD(connect, v4) { V4 };
FIXTURE_VARIANT_ADD(connect, v6) { V6 };
FIXTURE_VARIANT_ADD(connect, mptcp_v4) { V4, .protocol = IPPROTO_MPTCP };
FIXTURE_VARIANT_ADD(connect, mptcp_v6) { V6, .protocol = IPPROTO_MPTCP };

FIXTURE_SETUP(connect)
{
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(system("ip -6 addr add 2001:db8::2/128 dev lo"), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	fd = socket(variant->family, SOCK_STREAM, variant->protocol);
	if (fd < 0 && variant->protocol)
		SKIP(return, "no MPTCP here: %m");
	close(fd);
	self->server = server_on(variant->any, SERVER);
	ASSERT_GE(self->server, 0);
}

FIXTURE_TEARDOWN(connect)
{
	leave_world(_metadata, &self->world);
}

/* A socket of this protocol that others may share the port with, bound to it. */
static int bound(const struct _fixture_variant_connect *variant, int protocol, int option)
{
	int fd = socket(variant->family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	return fd < 0 || set_on(fd, SOL_SOCKET, option) ||
	       bind_to(fd, variant->at, PORT) ? -1 : fd;
}

TEST_F(connect, tuple_active)
{
	int first = bound(variant, 0, SO_REUSEADDR), i;
	int second = bound(variant, variant->protocol, SO_REUSEADDR);
	const char *line;

	ASSERT_GE(first, 0);
	ASSERT_GE(second, 0);
	ASSERT_EQ(connect_to(first, variant->at, SERVER), 0);
	/* each try is one event */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(connect_to(second, variant->at, SERVER), -1);
		ASSERT_EQ(errno, EADDRNOTAVAIL);
		line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
				    "tuple_active", endpoint(variant->at, PORT),
				    endpoint(variant->at, SERVER));
		EXPECT_EQ(number(line, "pid"), getpid());
		EXPECT_EQ(number(line, "holders"), 1);
		EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(first));
		EXPECT_EQ(number(line, "holder_pid"), getpid());
		expect_keys(_metadata, line, "state", "ESTABLISHED",
			    "holder", endpoint(variant->at, PORT),
			    "peer", endpoint(variant->at, SERVER), NULL);
	}

	/* the way to another destination is free */
	EXPECT_EQ(connect_to(second, variant->other, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/*
 * The other way round: the connection that is in the way is one that a listener
 * of ours is being asked for. It waits for data, so it is not one yet.
 */
TEST_F(connect, tuple_synrecv)
{
	int listener = bound(variant, 0, SO_REUSEPORT);
	int asker = bound(variant, variant->protocol, SO_REUSEPORT);
	int client = socket(variant->family, SOCK_STREAM, 0), seconds = 60;
	const char *line;

	ASSERT_GE(listener, 0);
	ASSERT_GE(asker, 0);
	ASSERT_EQ(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			     sizeof(seconds)), 0);
	ASSERT_EQ(listen(listener, 8), 0);
	ASSERT_EQ(bind_to(client, variant->at, 40000), 0);
	ASSERT_EQ(connect_to(client, variant->at, PORT), 0);
	ASSERT_EQ(await_state(PORT, 40000, TCP_SYN_RECV), 0);

	ASSERT_EQ(connect_to(asker, variant->at, 40000), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "tuple_synrecv", endpoint(variant->at, PORT),
			    endpoint(variant->at, 40000));
	expect_keys(_metadata, line, "state", "SYN-RECEIVED", "holder", endpoint(variant->at, PORT),
		    "peer", endpoint(variant->at, 40000), "holder_is", "unaccepted",
		    "holder_pid", "", "holder_ino", "", NULL);
}

static int time_wait(const struct _fixture_variant_connect *variant, int server)
{
	int first = bound(variant, 0, SO_REUSEADDR), child;

	if (first < 0 || connect_to(first, variant->at, SERVER))
		return -1;
	child = accept(server, NULL, NULL);
	close(first);
	if (await_state(PORT, SERVER, TCP_FIN_WAIT2))
		return -1;
	close(child);
	return await_state(PORT, SERVER, TCP_TIME_WAIT);
}

/* Without timestamps, so that old segments could not be told from new ones. */
TEST_F(connect, tuple_time_wait)
{
	const char *line;
	int asker;

	ASSERT_EQ(sysctl("ipv4/tcp_timestamps", "0\n"), 0);
	ASSERT_EQ(time_wait(variant, self->server), 0);
	asker = bound(variant, variant->protocol, SO_REUSEADDR);
	ASSERT_GE(asker, 0);
	ASSERT_EQ(connect_to(asker, variant->at, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "tuple_time_wait", endpoint(variant->at, PORT),
			    endpoint(variant->at, SERVER));
	expect_keys(_metadata, line, "state", "TIME-WAIT", "holder_is", "time_wait",
		    "holder", endpoint(variant->at, PORT),
		    "peer", endpoint(variant->at, SERVER), "holder_pid", "", NULL);
	/* TCP_TIMEWAIT_LEN is 60 s; timers may be late by an eighth */
	EXPECT_GT(number(line, "frees_ms"), 60000 - PATIENCE);
	EXPECT_LE(number(line, "frees_ms"), 60000 * 9 / 8);
	/* the server can do nothing about it */
	EXPECT_NE(strstr(value(line, "fix"), "bind another source port"), NULL);

	EXPECT_EQ(connect_to(asker, variant->other, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* With them, a bound socket takes the connection over. */
TEST_F(connect, over_time_wait)
{
	int asker;

	ASSERT_EQ(time_wait(variant, self->server), 0);
	asker = bound(variant, variant->protocol, SO_REUSEADDR);
	ASSERT_GE(asker, 0);
	EXPECT_EQ(connect_to(asker, variant->at, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* It asks from the address that the kernel has chosen for this destination. */
TEST_F(connect, no_source_port)
{
	int asker = socket(variant->family, SOCK_STREAM, variant->protocol);
	const char *line;

	ASSERT_GE(client_on(40000, variant->at, SERVER), 0);
	ASSERT_EQ(connect_to(asker, variant->at, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "no_source_port", endpoint(variant->at, 0),
			    endpoint(variant->at, SERVER));
	EXPECT_EQ(number(line, "pid"), getpid());
	expect_keys(_metadata, line, "range", "40000-40000", "ports_reserved", "0",
		    "ports_used", "1", "ports_bound", "0", "ports_time_wait", "0",
		    "ports_free", "0", "top1", endpoint(variant->at, SERVER),
		    "top1_ports", "1", "top2", "", NULL);
	EXPECT_EQ(connect_to(asker, variant->other, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* sendto() connects too. */
TEST_F(connect, fast_open)
{
	int asker = socket(variant->family, SOCK_STREAM, variant->protocol);
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, variant->at, SERVER);

	ASSERT_GE(client_on(40000, variant->at, SERVER), 0);
	if (sendto(asker, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&ss, len) != -1 ||
	    errno == EOPNOTSUPP)
		SKIP(return, "no fast open for this socket");
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_port",
		     endpoint(variant->at, 0), endpoint(variant->at, SERVER));
}

/*
 * What a socket was before is not what it is: it has had a port and a
 * destination, and gave them up for another to take.
 */
TEST_F(connect, after_disconnect)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int asker = client_on(40000, variant->at, SERVER), child, other;

	if (variant->protocol)
		SKIP(return, "is the same for MPTCP");
	ASSERT_GE(asker, 0);
	child = accept(self->server, NULL, NULL);
	ASSERT_GE(child, 0);
	ASSERT_EQ(connect(asker, &nowhere, sizeof(nowhere)), 0);
	close(child);
	expect_silence(_metadata, &self->world);
	other = client_on(40000, variant->at, SERVER);
	ASSERT_GE(other, 0);
	ASSERT_EQ(connect_to(asker, variant->at, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_port",
		     endpoint(variant->at, 0), endpoint(variant->at, SERVER));
}

/* bind() chose the port, which is not kept for long when connect() is refused. */
TEST_F(connect, chosen_by_bind)
{
	int asker = socket(variant->family, SOCK_STREAM, variant->protocol), second;

	ASSERT_EQ(range(PORT, PORT), 0);
	ASSERT_EQ(set_on(asker, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(bind_to(asker, variant->at, 0), 0);
	second = bound(variant, 0, SO_REUSEADDR);
	ASSERT_GE(second, 0);
	ASSERT_EQ(connect_to(second, variant->at, SERVER), 0);
	ASSERT_EQ(connect_to(asker, variant->at, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "tuple_active",
		     endpoint(variant->at, PORT), endpoint(variant->at, SERVER));
}

/* Nobody listens, again and again on one socket; then somebody does. */
TEST_F(connect, refused_by_the_peer)
{
	int asker = socket(variant->family, SOCK_STREAM, variant->protocol), i;
	int holder = bound(variant, variant->protocol, SO_REUSEADDR);

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(connect_to(asker, variant->at, 1), -1);
		EXPECT_EQ(errno, ECONNREFUSED);
		EXPECT_EQ(connect_to(holder, variant->at, 1), -1);
		EXPECT_EQ(errno, ECONNREFUSED);
	}
	EXPECT_EQ(connect_to(asker, variant->at, SERVER), 0);
	EXPECT_EQ(connect_to(asker, variant->at, SERVER), -1);
	EXPECT_EQ(errno, EISCONN);
	expect_silence(_metadata, &self->world);
}

TEST_F(connect, unreachable)
{
	const char *nowhere = variant->family == AF_INET ? "192.0.2.1" : "2001:db8:1::1";
	int asker = socket(variant->family, SOCK_STREAM, variant->protocol), i;
	int holder = bound(variant, variant->protocol, SO_REUSEADDR);

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(connect_to(asker, nowhere, SERVER), -1);
		EXPECT_EQ(errno, ENETUNREACH);
		EXPECT_EQ(connect_to(holder, nowhere, SERVER), -1);
		EXPECT_EQ(errno, ENETUNREACH);
	}
	expect_silence(_metadata, &self->world);
}

/* The queue is full, so the SYN is dropped: in progress, and at last timed out. */
TEST_F(connect, in_progress)
{
	int full = socket(variant->family, SOCK_STREAM, 0), retries = 1, i;
	struct pollfd queue = { .fd = full, .events = POLLIN };
	int asker = socket(variant->family, SOCK_STREAM | SOCK_NONBLOCK, variant->protocol);
	int waiter = socket(variant->family, SOCK_STREAM, variant->protocol);

	ASSERT_EQ(bind_to(full, variant->at, 18082), 0);
	ASSERT_EQ(listen(full, 0), 0);
	ASSERT_EQ(connect_to(socket(variant->family, SOCK_STREAM, 0), variant->at, 18082), 0);
	/* the last segment of the handshake is what fills it */
	ASSERT_EQ(poll(&queue, 1, PATIENCE), 1);
	EXPECT_EQ(connect_to(asker, variant->at, 18082), -1);
	EXPECT_EQ(errno, EINPROGRESS);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(connect_to(asker, variant->at, 18082), -1);
		EXPECT_EQ(errno, EALREADY);
	}
	/* MPTCP does not know the option on every kernel, and waits for minutes then */
	if (!setsockopt(waiter, IPPROTO_TCP, TCP_SYNCNT, &retries, sizeof(retries))) {
		EXPECT_EQ(connect_to(waiter, variant->at, 18082), -1);
		EXPECT_EQ(errno, ETIMEDOUT);
	}
	expect_silence(_metadata, &self->world);
}

/* An IPv6 socket that talks IPv4. */
TEST(mapped)
{
	struct side side = { "::ffff:127.0.0.1", REUSEADDR };
	int first, second, asker;
	struct world world;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&world), 0);
	ASSERT_GE(server_on("0.0.0.0", SERVER), 0);
	first = make_socket(&side);
	second = make_socket(&side);
	asker = make_socket(&side);
	ASSERT_EQ(bind_to(first, side.address, PORT), 0);
	ASSERT_EQ(bind_to(second, side.address, PORT), 0);
	ASSERT_EQ(connect_to(first, side.address, SERVER), 0);
	ASSERT_EQ(connect_to(second, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &world, "connect", "EADDRNOTAVAIL", "tuple_active",
		     endpoint(side.address, PORT), endpoint(side.address, SERVER));
	ASSERT_EQ(range(PORT, PORT), 0);
	ASSERT_EQ(connect_to(asker, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &world, "connect", "EADDRNOTAVAIL", "no_source_port",
		     endpoint(side.address, 0), endpoint(side.address, SERVER));
	leave_world(_metadata, &world);
}

TEST_HARNESS_MAIN
