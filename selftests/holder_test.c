// SPDX-License-Identifier: GPL-2.0
/*
 * Who is named as the holder: connections and what they leave, several at once,
 * whoever only shares the port; and listen(), and a range with nothing free.
 */
#include "tcpwatch.h"
#include "../kselftest.h"
#include "harness.h"

#define PORT	18080

/* The same over IPv4 and IPv6. */
FIXTURE(netns) {
	struct events events;
	int listener;
};

FIXTURE_VARIANT(netns) {
	int family;
	const char *at;
	const char *any;
};

FIXTURE_VARIANT_ADD(netns, v4) { .family = AF_INET, .at = "127.0.0.1", .any = "0.0.0.0" };
FIXTURE_VARIANT_ADD(netns, v6) { .family = AF_INET6, .at = "::1", .any = "::" };

FIXTURE_SETUP(netns)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
	self->listener = socket(variant->family, SOCK_STREAM, 0);
	ASSERT_EQ(bind_to(self->listener, variant->at, PORT), 0);
	ASSERT_EQ(listen(self->listener, 8), 0);
}

FIXTURE_TEARDOWN(netns)
{
	close(self->events.fd);
}

/* The port that connect() chose belongs to the live connection. */
TEST_F(netns, ephemeral_client)
{
	int client = socket(variant->family, SOCK_STREAM, 0);
	int asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;

	ASSERT_EQ(connect_to(client, variant->at, PORT), 0);
	ASSERT_EQ(bind_to(asker, variant->any, local_port(client)), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "rule"), "ephemeral_client");
	EXPECT_STREQ(value(line, "state"), "ESTABLISHED");
	EXPECT_STREQ(value(line, "holder"), endpoint(variant->at, local_port(client)));
	EXPECT_STREQ(value(line, "want"), endpoint(variant->any, local_port(client)));
	EXPECT_STREQ(value(line, "peer"), endpoint(variant->at, PORT));
}

/* The listener is gone, its accepted connection still owns the port. */
TEST_F(netns, accepted_child)
{
	int client = socket(variant->family, SOCK_STREAM, 0);
	int asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;
	int child;

	ASSERT_EQ(connect_to(client, variant->at, PORT), 0);
	child = accept(self->listener, NULL, NULL);
	ASSERT_GE(child, 0);
	close(self->listener);
	ASSERT_EQ(bind_to(asker, variant->any, PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "rule"), "conn_active");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(child));
}

/* Closed by its process, alive in the stack: nobody holds it any more. */
TEST_F(netns, orphan)
{
	int client = socket(variant->family, SOCK_STREAM, 0);
	int asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;
	bool still;
	int child;

	ASSERT_EQ(connect_to(client, variant->at, PORT), 0);
	child = accept(self->listener, NULL, NULL);
	ASSERT_GE(child, 0);
	close(child);
	close(self->listener);
	/* until the peer has acknowledged the FIN */
	usleep(200000);
	ASSERT_EQ(bind_to(asker, variant->any, PORT), -1);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "state"), "FIN-WAIT-2");
	/* an ACK that close() is still there for leaves it a socket: tcp_rcv_state_process() */
	still = !strcmp(value(line, "holder_is"), "orphan");
	EXPECT_STREQ(value(line, "rule"), still ? "conn_active" : "time_wait");
	EXPECT_STREQ(value(line, "holder_pid"), "");
	EXPECT_STREQ(value(line, "holder_ino"), "");
}

/* The wildcard request is refused by all who hold the port: they are counted. */
TEST_F(netns, several_holders)
{
	int asker = socket(variant->family, SOCK_STREAM, 0);
	int clients[5], children[5], i;
	const char *line;

	for (i = 0; i < 5; i++) {
		clients[i] = socket(variant->family, SOCK_STREAM, 0);
		ASSERT_EQ(connect_to(clients[i], variant->at, PORT), 0);
		children[i] = accept(self->listener, NULL, NULL);
		ASSERT_GE(children[i], 0);
	}
	ASSERT_EQ(bind_to(asker, variant->any, PORT), -1);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_EQ(number(line, "holders"), 6);
	/* to close the connections would not have helped */
	EXPECT_STREQ(value(line, "rule"), "listener");
	EXPECT_STREQ(value(line, "state"), "LISTEN");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(self->listener));
}

#define SIDE(...) { __VA_ARGS__ }

/* Who shares the port without standing in the way is not counted. */
TEST(bystanders)
{
	static const struct side sides[] = {
		SIDE("127.0.0.1"), SIDE("127.0.0.2"), SIDE("::", V6ONLY), SIDE("::1"),
	};
	struct side specific = SIDE("127.0.0.1"), any = SIDE("0.0.0.0");
	struct events events;
	const char *line;
	size_t i;
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&events), 0);
	/* [::1] is refused by [::]:18080 itself: three of them get the port */
	for (i = 0; i < ARRAY_SIZE(sides); i++) {
		fd = make_socket(&sides[i]);
		EXPECT_EQ(bind_to(fd, sides[i].address, PORT), i == 3 ? -1 : 0);
	}
	line = events_next(&events, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_STREQ(value(line, "holder"), "[::]:18080");
	EXPECT_EQ(number(line, "holders"), 1);

	ASSERT_EQ(bind_to(make_socket(&specific), specific.address, PORT), -1);
	line = events_next(&events, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_STREQ(value(line, "holder"), "127.0.0.1:18080");
	EXPECT_EQ(number(line, "holders"), 1);

	ASSERT_EQ(bind_to(make_socket(&any), any.address, PORT), -1);
	line = events_next(&events, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_EQ(number(line, "holders"), 2);
}

/* Two bound with SO_REUSEADDR; the one that listens first wins. */
TEST_F(netns, listen_lost)
{
	int first = socket(variant->family, SOCK_STREAM, 0);
	int second = socket(variant->family, SOCK_STREAM, 0);
	const char *line;

	ASSERT_EQ(set_on(first, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(set_on(second, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(bind_to(first, variant->at, 18081), 0);
	ASSERT_EQ(bind_to(second, variant->at, 18081), 0);
	ASSERT_EQ(listen(first, 1), 0);
	EXPECT_EQ(events_next(&self->events, SILENCE), NULL);
	ASSERT_EQ(listen(second, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "call"), "listen");
	EXPECT_STREQ(value(line, "rule"), "listen_lost");
	EXPECT_STREQ(value(line, "want"), endpoint(variant->at, 18081));
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(first));
}

/* A range of one port, taken: bind to any port, and listen without bind. */
TEST_F(netns, range_exhausted)
{
	int holder = socket(variant->family, SOCK_STREAM, 0);
	int asker = socket(variant->family, SOCK_STREAM, 0);
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");
	const char *line;

	ASSERT_NE(file, NULL);
	fprintf(file, "40000 40000\n");
	ASSERT_EQ(fclose(file), 0);
	ASSERT_EQ(bind_to(holder, variant->any, 40000), 0);
	ASSERT_EQ(bind_to(asker, variant->any, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_STREQ(value(line, "rule"), "range_exhausted");
	EXPECT_STREQ(value(line, "call"), "bind");
	EXPECT_EQ(number(line, "holders"), 0);
	ASSERT_EQ(listen(asker, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_STREQ(value(line, "rule"), "range_exhausted");
	EXPECT_STREQ(value(line, "call"), "listen");
}

/* The control groups of both sides, by path. */
TEST_F(netns, cgroups)
{
	const char *group = "/sys/fs/cgroup/tcpwatch_test/a b/cgroup.procs";
	int asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;
	char path[128];
	FILE *file;

	mkdir("/sys/fs/cgroup/tcpwatch_test", 0755);
	mkdir("/sys/fs/cgroup/tcpwatch_test/a b", 0755);
	file = fopen(group, "w");
	if (!file)
		SKIP(return, "no cgroup2");
	fprintf(file, "0\n");
	ASSERT_EQ(fclose(file), 0);
	ASSERT_EQ(bind_to(asker, variant->any, PORT), -1);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	snprintf(path, sizeof(path), "%s", value(line, "cgroup"));
	EXPECT_STREQ(path, "/tcpwatch_test/a b");
	EXPECT_STREQ(value(line, "holder_cgroup"), "/");
}

TEST_HARNESS_MAIN
