// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger: who closed first, whom TIME-WAIT is left by and until when, and what got
 * none. What the kernel counts of it must be the same.
 */
#include "tables.h"
#include <sys/wait.h>
#include <time.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"

#define CLIENT	40000
#define TIMES	3

FIXTURE(ledger) {
	struct world world;
	const char *to;
	int server;
};

FIXTURE_VARIANT(ledger) {
	const char *at;
};

FIXTURE_VARIANT_ADD(ledger, v4) { .at = "127.0.0.1" };
FIXTURE_VARIANT_ADD(ledger, v6) { .at = "::1" };

/* What did not find room before us. */
static long long full, forgotten;

FIXTURE_SETUP(ledger)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	self->world.events.also = "overflow";
	self->server = server_on(variant->at, SERVER);
	ASSERT_GE(self->server, 0);
	self->to = strdup(endpoint(variant->at, SERVER));
	ASSERT_EQ(mib("TW"), 0);
	full = stat_value("ledger_full");
	forgotten = stat_value("ledger_forgotten");
}

/* All that the kernel has counted in our namespace, we have. */
static void expect_reconciled(struct __test_metadata *_metadata)
{
	long long made = column_sum("timewait", "active_close") +
			 column_sum("timewait", "simultaneous_close") -
			 column_sum("timewait", "overflow");

	EXPECT_EQ(made, mib("TW") + mib("TWKilled"));
	EXPECT_EQ(column_sum("timewait", "overflow"), mib("TCPTimeWaitOverflow"));
	EXPECT_EQ(column_sum("timewait", "connect"), mib("TWRecycled"));
	EXPECT_EQ(stat_value("ledger_full"), full);
	EXPECT_EQ(stat_value("ledger_forgotten"), forgotten);
}

FIXTURE_TEARDOWN(ledger)
{
	expect_reconciled(_metadata);
	leave_world(_metadata, &self->world);
}

/* Two ends of a connection from a port that connect() is made to choose; 0: any. */
static int connection(struct __test_metadata *_metadata, const char *at, int server, int port,
		      int *child)
{
	struct side side = { at, 0 };
	int client = make_socket(&side);

	if (port)
		ASSERT_EQ(range(port, port), 0);
	ASSERT_EQ(connect_to(client, at, SERVER), 0);
	*child = accept(server, NULL, NULL);
	ASSERT_GE(*child, 0);
	return client;
}

static long long ours(int port, const char *column)
{
	return strtoll(port_cell(port, column), NULL, 10);
}

static long long theirs(const char *peer, const char *column)
{
	return strtoll(peer_cell(peer, column), NULL, 10);
}

/* The sum over TIME-WAIT lines of connect()'s own ports, of which each has one. */
static void expect_chosen(struct __test_metadata *_metadata, int port, const char *to)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", port);
	EXPECT_STREQ(cell("timewait", "port", text, "peer", to, "time_wait"), "1");
}

static void expect_times(struct __test_metadata *_metadata, long long oldest, long long newest,
			 long long next, long long last)
{
	EXPECT_GE(oldest, newest);
	EXPECT_GE(newest, 0);
	EXPECT_LT(oldest, 20000);
	EXPECT_GE(last, next);
	/* a minute, and what the timer wheel is late */
	EXPECT_GT(next + oldest, 59000);
	EXPECT_LT(last, 69000);
}

TEST_F(ledger, server_first)
{
	long long oldest, newest, last;
	int i, client, child;

	for (i = 0; i < TIMES; i++) {
		client = connection(_metadata, variant->at, self->server, CLIENT + i, &child);
		close(child);
		ASSERT_EQ(await_state(SERVER, CLIENT + i, TCP_FIN_WAIT2), 0);
		close(client);
		ASSERT_EQ(await_state(SERVER, CLIENT + i, TCP_TIME_WAIT), 0);
	}
	EXPECT_EQ(ours(SERVER, "time_wait"), TIMES);
	EXPECT_EQ(ours(SERVER, "fin_wait2"), 0);
	EXPECT_EQ(ours(SERVER, "active_close"), TIMES);
	EXPECT_EQ(ours(SERVER, "passive_close"), 0);
	EXPECT_EQ(ours(SERVER, "simultaneous_close"), 0);
	EXPECT_EQ(ours(SERVER, "pid"), getpid());
	EXPECT_STREQ(port_cell(SERVER, "comm"), "timewait_ledger");
	EXPECT_STREQ(port_cell(SERVER, "exited"), "0");
	/* each is read later than the one before, and grows meanwhile or shrinks */
	newest = ours(SERVER, "newest_ms");
	oldest = ours(SERVER, "oldest_ms");
	last = ours(SERVER, "last_ms");
	expect_times(_metadata, oldest, newest, ours(SERVER, "next_ms"), last);
	EXPECT_EQ(theirs(self->to, "time_wait"), 0);
	EXPECT_EQ(theirs(self->to, "active_close"), 0);
	EXPECT_EQ(theirs(self->to, "passive_close"), TIMES);
	EXPECT_EQ(sockstat_tw(), TIMES);
}

TEST_F(ledger, client_first)
{
	long long oldest, newest, last;
	int i;

	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(time_wait_on(self->server, CLIENT + i, variant->at, SERVER), 0);
		expect_chosen(_metadata, CLIENT + i, self->to);
	}
	EXPECT_EQ(theirs(self->to, "time_wait"), TIMES);
	EXPECT_EQ(theirs(self->to, "active_close"), TIMES);
	EXPECT_EQ(theirs(self->to, "passive_close"), 0);
	/* the process is known if the last ACK came while it was at it */
	if (strcmp(peer_cell(self->to, "pid"), "-"))
		EXPECT_EQ(theirs(self->to, "pid"), getpid());
	EXPECT_STREQ(peer_cell(self->to, "uid"), "0");
	EXPECT_STREQ(peer_cell(self->to, "cgroup"), "/");
	/* each is read later than the one before, and grows meanwhile or shrinks */
	newest = theirs(self->to, "newest_ms");
	oldest = theirs(self->to, "oldest_ms");
	last = theirs(self->to, "last_ms");
	expect_times(_metadata, oldest, newest, theirs(self->to, "next_ms"), last);
	EXPECT_EQ(ours(SERVER, "passive_close"), TIMES);
	EXPECT_EQ(ours(SERVER, "active_close"), 0);
	EXPECT_EQ(ours(SERVER, "time_wait"), 0);
	usleep(1100000);
	EXPECT_GE(theirs(self->to, "oldest_ms"), oldest + 1000);
}

/* Each FIN is under way when the other end is closed: neither has seen the other's. */
TEST_F(ledger, both_at_once)
{
	int client, child;

	if (system("tc qdisc add dev lo root netem delay 400ms"))
		SKIP(return, "no netem");
	client = connection(_metadata, variant->at, self->server, CLIENT, &child);
	close(client);
	close(child);
	ASSERT_EQ(await_state(SERVER, CLIENT, TCP_TIME_WAIT), 0);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_TIME_WAIT), 0);
	EXPECT_EQ(ours(SERVER, "simultaneous_close"), 1);
	EXPECT_EQ(theirs(self->to, "simultaneous_close"), 1);
	EXPECT_EQ(ours(SERVER, "active_close") + ours(SERVER, "passive_close"), 0);
	EXPECT_EQ(theirs(self->to, "active_close") + theirs(self->to, "passive_close"), 0);
	EXPECT_EQ(ours(SERVER, "time_wait"), 1);
	EXPECT_EQ(theirs(self->to, "time_wait"), 1);
}

/* Who resets closes nothing in order, and leaves no TIME-WAIT. */
TEST_F(ledger, reset)
{
	struct linger now = { .l_onoff = 1 };
	int client, child;

	client = connection(_metadata, variant->at, self->server, CLIENT, &child);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(client);
	EXPECT_EQ(recv(child, &now, 1, 0), -1);
	close(child);
	EXPECT_EQ(sockstat_tw(), 0);
	EXPECT_STREQ(port_cell(SERVER, "time_wait"), "");
	EXPECT_STREQ(peer_cell(self->to, "time_wait"), "");
}

/* The peer has not closed yet: what is left is no TIME-WAIT, but in its place. */
TEST_F(ledger, fin_wait2)
{
	int client, child, ms;

	client = connection(_metadata, variant->at, self->server, CLIENT, &child);
	/* an ACK that meets close() at work leaves it a socket until a timer ends it */
	ASSERT_EQ(shutdown(client, SHUT_WR), 0);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_FIN_WAIT2), 0);
	close(client);
	/* the destination gets its row a moment after that: the last thing that is done */
	for (ms = 0; ms < PATIENCE && !theirs(self->to, "fin_wait2"); ms += 5)
		usleep(5000);
	EXPECT_EQ(theirs(self->to, "fin_wait2"), 1);
	EXPECT_EQ(theirs(self->to, "time_wait"), 0);
	EXPECT_STREQ(peer_cell(self->to, "oldest_ms"), "-");
	EXPECT_GT(theirs(self->to, "last_ms"), 50000);
	close(child);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_TIME_WAIT), 0);
	EXPECT_EQ(theirs(self->to, "fin_wait2"), 0);
	EXPECT_EQ(theirs(self->to, "time_wait"), 1);
}

/* Who had the port, and is gone. */
TEST_F(ledger, owner_gone)
{
	struct actor actor = start("left it");
	int server, child, client;

	if (!actor.pid) {
		server = server_on(variant->at, SERVER + 1);
		say(actor.ctl, server >= 0, -1);
		child = accept(server, NULL, NULL);
		close(child);
		idle(actor.ctl);
	}
	ASSERT_EQ(hear(actor.ctl, NULL), 1);
	client = client_on(CLIENT, variant->at, SERVER + 1);
	ASSERT_GE(client, 0);
	ASSERT_EQ(await_state(SERVER + 1, CLIENT, TCP_FIN_WAIT2), 0);
	EXPECT_STREQ(port_cell(SERVER + 1, "exited"), "0");
	ASSERT_EQ(end(&actor), 0);
	close(client);
	ASSERT_EQ(await_state(SERVER + 1, CLIENT, TCP_TIME_WAIT), 0);
	EXPECT_EQ(ours(SERVER + 1, "pid"), actor.pid);
	EXPECT_STREQ(port_cell(SERVER + 1, "comm"), "\"left it\"");
	EXPECT_STREQ(port_cell(SERVER + 1, "exited"), "1");
}

/* As many as there may be: the next ones get none, and are told. */
TEST_F(ledger, overflow)
{
	long long before = stat_value("tw_overflow");
	const char *line;
	int i, client, child;

	ASSERT_EQ(sysctl("ipv4/tcp_max_tw_buckets", "2\n"), 0);
	for (i = 0; i < 2 + TIMES; i++) {
		client = connection(_metadata, variant->at, self->server, CLIENT + i, &child);
		close(child);
		usleep(20000);
		close(client);
		if (i < 2)
			continue;
		line = events_next(&self->world.events, PATIENCE);
		ASSERT_NE(line, NULL);
		TH_LOG("%s", line);
		expect_keys(_metadata, line, "event", "overflow", "reason", "tcp_max_tw_buckets",
			    "holder", endpoint(variant->at, SERVER), "peer",
			    endpoint(variant->at, CLIENT + i), "call", "", "want", "", "rule", "",
			    "bound_comm", "timewait_ledger", NULL);
	}
	expect_silence(_metadata, &self->world);
	EXPECT_EQ(ours(SERVER, "overflow"), TIMES);
	EXPECT_EQ(ours(SERVER, "active_close"), 2 + TIMES);
	EXPECT_EQ(ours(SERVER, "time_wait"), 2);
	EXPECT_EQ(mib("TCPTimeWaitOverflow"), TIMES);
	EXPECT_EQ(stat_value("tw_overflow"), before + TIMES);
}

/* Many at once, of all kinds; the comparison at the end is the test. */
TEST_F(ledger, reconciled)
{
	struct linger now = { .l_onoff = 1 };
	int i, client, child;

	ASSERT_EQ(sysctl("ipv4/tcp_max_tw_buckets", "200\n"), 0);
	for (i = 0; i < 400; i++) {
		client = connection(_metadata, variant->at, self->server, 0, &child);
		if (i % 7 == 3)
			setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(i % 2 ? client : child);
		close(i % 2 ? child : client);
	}
	/* the last ACKs */
	usleep(100000);
	EXPECT_GT(mib("TCPTimeWaitOverflow"), 0);
	EXPECT_GT(column_sum("timewait", "active_close"), 300);
}

/* For want of places: what was not added up, and rows that were given to others. */
static long long turned_away(void)
{
	return stat_value("ledger_full") + stat_value("ledger_forgotten");
}

/* Close so many, each from a port of its own, in a namespace that then goes. */
static long long close_elsewhere(struct __test_metadata *_metadata, int connections)
{
	long long before = turned_away();
	int i, server, client, status;
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		struct side side = { "127.0.0.1", 0 };

		server = enter_netns() ? -1 : server_on("127.0.0.1", SERVER);
		for (i = 0; i < connections; i++) {
			client = make_socket(&side);
			if (bind_to(client, "127.0.0.1", 20000 + i) ||
			    connect_to(client, "127.0.0.1", SERVER))
				_exit(1);
			close(client);
			close(accept(server, NULL, NULL));
		}
		_exit(0);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	ASSERT_EQ(status, 0);
	return turned_away() - before;
}

FIXTURE(crowd) { };
FIXTURE_TEARDOWN(crowd) { }
FIXTURE_SETUP(crowd)
{
	if (unfit())
		SKIP(return, "%s", unfit());
}

/* Who comes after a namespace has the places of its rows, long before they have rested. */
TEST_F_TIMEOUT(crowd, namespace_gone, 3000)
{
	long long lost;
	time_t end;
	int tries = 0;

	/* more than there are rows, then so few that no set of them is full */
	ASSERT_GT(close_elsewhere(_metadata, 5000), 0);
	/* the kernel takes its time */
	end = time(NULL) + (is_debug_kernel() ? 600 : 60);
	do {
		usleep(500000);
		lost = close_elsewhere(_metadata, 300);
		tries++;
	} while (lost && time(NULL) < end);
	TH_LOG("after %d tries", tries);
	EXPECT_EQ(lost, 0);
}

TEST_HARNESS_MAIN
