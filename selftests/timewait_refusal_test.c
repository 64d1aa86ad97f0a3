// SPDX-License-Identifier: GPL-2.0
/*
 * TIME-WAIT that does not give way to a connect(): each reason by itself, as an event
 * that says what would have helped, and as a count of the destination. Over the loopback
 * and from one namespace to another.
 */
#include "tables.h"
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"

#define CLIENT	40000

FIXTURE(refusal) {
	struct world world;
	int server;
	char to[64];
	struct actor beyond;
};

FIXTURE_VARIANT(refusal) {
	const char *at;
	bool veth;
};

FIXTURE_VARIANT_ADD(refusal, v4_loopback) { .at = "127.0.0.1" };
FIXTURE_VARIANT_ADD(refusal, v6_loopback) { .at = "::1" };
FIXTURE_VARIANT_ADD(refusal, v4_veth) { .at = "192.0.2.2", .veth = true };
FIXTURE_VARIANT_ADD(refusal, v6_veth) { .at = "2001:db8::2", .veth = true };

/* The other end of the link: a namespace with a server that closes when its peer has. */
static void serve_beyond(int ctl, const char *at)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char byte;
	int server, child;

	if (enter_netns())
		_exit(1);
	say(ctl, 1, -1);
	hear(ctl, NULL);
	if (system("ip link set vb up") || system("ip addr add 192.0.2.2/24 dev vb") ||
	    system("ip addr add 2001:db8::2/64 dev vb nodad"))
		_exit(1);
	server = server_on(at, SERVER);
	say(ctl, server >= 0, -1);
	while ((child = accept(server, (struct sockaddr *)&ss, &len)) >= 0) {
		/* when the client has: TIME-WAIT is the client's */
		while (read(child, &byte, 1) > 0)
			;
		close(child);
	}
	_exit(0);
}

static int link_up(struct actor *beyond, const char *at)
{
	char command[256];

	*beyond = start("beyond");
	if (!beyond->pid)
		serve_beyond(beyond->ctl, at);
	if (hear(beyond->ctl, NULL) != 1)
		return -1;
	snprintf(command, sizeof(command), "ip link add va type veth peer name vb netns %d",
		 beyond->pid);
	if (system(command) || system("ip link set va up") ||
	    system("ip addr add 192.0.2.1/24 dev va") ||
	    system("ip addr add 2001:db8::1/64 dev va nodad"))
		return -1;
	say(beyond->ctl, 1, -1);
	return hear(beyond->ctl, NULL) == 1 ? 0 : -1;
}

FIXTURE_SETUP(refusal)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	if (variant->veth) {
		ASSERT_EQ(link_up(&self->beyond, variant->at), 0);
	} else {
		self->server = server_on(variant->at, SERVER);
		ASSERT_GT(self->server, 0);
	}
	self->world.events.also = "refusal reuse";
	snprintf(self->to, sizeof(self->to), "%s", endpoint(variant->at, SERVER));
}

FIXTURE_TEARDOWN(refusal)
{
	if (variant->veth)
		kill(self->beyond.pid, SIGKILL);
	EXPECT_EQ(column_sum("timewait", "connect"), mib("TWRecycled"));
	leave_world(_metadata, &self->world);
}

/* TIME-WAIT on that port, left by a client of the server; FIN-WAIT-2 if it is cut short. */
static int leave(int server, int port, const char *at, bool cut_short)
{
	int client, child = -1;

	client = client_on(port, at, SERVER);
	if (client < 0)
		return -1;
	if (server)
		child = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	close(client);
	/* the server beyond does not wait for us to see that */
	if (server && await_state(port, SERVER, TCP_FIN_WAIT2))
		return -1;
	if (cut_short)
		return 0;
	if (server)
		close(child);
	return await_state(port, SERVER, TCP_TIME_WAIT);
}

/* connect() from that port alone is refused, and by this. */
static const char *expect_refusal(struct __test_metadata *_metadata, struct world *world,
				  const char *at, int port, const char *reason)
{
	char stat[64];
	const char *line;
	long long before;

	snprintf(stat, sizeof(stat), "tw_refused_%s", reason);
	before = stat_value(stat);
	ASSERT_GE(before, 0);
	EXPECT_EQ(client_on(port, at, SERVER), -1);
	EXPECT_EQ(errno, EADDRNOTAVAIL);
	EXPECT_GT(stat_value(stat), before);
	line = events_next(&world->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	expect_keys(_metadata, line, "event", "refusal", "call", "connect", "reason", reason,
		    "to", endpoint(at, SERVER), "rule", "", "errno", "", "cause", "", NULL);
	EXPECT_EQ(number(line, "pid"), getpid());
	/* the connect() itself is a conflict */
	EXPECT_NE(events_next(&world->events, PATIENCE), NULL);
	return line;
}

TEST_F(refusal, off)
{
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	ASSERT_EQ(leave(self->server, CLIENT, variant->at, false), 0);
	expect_refusal(_metadata, &self->world, variant->at, CLIENT, "off");
	EXPECT_GE(atoll(peer_cell(self->to, "refused")), 1);
	EXPECT_EQ(atoll(peer_cell(self->to, "connect")), 0);
}

/* Only a connection over the loopback is taken over under 2. */
TEST_F(refusal, loopback)
{
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "2\n"), 0);
	ASSERT_EQ(leave(self->server, CLIENT, variant->at, false), 0);
	usleep(2100000);
	if (variant->veth) {
		expect_refusal(_metadata, &self->world, variant->at, CLIENT, "not_loopback");
	} else {
		ASSERT_GE(client_on(CLIENT, variant->at, SERVER), 0);
		EXPECT_EQ(atoll(peer_cell(self->to, "connect")), 1);
	}
}

/* And any under 1, as soon as it is said to be old enough, but no sooner. */
TEST_F(refusal, too_young)
{
	int i, late, client = -1;
	const char *line = "";
	long long ms;

	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "1\n"), 0);
	/* a second may begin between the two */
	for (i = 0; i < 30 && !*line; i++) {
		ASSERT_EQ(leave(self->server, CLIENT + i, variant->at, false), 0);
		if (client_on(CLIENT + i, variant->at, SERVER) < 0)
			line = events_next(&self->world.events, PATIENCE);
		else
			events_next(&self->world.events, PATIENCE);
	}
	TH_LOG("%s", line);
	expect_keys(_metadata, line, "event", "refusal", "reason", "too_young", "tcp_tw_reuse",
		    "1", "want", endpoint(variant->veth ? strchr(variant->at, ':') ?
					  "2001:db8::1" : "192.0.2.1" : variant->at,
					  CLIENT + i - 1), NULL);
	ms = number(line, "aged_ms");
	EXPECT_GE(ms, 1);
	EXPECT_LE(ms, 2000);
	usleep(ms * 1000);
	/* where it is whole seconds that count, a CPU of the host's counts them, when it has one */
	for (late = 0; late < 50 && client < 0; late++) {
		client = client_on(CLIENT + i - 1, variant->at, SERVER);
		if (client < 0)
			usleep(10000);
	}
	EXPECT_GE(client, 0);
}

TEST_F(refusal, no_timestamps)
{
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "1\n"), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_timestamps", "0\n"), 0);
	ASSERT_EQ(leave(self->server, CLIENT, variant->at, false), 0);
	usleep(2100000);
	expect_refusal(_metadata, &self->world, variant->at, CLIENT, "no_timestamps");
}

/* The peer has not closed: it is no TIME-WAIT yet. */
TEST_F(refusal, fin_wait2)
{
	if (variant->veth)
		SKIP(return, "the server there closes");
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "1\n"), 0);
	ASSERT_EQ(leave(self->server, CLIENT, variant->at, true), 0);
	usleep(2100000);
	expect_refusal(_metadata, &self->world, variant->at, CLIENT, "fin_wait2");
}

/* A source port that was bound: whatever tcp_tw_reuse is, timestamps decide. */
TEST_F(refusal, bound_port)
{
	struct side side = { variant->at, REUSEADDR };
	const char *line;
	int client, child;

	if (variant->veth)
		SKIP(return, "the loopback is enough");
	ASSERT_EQ(sysctl("ipv4/tcp_timestamps", "0\n"), 0);
	client = make_socket(&side);
	ASSERT_EQ(bind_to(client, variant->at, CLIENT), 0);
	ASSERT_EQ(connect_to(client, variant->at, SERVER), 0);
	child = accept(self->server, NULL, NULL);
	close(client);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_FIN_WAIT2), 0);
	close(child);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_TIME_WAIT), 0);
	client = make_socket(&side);
	ASSERT_EQ(bind_to(client, variant->at, CLIENT), 0);
	expect_keys(_metadata, events_next(&self->world.events, PATIENCE), "event", "reuse",
		    "cause", "bind_over", NULL);
	ASSERT_EQ(connect_to(client, variant->at, SERVER), -1);
	EXPECT_EQ(errno, EADDRNOTAVAIL);
	line = events_next(&self->world.events, PATIENCE);
	ASSERT_NE(line, NULL);
	expect_keys(_metadata, line, "event", "refusal", "reason", "no_timestamps", "want",
		    endpoint(variant->at, CLIENT), NULL);
	EXPECT_STREQ(port_cell(CLIENT, "refused"), "1");
	EXPECT_STREQ(port_cell(CLIENT, "bind_over"), "1");
	EXPECT_NE(events_next(&self->world.events, PATIENCE), NULL);
}

TEST_HARNESS_MAIN
