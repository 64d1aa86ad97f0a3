// SPDX-License-Identifier: GPL-2.0
/*
 * What is told of a listener: its backlog, how full its queues are and were, and what
 * becomes of those who knock. Each cause is brought about, and the kernel's own counters
 * must be the sum of ours.
 */
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "knock.h"

/* The listener, and those who knock at it. */
struct subject {
	struct events *events;
	const char *name;
	int knocker;
	int clients[64];
	int count;
};

FIXTURE(listener) {
	struct world world;
	struct subject it;
	int fd;
};

FIXTURE_VARIANT(listener) {
	const char *at;
	const char *to;
};

FIXTURE_VARIANT_ADD(listener, v4) { .at = HERE, .to = HERE };
FIXTURE_VARIANT_ADD(listener, v6) { .at = HERE6, .to = HERE6 };
/* both ends say v6, and the packets are v4 */
FIXTURE_VARIANT_ADD(listener, mapped) { .at = "::", .to = HERE };

FIXTURE_SETUP(listener)
{
	struct side side = { variant->at, REUSEADDR };

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	self->it.events = &self->world.events;
	self->world.events.also = "backlog stuck";
	ASSERT_EQ(make_nowhere(), 0);
	self->it.knocker = make_knocker(strchr(variant->to, ':'));
	ASSERT_GE(self->it.knocker, 0);
	self->fd = make_socket(&side);
	ASSERT_EQ(bind_to(self->fd, variant->at, SERVER), 0);
	self->it.name = strdup(endpoint(variant->at, SERVER));
}

FIXTURE_TEARDOWN(listener)
{
	EXPECT_TRUE(all_reconciled());
	leave_world(_metadata, &self->world);
}

/* As many clients as are asked for knock, and do not wait for an answer. */
static void clients(struct subject *it, const char *to, int count)
{
	struct side side = { to, 0 };

	while (count--) {
		int fd = make_socket(&side);

		fcntl(fd, F_SETFL, O_NONBLOCK);
		connect_to(fd, to, SERVER);
		it->clients[it->count++] = fd;
	}
}

static void knocks(struct subject *it, const char *to, unsigned int count)
{
	unsigned int n;

	for (n = 0; n < count; n++)
		knock(it->knocker, n + 1, to, SERVER);
}

static long long count(struct subject *it, const char *column)
{
	return listener_count(it->name, column);
}

/* Wait until a column has this value. */
static bool comes_to(struct subject *it, const char *column, long long wanted)
{
	int ms;

	for (ms = 0; ms < PATIENCE && count(it, column) != wanted; ms += 20)
		usleep(20000);
	return count(it, column) == wanted;
}

#define EXPECT_CELL(column, wanted) \
	EXPECT_STREQ(listener_cell(self->it.name, column), wanted) { TH_LOG("%s", column); }
#define EXPECT_MARK(mark, is) \
	EXPECT_EQ(!!strstr(listener_cell(self->it.name, "marks"), mark), is) { TH_LOG("%s", mark); }

/* The next event of a kind, of our listener. */
static const char *next_event(struct subject *it, const char *kind)
{
	const char *line;

	while ((line = events_next(it->events, PATIENCE))) {
		if (!strcmp(value(line, "event"), kind) &&
		    !strcmp(value(line, "holder"), it->name))
			return line;
	}
	return "";
}

/* What events tell of it in all, if it is no more than that. */
static long long told(struct subject *it, const char *key, long long wanted)
{
	long long sum = 0, more;

	while (sum < wanted) {
		more = number(next_event(it, "backlog"), key);
		if (more < 0)
			break;
		sum += more;
	}
	return sum;
}

TEST_F(listener, backlog)
{
	char pid[16];

	ASSERT_EQ(sysctl("core/somaxconn", "4096\n"), 0);
	EXPECT_CELL("backlog", "");
	ASSERT_EQ(listen(self->fd, 7777), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	EXPECT_CELL("pid", pid);
	EXPECT_CELL("listened_pid", pid);
	EXPECT_CELL("comm", "listener_test");
	EXPECT_CELL("uid", "0");
	EXPECT_CELL("asked", "7777");
	EXPECT_CELL("somaxconn", "4096");
	EXPECT_CELL("backlog", "4096");
	EXPECT_LT(count(&self->it, "since_ms"), 10000);
	EXPECT_MARK("clamped", true);
	EXPECT_MARK("somaxconn_changed", false);
	ASSERT_EQ(sysctl("core/somaxconn", "128\n"), 0);
	EXPECT_CELL("backlog", "4096");
	EXPECT_MARK("somaxconn_changed", true);
	/* asked again, of a socket that listens already */
	ASSERT_EQ(listen(self->fd, 9), 0);
	EXPECT_CELL("asked", "9");
	EXPECT_CELL("somaxconn", "128");
	EXPECT_CELL("backlog", "9");
	EXPECT_MARK("clamped", false);
	EXPECT_MARK("somaxconn_changed", false);
	/* any negative number is a large one */
	ASSERT_EQ(listen(self->fd, -1), 0);
	EXPECT_CELL("asked", "-1");
	EXPECT_CELL("backlog", "128");
	EXPECT_MARK("clamped", true);
	/* the row goes with the listener */
	close(self->fd);
	EXPECT_CELL("backlog", "");
}

TEST_F(listener, accept_queue)
{
	const char *line;
	int i, fd;

	ASSERT_EQ(listen(self->fd, 3), 0);
	clients(&self->it, variant->to, 3);
	ASSERT_TRUE(comes_to(&self->it, "accept_now", 3));
	EXPECT_MARK("full", false);
	/* room for one more than the backlog */
	clients(&self->it, variant->to, 1);
	ASSERT_TRUE(comes_to(&self->it, "accept_now", 4));
	EXPECT_MARK("full", true);
	EXPECT_CELL("accept_max", "4");
	EXPECT_CELL("syn_accept_full", "0");
	clients(&self->it, variant->to, 1);
	line = next_event(&self->it, "backlog");
	EXPECT_GE(number(line, "syn_accept_full"), 1);
	EXPECT_STREQ(value(line, "ack_accept_full"), "");
	EXPECT_STREQ(value(line, "accept_now"), "4");
	EXPECT_STREQ(value(line, "backlog"), "3");
	EXPECT_EQ(number(line, "holder_pid"), getpid());
	EXPECT_GE(count(&self->it, "syn_accept_full"), 1);
	EXPECT_GE(mib("ListenOverflows"), 1);
	EXPECT_CELL("accept_now", "4");
	EXPECT_MARK("dropping", true);
	for (i = 0; i < 4; i++) {
		fd = accept(self->fd, NULL, NULL);
		EXPECT_GE(fd, 0);
		close(fd);
		EXPECT_EQ(count(&self->it, "accepted"), i + 1);
	}
	EXPECT_LT(count(&self->it, "accepted_ms"), 5000);
	/* the one that was dropped has knocked again by now, or will */
	ASSERT_TRUE(comes_to(&self->it, "accept_now", 1));
	EXPECT_CELL("accept_max", "4");
	EXPECT_MARK("full", false);
}

/* Handshakes whose last ACK comes when the accept queue has no room any more. */
TEST_F(listener, final_ack)
{
	int i, seconds = 30;

	ASSERT_EQ(setsockopt(self->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			     sizeof(seconds)), 0);
	ASSERT_EQ(listen(self->fd, 3), 0);
	clients(&self->it, variant->to, 3);
	ASSERT_TRUE(comes_to(&self->it, "syn_now", 3));
	/* room for one, and what they send makes them ready for it */
	ASSERT_EQ(listen(self->fd, 0), 0);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(write(self->it.clients[i], "x", 1), 1);
	ASSERT_TRUE(comes_to(&self->it, "accept_now", 1));
	EXPECT_GE(mib("ListenOverflows"), 2);
	EXPECT_GE(count(&self->it, "ack_accept_full"), 2);
	EXPECT_CELL("syn_accept_full", "0");
	EXPECT_CELL("other_drops", "0");
	EXPECT_CELL("accept_max", "1");
	EXPECT_CELL("syn_max", "3");
}

TEST_F(listener, syn_queue_cookies)
{
	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "1\n"), 0);
	ASSERT_EQ(listen(self->fd, 4), 0);
	knocks(&self->it, variant->to, 12);
	/* five requests, and the rest are sent away with cookies */
	ASSERT_TRUE(comes_to(&self->it, "syn_cookie", 7));
	EXPECT_CELL("syn_now", "5");
	EXPECT_CELL("syn_max", "5");
	EXPECT_CELL("cookies_sent", "7");
	EXPECT_EQ(mib("TCPReqQFullDoCookies"), 7);
	EXPECT_EQ(mib("SyncookiesSent"), 7);
	EXPECT_CELL("syn_accept_full", "0");
	/* an ACK that is no cookie */
	knock_from(self->it.knocker, strchr(variant->to, ':') ? "2001:db8:9::7" : "10.0.0.7", 777,
		   variant->to, SERVER, false);
	EXPECT_EQ(mib("SyncookiesFailed"), 1);
	EXPECT_CELL("cookies_failed", "1");
	EXPECT_EQ(told(&self->it, "syn_cookie", 7), 7);
}

TEST_F(listener, cookies_always)
{
	int i, fd;

	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "2\n"), 0);
	ASSERT_EQ(listen(self->fd, 2), 0);
	clients(&self->it, variant->to, 3);
	ASSERT_TRUE(comes_to(&self->it, "accept_now", 3));
	EXPECT_CELL("cookies_sent", "3");
	EXPECT_CELL("cookies_received", "3");
	EXPECT_CELL("syn_max", "0");
	EXPECT_CELL("accept_max", "3");
	/* both a cookie that would be sent and a queue that is full */
	clients(&self->it, variant->to, 1);
	EXPECT_GE(count(&self->it, "syn_accept_full"), 1);
	EXPECT_GE(count(&self->it, "syn_cookie"), 4);
	for (i = 0; i < 3; i++) {
		fd = accept(self->fd, NULL, NULL);
		EXPECT_GE(fd, 0);
		close(fd);
	}
	EXPECT_CELL("accepted", "3");
	EXPECT_CELL("waits_lost", "0");
}

TEST_F(listener, syn_queue_drops)
{
	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "0\n"), 0);
	ASSERT_EQ(listen(self->fd, 4), 0);
	knocks(&self->it, variant->to, 12);
	ASSERT_TRUE(comes_to(&self->it, "syn_drop", 7));
	EXPECT_CELL("syn_now", "5");
	EXPECT_EQ(mib("TCPReqQFullDrop"), 7);
	EXPECT_EQ(mib("ListenDrops"), 7);
	EXPECT_CELL("other_drops", "0");
}

TEST_F(listener, last_quarter)
{
	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "0\n"), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_max_syn_backlog", "16\n"), 0);
	ASSERT_EQ(listen(self->fd, 100), 0);
	knocks(&self->it, variant->to, 20);
	/* while less than a quarter is free, for those that are known */
	ASSERT_TRUE(comes_to(&self->it, "syn_reserve", 7));
	EXPECT_CELL("syn_now", "13");
	EXPECT_EQ(mib("ListenDrops"), 7);
	EXPECT_EQ(told(&self->it, "syn_reserve", 7), 7);
}

TEST_F(listener, no_route)
{
	const char *from = strchr(variant->to, ':') ? "2001:db8:8::1" : "203.0.113.1";

	ASSERT_EQ(listen(self->fd, 4), 0);
	knock_from(self->it.knocker, from, 7777, variant->to, SERVER, true);
	EXPECT_EQ(mib("ListenDrops"), 1);
	EXPECT_CELL("other_drops", "1");
	EXPECT_CELL("syn_no_memory", "0");
	EXPECT_CELL("syn_max", "0");
}

/* A bare ACK is dropped without being counted, until data comes. */
TEST_F(listener, defer_accept)
{
	int fd, seconds = 30;

	ASSERT_EQ(setsockopt(self->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
			     sizeof(seconds)), 0);
	ASSERT_EQ(listen(self->fd, 4), 0);
	clients(&self->it, variant->to, 2);
	ASSERT_TRUE(comes_to(&self->it, "syn_now", 2));
	EXPECT_EQ(mib("TCPDeferAcceptDrop"), 2);
	EXPECT_CELL("accept_max", "0");
	EXPECT_EQ(write(self->it.clients[1], "x", 1), 1);
	fd = accept(self->fd, NULL, NULL);
	EXPECT_GE(fd, 0);
	EXPECT_CELL("accepted", "1");
	EXPECT_CELL("other_drops", "0");
}

/* The connection is in the accept queue with the SYN, and never in the other. */
TEST_F(listener, fast_open)
{
	struct sockaddr_storage ss;
	struct side side = { variant->to, 0 };
	socklen_t len = address(&ss, variant->to, SERVER);
	int i, fd, limit = 16;

	/* client and server, without a cookie of its own */
	ASSERT_EQ(sysctl("ipv4/tcp_fastopen", "%d\n", 0x1 | 0x2 | 0x4 | 0x200), 0);
	ASSERT_EQ(setsockopt(self->fd, IPPROTO_TCP, TCP_FASTOPEN, &limit, sizeof(limit)), 0);
	ASSERT_EQ(listen(self->fd, 1), 0);
	for (i = 0; i < 4; i++) {
		fd = make_socket(&side);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&ss, len);
		self->it.clients[self->it.count++] = fd;
	}
	EXPECT_EQ(mib("TCPFastOpenPassive"), 2);
	EXPECT_CELL("accept_now", "2");
	EXPECT_CELL("accept_max", "2");
	EXPECT_CELL("syn_max", "0");
	EXPECT_GE(count(&self->it, "syn_accept_full"), 2);
	for (i = 0; i < 2; i++) {
		fd = accept(self->fd, NULL, NULL);
		EXPECT_GE(fd, 0);
		EXPECT_EQ(close(fd), 0);
	}
	EXPECT_CELL("accepted", "2");
}

/* One that is accepted before its handshake is complete. */
TEST_F(listener, fast_open_early)
{
	struct sockaddr_storage ss;
	struct side side = { variant->to, 0 };
	socklen_t len = address(&ss, variant->to, SERVER);
	int fd, limit = 16;

	if (system("tc qdisc add dev lo root netem delay 100ms"))
		SKIP(return, "no netem");
	ASSERT_EQ(sysctl("ipv4/tcp_fastopen", "%d\n", 0x1 | 0x2 | 0x4 | 0x200), 0);
	ASSERT_EQ(setsockopt(self->fd, IPPROTO_TCP, TCP_FASTOPEN, &limit, sizeof(limit)), 0);
	ASSERT_EQ(listen(self->fd, 4), 0);
	fd = make_socket(&side);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&ss, len);
	EXPECT_GE(accept(self->fd, NULL, NULL), 0);
	EXPECT_EQ(mib("TCPFastOpenPassive"), 1);
	/* it counts when its last ACK comes */
	EXPECT_TRUE(comes_to(&self->it, "accepted", 1));
	EXPECT_EQ(stat_value("waits_full"), 0);
	EXPECT_CELL("syn_max", "0");
}

/* What it had counted is not forgotten with it. */
TEST_F(listener, reopened)
{
	struct side side = { variant->at, REUSEADDR };
	int round;

	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "0\n"), 0);
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(listen(self->fd, 2), 0);
		knocks(&self->it, variant->to, 8);
		EXPECT_CELL("syn_drop", "5");
		close(self->fd);
		/* what was to be told of it is told when it goes */
		EXPECT_EQ(told(&self->it, "syn_drop", 5), 5);
		self->fd = make_socket(&side);
		ASSERT_EQ(bind_to(self->fd, variant->at, SERVER), 0);
	}
	EXPECT_EQ(mib("ListenDrops"), 15);
}

TEST_HARNESS_MAIN
