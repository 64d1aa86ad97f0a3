// SPDX-License-Identifier: GPL-2.0
/*
 * Many on one port, of whom not all are looked at: who is named, what is advised
 * and what is promised must hold all the same.
 */
#include "tcpwatch.h"
#include "../kselftest.h"
#include "harness.h"

#define PORT	18080

/* More than are looked at after the first. */
#define MANY	8

FIXTURE(crowd) {
	struct events events;
	int asker;
};

FIXTURE_VARIANT(crowd) {
	int family;
	const char *at;
	const char *any;
};

FIXTURE_VARIANT_ADD(crowd, v4) { .family = AF_INET, .at = "127.0.0.1", .any = "0.0.0.0" };
FIXTURE_VARIANT_ADD(crowd, v6) { .family = AF_INET6, .at = "::1", .any = "::" };

FIXTURE_SETUP(crowd)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
	self->asker = socket(variant->family, SOCK_STREAM, 0);
	ASSERT_GE(self->asker, 0);
}

FIXTURE_TEARDOWN(crowd)
{
	close(self->events.fd);
}

static int server(int family, const char *at, bool reuse)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if ((reuse && set_on(fd, SOL_SOCKET, SO_REUSEADDR)) || bind_to(fd, at, PORT) ||
	    listen(fd, MANY))
		return -1;
	return fd;
}

/* One more connection; its two ends go to ends[]. */
static int connection(int listener, int family, const char *at, int ends[2])
{
	ends[0] = socket(family, SOCK_STREAM, 0);
	if (connect_to(ends[0], at, PORT))
		return -1;
	ends[1] = accept(listener, NULL, NULL);
	return ends[1];
}

/* The server closes first: TIME-WAIT is on its side. */
static void leave_time_wait(int ends[2])
{
	close(ends[1]);
	usleep(50000);
	close(ends[0]);
	usleep(50000);
}

static const char *refusal(struct __test_metadata *_metadata, struct events *events, int asker,
			   const char *at)
{
	const char *line;

	EXPECT_EQ(bind_to(asker, at, PORT), -1);
	EXPECT_EQ(errno, EADDRINUSE);
	line = events_next(events, PATIENCE);
	EXPECT_NE(line, NULL);
	if (!line)
		return "";
	TH_LOG("%s", line);
	return line;
}

/* A server that has restarted over its own TIME-WAIT: two are in the way, not three. */
TEST_F(crowd, restarted)
{
	int first = server(variant->family, variant->at, true), again, ends[2];
	const char *line;

	ASSERT_GE(first, 0);
	ASSERT_GE(connection(first, variant->family, variant->at, ends), 0);
	leave_time_wait(ends);
	close(first);
	again = server(variant->family, variant->at, true);
	ASSERT_GE(again, 0);
	line = refusal(_metadata, &self->events, self->asker, variant->any);
	EXPECT_STREQ(value(line, "rule"), "listener");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(again));
	EXPECT_EQ(number(line, "holders"), 2);
}

/* The listener is the one that was bound first, so that it is met last. */
TEST_F(crowd, listener_last)
{
	int bound[MANY], i;
	const char *line;

	for (i = 0; i < MANY; i++) {
		bound[i] = socket(variant->family, SOCK_STREAM, 0);
		ASSERT_EQ(set_on(bound[i], SOL_SOCKET, SO_REUSEADDR), 0);
		ASSERT_EQ(bind_to(bound[i], variant->at, PORT), 0);
	}
	ASSERT_EQ(listen(bound[0], 1), 0);
	line = refusal(_metadata, &self->events, self->asker, variant->at);
	EXPECT_STREQ(value(line, "rule"), "listener");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(bound[0]));
	/* it does not help against a listener */
	EXPECT_EQ(strstr(value(line, "fix"), "SO_REUSEADDR"), NULL);
	ASSERT_EQ(set_on(self->asker, SOL_SOCKET, SO_REUSEADDR), 0);
	EXPECT_EQ(bind_to(self->asker, variant->at, PORT), -1);
}

/* Behind them all a connection lives on: waiting for TIME-WAIT to end is no use. */
TEST_F(crowd, one_alive)
{
	int listener = server(variant->family, variant->at, false), alive[2], ends[2], i;
	const char *line;

	ASSERT_GE(listener, 0);
	ASSERT_GE(connection(listener, variant->family, variant->at, alive), 0);
	for (i = 0; i < MANY; i++) {
		ASSERT_GE(connection(listener, variant->family, variant->at, ends), 0);
		leave_time_wait(ends);
	}
	close(listener);
	line = refusal(_metadata, &self->events, self->asker, variant->at);
	EXPECT_STREQ(value(line, "rule"), "conn_active");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(alive[1]));
	EXPECT_STREQ(value(line, "frees_ms"), "");
	EXPECT_EQ(strstr(value(line, "fix"), "wait"), NULL);
}

/* All of them are in TIME-WAIT: all count, and the last one says until when. */
TEST_F(crowd, all_time_wait)
{
	int listener = server(variant->family, variant->at, false), ends[2], i;
	const char *line;

	ASSERT_GE(listener, 0);
	for (i = 0; i < MANY; i++) {
		ASSERT_GE(connection(listener, variant->family, variant->at, ends), 0);
		leave_time_wait(ends);
	}
	close(listener);
	line = refusal(_metadata, &self->events, self->asker, variant->at);
	EXPECT_STREQ(value(line, "rule"), "time_wait");
	EXPECT_EQ(number(line, "holders"), MANY);
	EXPECT_STREQ(value(line, "holders_capped"), "");
	/* TCP_TIMEWAIT_LEN of the newest, and the slack of the timer wheel */
	EXPECT_GT(number(line, "frees_ms"), 59000);
	EXPECT_LT(number(line, "frees_ms"), 68000);
}

TEST_HARNESS_MAIN
