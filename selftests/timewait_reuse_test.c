// SPDX-License-Identifier: GPL-2.0
/*
 * TIME-WAIT that gives way before its time: to a bind, to a connect(), to a SYN. Each
 * way is taken several times, and each time is an event and is counted; what the
 * kernel counts itself must be the same number.
 */
#include "tables.h"
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

#define CLIENT	40000
#define TIMES	3

/* A world, and what was counted before it. */
struct tally {
	struct world world;
	long long bind_over;
	long long connect;
	long long syn;
};

FIXTURE(reuse) {
	struct tally tally;
};

FIXTURE_VARIANT(reuse) {
	int family;
	const char *at;
};

FIXTURE_VARIANT_ADD(reuse, v4) { .family = AF_INET, .at = "127.0.0.1" };
FIXTURE_VARIANT_ADD(reuse, v6) { .family = AF_INET6, .at = "::1" };

FIXTURE_SETUP(reuse)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->tally.world), 0);
	self->tally.world.events.also = "reuse";
	ASSERT_EQ(mib("TWRecycled"), 0);
	self->tally.bind_over = stat_value("tw_bind_over");
	self->tally.connect = stat_value("tw_connect");
	self->tally.syn = stat_value("tw_syn");
	ASSERT_GE(self->tally.syn, 0);
}

FIXTURE_TEARDOWN(reuse)
{
	leave_world(_metadata, &self->tally.world);
}

static void expect_counts(struct __test_metadata *_metadata, struct tally *tally,
			  int bind_over, int connect, int syn)
{
	expect_silence(_metadata, &tally->world);
	EXPECT_EQ(stat_value("tw_bind_over"), tally->bind_over + bind_over);
	EXPECT_EQ(stat_value("tw_connect"), tally->connect + connect);
	EXPECT_EQ(stat_value("tw_syn"), tally->syn + syn);
	EXPECT_EQ(mib("TWRecycled"), connect);
}

/* One event of a reuse, with these keys. */
static const char *expect_reuse(struct __test_metadata *_metadata, struct world *world,
				const char *cause, const char *call, const char *thanks)
{
	const char *line = events_next(&world->events, PATIENCE);

	EXPECT_NE(line, NULL) {
		TH_LOG("no event: %s", cause);
	}
	if (!line)
		return "";
	TH_LOG("%s", line);
	expect_keys(_metadata, line, "event", "reuse", "cause", cause, "call", call,
		    "thanks", thanks, "rule", "", "fix", "", "errno", "", "state", "TIME-WAIT",
		    "holder_is", "time_wait", NULL);
	return line;
}

/* A client's socket bound to its source port. */
static int bound_client(int family, const char *at)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if (set_on(fd, SOL_SOCKET, SO_REUSEADDR) || bind_to(fd, at, CLIENT))
		return -1;
	return fd;
}

/* The server closes first; listener: -1 when it is to be closed as well. */
static int serve(int listener, int family, const char *at)
{
	int client = bound_client(family, at), child;

	if (client < 0 || connect_to(client, at, SERVER))
		return -1;
	child = accept(listener, NULL, NULL);
	if (child < 0)
		return -1;
	close(child);
	if (await_state(SERVER, CLIENT, TCP_FIN_WAIT2))
		return -1;
	close(client);
	return await_state(SERVER, CLIENT, TCP_TIME_WAIT);
}

/* A server that restarts, with the option that lets it. */
static void restart(struct __test_metadata *_metadata, struct tally *tally, const char *at,
		    int flag, const char *thanks)
{
	struct side side = { at, flag };
	int server = make_socket(&side), i;
	const char *line;

	ASSERT_EQ(bind_to(server, at, SERVER), 0);
	ASSERT_EQ(listen(server, 8), 0);
	ASSERT_EQ(serve(server, strchr(at, ':') ? AF_INET6 : AF_INET, at), 0);
	for (i = 0; i < TIMES; i++) {
		close(server);
		server = make_socket(&side);
		ASSERT_EQ(bind_to(server, at, SERVER), 0);
		line = expect_reuse(_metadata, &tally->world, "bind_over", "bind", thanks);
		EXPECT_STREQ(value(line, "want"), endpoint(at, SERVER));
		EXPECT_STREQ(value(line, "holder"), endpoint(at, SERVER));
		EXPECT_STREQ(value(line, "peer"), endpoint(at, CLIENT));
		EXPECT_EQ(number(line, "holders"), 1);
		EXPECT_EQ(number(line, "pid"), getpid());
		EXPECT_GT(number(line, "frees_ms"), 50000);
		/* listen() is the same bind once more */
		ASSERT_EQ(listen(server, 8), 0);
	}
	expect_counts(_metadata, tally, TIMES, 0, 0);
}

TEST_F(reuse, bind_reuseaddr)
{
	restart(_metadata, &self->tally, variant->at, REUSEADDR, "reuseaddr");
}

TEST_F(reuse, bind_reuseport)
{
	restart(_metadata, &self->tally, variant->at, REUSEPORT, "reuseport");
}

/* Another address, or a port that TIME-WAIT has left: nothing gives way. */
TEST_F(reuse, bind_beside)
{
	struct side side = { variant->at, REUSEADDR };
	int server = server_on(variant->at, SERVER), beside = make_socket(&side);

	ASSERT_EQ(serve(server, variant->family, variant->at), 0);
	ASSERT_EQ(bind_to(beside, variant->at, SERVER + 1), 0);
	if (variant->family == AF_INET)
		ASSERT_EQ(bind_to(make_socket(&side), "127.0.0.2", SERVER), 0);
	expect_counts(_metadata, &self->tally, 0, 0, 0);
}

/* The peer comes back from the same port: its SYN is accepted into TIME-WAIT. */
TEST_F(reuse, syn)
{
	int server = server_on(variant->at, SERVER), i;
	const char *line;

	ASSERT_GE(server, 0);
	ASSERT_EQ(serve(server, variant->family, variant->at), 0);
	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(serve(server, variant->family, variant->at), 0);
		line = expect_reuse(_metadata, &self->tally.world, "syn", "", "newer");
		EXPECT_STREQ(value(line, "holder"), endpoint(variant->at, SERVER));
		EXPECT_STREQ(value(line, "peer"), endpoint(variant->at, CLIENT));
		EXPECT_STREQ(value(line, "pid"), "");
		EXPECT_STREQ(value(line, "want"), "");
	}
	expect_counts(_metadata, &self->tally, 0, 0, TIMES);
}

/* A client that closes first, bound to its port, connects again from there. */
TEST_F(reuse, connect_bound)
{
	int server = server_on(variant->at, SERVER), i, client, child;
	const char *line;

	ASSERT_GE(server, 0);
	for (i = 0; i <= TIMES; i++) {
		client = bound_client(variant->family, variant->at);
		/* bound over the TIME-WAIT of the last one */
		if (i)
			expect_reuse(_metadata, &self->tally.world, "bind_over", "bind",
				     "reuseaddr");
		ASSERT_EQ(connect_to(client, variant->at, SERVER), 0);
		if (i) {
			line = expect_reuse(_metadata, &self->tally.world, "connect", "connect",
					    "bound");
			EXPECT_STREQ(value(line, "want"), endpoint(variant->at, CLIENT));
			EXPECT_STREQ(value(line, "to"), endpoint(variant->at, SERVER));
		}
		child = accept(server, NULL, NULL);
		close(client);
		ASSERT_EQ(await_state(CLIENT, SERVER, TCP_FIN_WAIT2), 0);
		close(child);
		ASSERT_EQ(await_state(CLIENT, SERVER, TCP_TIME_WAIT), 0);
	}
	expect_counts(_metadata, &self->tally, TIMES, TIMES, 0);
}

/* A port that connect() chooses, under tcp_tw_reuse=1 and 2, once it is old enough. */
TEST_F(reuse, connect_tw_reuse)
{
	int server = server_on(variant->at, SERVER), i, client;
	const char *line;

	ASSERT_GE(server, 0);
	for (i = 1; i <= 2; i++) {
		ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "%d\n", i), 0);
		ASSERT_EQ(time_wait_on(server, CLIENT + i, variant->at, SERVER), 0);
		usleep(2100000);
		client = client_on(CLIENT + i, variant->at, SERVER);
		ASSERT_GE(client, 0);
		line = expect_reuse(_metadata, &self->tally.world, "connect", "connect",
				    "tcp_tw_reuse");
		EXPECT_EQ(number(line, "tcp_tw_reuse"), i);
		EXPECT_STREQ(value(line, "want"), endpoint(variant->at, CLIENT + i));
	}
	expect_counts(_metadata, &self->tally, 0, 2, 0);
}

/* What keeps it: each reason by itself. */
TEST_F(reuse, connect_refused)
{
	int server = server_on(variant->at, SERVER);
	long long off = stat_value("tw_refused_off");
	long long young = stat_value("tw_refused_too_young");
	long long stamps = stat_value("tw_refused_no_timestamps");
	int i;

	ASSERT_GE(server, 0);
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	ASSERT_EQ(time_wait_on(server, CLIENT, variant->at, SERVER), 0);
	self->tally.world.events.also = NULL;
	ASSERT_EQ(client_on(CLIENT, variant->at, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	EXPECT_GT(stat_value("tw_refused_off"), off);

	/* a second may begin between the two, or on a slow machine be over */
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "1\n"), 0);
	for (i = 10; i < 40 && stat_value("tw_refused_too_young") == young; i++) {
		ASSERT_EQ(time_wait_on(server, CLIENT + i, variant->at, SERVER), 0);
		client_on(CLIENT + i, variant->at, SERVER);
	}
	EXPECT_GT(stat_value("tw_refused_too_young"), young);

	ASSERT_EQ(sysctl("ipv4/tcp_timestamps", "0\n"), 0);
	ASSERT_EQ(time_wait_on(server, CLIENT + 9, variant->at, SERVER), 0);
	usleep(2100000);
	ASSERT_EQ(client_on(CLIENT + 9, variant->at, SERVER), -1);
	EXPECT_GT(stat_value("tw_refused_no_timestamps"), stamps);
	while (events_next(&self->tally.world.events, SILENCE))
		;
}

TEST_HARNESS_MAIN
