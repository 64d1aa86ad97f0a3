// SPDX-License-Identifier: GPL-2.0
/*
 * A server that closed first leaves TIME-WAIT on its port: who is refused for
 * it, what helps, and when it frees. Sleeps for minutes; run under icount, where
 * that takes no time.
 */
#include "tcpwatch.h"
#include <time.h>
#include "harness.h"

#define PORT	18080

FIXTURE(timewait) {
	struct events events;
};

FIXTURE_VARIANT(timewait) {
	bool holder_reuseaddr;
	bool want_reuseaddr;
	bool v6;
	bool refused;
};

FIXTURE_VARIANT_ADD(timewait, neither) { .refused = true };
FIXTURE_VARIANT_ADD(timewait, want) {
	.want_reuseaddr = true, .refused = true };
FIXTURE_VARIANT_ADD(timewait, holder) {
	.holder_reuseaddr = true, .refused = true };
FIXTURE_VARIANT_ADD(timewait, both) {
	.holder_reuseaddr = true, .want_reuseaddr = true };
FIXTURE_VARIANT_ADD(timewait, v6) { .v6 = true, .refused = true };
FIXTURE_VARIANT_ADD(timewait, v6_holder) {
	.v6 = true, .holder_reuseaddr = true, .refused = true };
FIXTURE_VARIANT_ADD(timewait, v6_both) {
	.v6 = true, .holder_reuseaddr = true, .want_reuseaddr = true };

FIXTURE_SETUP(timewait)
{
	const char *at = variant->v6 ? "::1" : "127.0.0.1";
	int family = variant->v6 ? AF_INET6 : AF_INET;
	int listener, client, child;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	listener = socket(family, SOCK_STREAM, 0);
	client = socket(family, SOCK_STREAM, 0);
	ASSERT_EQ(events_open(&self->events), 0);
	if (variant->holder_reuseaddr)
		ASSERT_EQ(set_on(listener, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(bind_to(listener, at, PORT), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	ASSERT_EQ(connect_to(client, at, PORT), 0);
	child = accept(listener, NULL, NULL);
	ASSERT_GE(child, 0);
	/* the server first, so that TIME-WAIT is on its side */
	close(child);
	close(listener);
	usleep(50000);
	close(client);
	usleep(50000);
}

FIXTURE_TEARDOWN(timewait)
{
	close(self->events.fd);
}

TEST_F(timewait, restart)
{
	const char *at = variant->v6 ? "::1" : "127.0.0.1";
	int family = variant->v6 ? AF_INET6 : AF_INET;
	int server = socket(family, SOCK_STREAM, 0);
	const char *line, *fix;
	long long left;

	if (variant->want_reuseaddr)
		ASSERT_EQ(set_on(server, SOL_SOCKET, SO_REUSEADDR), 0);
	if (!variant->refused) {
		ASSERT_EQ(bind_to(server, at, PORT), 0);
		ASSERT_EQ(listen(server, 1), 0);
		EXPECT_EQ(events_next(&self->events, SILENCE), NULL);
		return;
	}
	ASSERT_EQ(bind_to(server, at, PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "rule"), "time_wait");
	EXPECT_STREQ(value(line, "state"), "TIME-WAIT");
	EXPECT_STREQ(value(line, "want"), endpoint(at, PORT));
	EXPECT_STREQ(value(line, "holder"), endpoint(at, PORT));
	EXPECT_EQ(number(line, "holder_reuseaddr"), variant->holder_reuseaddr);
	EXPECT_STREQ(value(line, "holder_pid"), "");
	EXPECT_STREQ(value(line, "holder_ino"), "");

	/* TCP_TIMEWAIT_LEN is 60 s, counted from 50 ms ago; timers may be late by an eighth */
	left = number(line, "frees_ms");
	EXPECT_GT(left, 59000);
	EXPECT_LE(left, 60000 * 9 / 8);

	fix = value(line, "fix");
	if (variant->holder_reuseaddr) {
		int other = socket(family, SOCK_STREAM, 0);

		EXPECT_EQ(strncmp(fix, "set SO_REUSEADDR on this socket", 31), 0);
		ASSERT_EQ(set_on(other, SOL_SOCKET, SO_REUSEADDR), 0);
		EXPECT_EQ(bind_to(other, at, PORT), 0);
		close(other);
		return;
	}
	EXPECT_EQ(strncmp(fix, "wait until TIME-WAIT ends", 25), 0);

	/* not before the time that was named, less what the event took, nor after it */
	usleep((left - 250) * 1000);
	EXPECT_EQ(bind_to(server, at, PORT), -1);
	usleep(300 * 1000);
	EXPECT_EQ(bind_to(server, at, PORT), 0);
}

/*
 * The peer never closes: an orphan in FIN-WAIT-2, which the stack keeps in the
 * form of TIME-WAIT, for tcp_fin_timeout.
 */
TEST(fin_wait_2)
{
	int listener, client, child, server;
	struct events events;
	const char *line;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&events), 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	server = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(bind_to(listener, "127.0.0.1", PORT), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	child = accept(listener, NULL, NULL);
	ASSERT_GE(child, 0);
	close(child);
	close(listener);
	usleep(50000);
	ASSERT_EQ(bind_to(server, "127.0.0.1", PORT), -1);
	line = events_next(&events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "state"), "FIN-WAIT-2");
	EXPECT_STREQ(value(line, "rule"), "time_wait");
	EXPECT_STREQ(value(line, "holder_pid"), "");
}

TEST_HARNESS_MAIN
