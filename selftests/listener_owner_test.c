// SPDX-License-Identifier: GPL-2.0
/*
 * Who listens and who accepts: servers that are stuck, shared or slower than the others
 * of their group, how long connections wait for accept(), and what has no cause of its
 * own among the kernel's counters.
 */
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip_icmp.h>
#include <pthread.h>
#include <signal.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "knock.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP	262
#endif

#define AT	HERE ":18080"

FIXTURE(server) {
	struct world world;
	int fd;
};

FIXTURE_SETUP(server)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(make_nowhere(), 0);
	self->world.events.also = "stuck";
	self->fd = server_on(HERE, SERVER);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(server)
{
	EXPECT_TRUE(all_reconciled());
	leave_world(_metadata, &self->world);
}

/* A client that does not wait; of MPTCP if the protocol says so. */
static int client(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	connect_to(fd, HERE, SERVER);
	return fd;
}

static bool comes_to(const char *column, const char *wanted)
{
	int ms;

	for (ms = 0; ms < PATIENCE && strcmp(listener_cell(AT, column), wanted); ms += 20)
		usleep(20000);
	return !strcmp(listener_cell(AT, column), wanted);
}

/* How many have waited so many us at least, as far as classes tell. */
static int waits(long long us)
{
	char cells[512], *at = cells;
	long long below;
	int count, sum = 0, len;

	snprintf(cells, sizeof(cells), "%s", listener_cell(AT, "waits_us"));
	while (sscanf(at, "%lld:%d%n", &below, &count, &len) == 2) {
		if (below > us)
			sum += count;
		at += len;
		at += *at == ',';
	}
	return sum;
}

TEST_F(server, waits)
{
	int i;

	for (i = 0; i < 3; i++)
		client(0);
	ASSERT_TRUE(comes_to("accept_now", "3"));
	EXPECT_EQ(waits(0), 0);
	usleep(300000);
	ASSERT_GE(accept(self->fd, NULL, NULL), 0);
	EXPECT_EQ(waits(0), 1);
	/* the class of 0.26 s to 0.52 s, or a later one on a slow machine */
	EXPECT_EQ(waits(300000), 1);
	usleep(800000);
	ASSERT_GE(accept(self->fd, NULL, NULL), 0);
	ASSERT_GE(accept(self->fd, NULL, NULL), 0);
	EXPECT_EQ(waits(0), 3);
	EXPECT_GE(waits(1100000), 2);
	EXPECT_STREQ(listener_cell(AT, "accepted"), "3");
	EXPECT_STREQ(listener_cell(AT, "waits_lost"), "0");
}

static void *accept_one(void *arg)
{
	accept(*(int *)arg, NULL, NULL);
	return NULL;
}

/* Those who sleep in accept() are there first: what comes does not wait. */
TEST_F(server, accept_sleeps)
{
	pthread_t threads[40];
	int i;

	for (i = 0; i < 40; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, accept_one, &self->fd), 0);
	usleep(3000000);
	for (i = 0; i < 40; i++)
		client(0);
	for (i = 0; i < 40; i++)
		pthread_join(threads[i], NULL);
	EXPECT_STREQ(listener_cell(AT, "accepted"), "40");
	EXPECT_STREQ(listener_cell(AT, "waits_lost"), "0");
	EXPECT_EQ(waits(0), 40);
	/* it is not their sleep that is measured */
	EXPECT_EQ(waits(2200000), 0);
}

TEST_F(server, stuck)
{
	struct actor actor;
	long long alerts;
	const char *line;
	char pid[16];
	int i;

	alerts = stat_value("alerts") + stat_value("alerts_held");
	ASSERT_EQ(control("stuck=1\n"), 0);
	close(self->fd);
	actor = start("sleeper");
	if (!actor.pid) {
		self->fd = server_on(HERE, SERVER);
		say(actor.ctl, 1, -1);
		while (hear(actor.ctl, NULL) == 2) {
			accept(self->fd, NULL, NULL);
			say(actor.ctl, 3, -1);
		}
		_exit(0);
	}
	ASSERT_EQ(hear(actor.ctl, NULL), 1);
	ASSERT_EQ(kill(actor.pid, SIGSTOP), 0);
	usleep(1300000);
	/* nobody knocks, so nobody is missed */
	EXPECT_STREQ(listener_cell(AT, "marks"), "-");
	for (i = 0; i < 3; i++)
		client(0);
	line = events_next(&self->world.events, PATIENCE);
	ASSERT_NE(line, NULL);
	snprintf(pid, sizeof(pid), "%d", actor.pid);
	expect_keys(_metadata, line, "event", "stuck", "holder", AT, "holder_pid", pid,
		    "holder_comm", "sleeper", "holder_runs", "T", "accept_now", "3",
		    "backlog", "64", NULL);
	EXPECT_GE(number(line, "stuck_ms"), 1000);
	EXPECT_LT(number(line, "stuck_ms"), 6000);
	EXPECT_STREQ(listener_cell(AT, "marks"), "stuck");
	EXPECT_STREQ(listener_cell(AT, "runs"), "T");
	EXPECT_STREQ(listener_cell(AT, "comm"), "sleeper");
	EXPECT_GE(listener_count(AT, "stuck_ms"), 1000);
	/* and in the kernel log; told once, until somebody accepts */
	EXPECT_EQ(events_next(&self->world.events, 1500), NULL);
	EXPECT_EQ(stat_value("alerts") + stat_value("alerts_held"), alerts + 1);
	ASSERT_EQ(control("stuck=3\n"), 0);
	ASSERT_EQ(kill(actor.pid, SIGCONT), 0);
	say(actor.ctl, 2, -1);
	ASSERT_EQ(hear(actor.ctl, NULL), 3);
	EXPECT_STREQ(listener_cell(AT, "marks"), "-");
	line = events_next(&self->world.events, 3000 + PATIENCE);
	ASSERT_NE(line, NULL);
	expect_keys(_metadata, line, "event", "stuck", "holder_runs", "S", "accept_now", "2", NULL);
	close(actor.ctl);
	ASSERT_EQ(control("stuck=5\n"), 0);
}

TEST_F(server, shared)
{
	struct actor actor = start("heir");

	if (!actor.pid) {
		say(actor.ctl, 1, -1);
		hear(actor.ctl, NULL);
		_exit(0);
	}
	ASSERT_EQ(hear(actor.ctl, NULL), 1);
	EXPECT_STREQ(listener_cell(AT, "procs"), "2");
	EXPECT_STREQ(listener_cell(AT, "listened_comm"), "listener_owner_");
	close(self->fd);
	EXPECT_TRUE(comes_to("procs", "1"));
	EXPECT_STREQ(listener_cell(AT, "comm"), "heir");
	close(actor.ctl);
	EXPECT_TRUE(comes_to("procs", ""));
}

/* Three share a port, and one of them does not accept. */
TEST_F(server, slow_member)
{
	struct side side = { HERE, REUSEPORT };
	int fds[3], i, n, accepted = 0;
	char waiting[16];

	close(self->fd);
	for (i = 0; i < 3; i++) {
		fds[i] = make_socket(&side);
		ASSERT_EQ(bind_to(fds[i], HERE, SERVER), 0);
		ASSERT_EQ(listen(fds[i], 64), 0);
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
	}
	for (n = 0; n < 60; n++) {
		int fd = make_socket(&side);

		ASSERT_EQ(connect_to(fd, HERE, SERVER), 0);
		for (i = 0; i < 2; i++)
			accepted += accept(fds[i], NULL, NULL) >= 0;
	}
	/* the last ACK may come after connect() has returned */
	for (n = 0; n < PATIENCE && accepted + column_sum("listeners", "accept_now") < 60; n += 20)
		usleep(20000);
	for (i = 0; i < 2; i++) {
		while (accept(fds[i], NULL, NULL) >= 0)
			accepted++;
	}
	snprintf(waiting, sizeof(waiting), "%d", 60 - accepted);
	EXPECT_GE(60 - accepted, 4);
	EXPECT_STREQ(cell("listeners", "address", AT, "accept_now", waiting, "marks"),
		     "slow_member");
	EXPECT_STREQ(cell("listeners", "address", AT, "accept_now", waiting, "group"), "3");
	EXPECT_STREQ(cell("listeners", "address", AT, "accept_now", "0", "marks"), "-");
	EXPECT_EQ(column_sum("listeners", "accepted"), accepted);
}

/* What waits at one that is closed goes to another of its group: tcp_migrate_req. */
TEST_F(server, migrated)
{
	struct side side = { HERE, REUSEPORT };
	int fds[2], i;

	close(self->fd);
	ASSERT_EQ(sysctl("ipv4/tcp_migrate_req", "1\n"), 0);
	for (i = 0; i < 2; i++) {
		fds[i] = make_socket(&side);
		ASSERT_EQ(bind_to(fds[i], HERE, SERVER), 0);
		ASSERT_EQ(listen(fds[i], 64), 0);
	}
	for (i = 0; i < 30; i++)
		ASSERT_EQ(connect_to(make_socket(&side), HERE, SERVER), 0);
	for (i = 0; i < PATIENCE && column_sum("listeners", "accept_now") != 30; i += 20)
		usleep(20000);
	EXPECT_EQ(column_sum("listeners", "accept_now"), 30);
	close(fds[0]);
	EXPECT_TRUE(comes_to("accept_now", "30"));
	EXPECT_STREQ(listener_cell(AT, "accept_max"), "30");
	for (i = 0; i < 30; i++)
		ASSERT_GE(accept(fds[1], NULL, NULL), 0);
	EXPECT_STREQ(listener_cell(AT, "accepted"), "30");
	/* of those that came later nobody has seen when */
	EXPECT_EQ(waits(0) + listener_count(AT, "waits_lost"), 30);
	EXPECT_GT(waits(0), 0);
	EXPECT_EQ(stat_value("waits_full"), 0);
}

static const int protocols[] = { 0, IPPROTO_MPTCP };

static long long turned_away(void)
{
	return listener_count(AT, "syn_accept_full") + listener_count(AT, "ack_accept_full");
}

/* The socket that listens is one of the kernel's own, but the row says whose it is. */
TEST_F(server, mptcp)
{
	int i, n, fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	char pid[16], waiting[16];

	if (fd < 0)
		SKIP(return, "no MPTCP in this kernel");
	close(self->fd);
	set_on(fd, SOL_SOCKET, SO_REUSEADDR);
	ASSERT_EQ(bind_to(fd, HERE, SERVER), 0);
	ASSERT_EQ(listen(fd, 2), 0);
	for (i = 0; i < 6; i++)
		client(protocols[i % 2]);
	/* two CPUs that find room for one at the same moment put two there */
	for (i = 0; i < PATIENCE && listener_count(AT, "accept_now") < 3; i += 20)
		usleep(20000);
	snprintf(pid, sizeof(pid), "%d", getpid());
	EXPECT_STREQ(listener_cell(AT, "pid"), pid);
	EXPECT_STREQ(listener_cell(AT, "asked"), "2");
	/* where softirqs come late, some get into the SYN queue or have a cookie before that */
	for (i = 0; i < PATIENCE && turned_away() < 3; i += 20)
		usleep(20000);
	EXPECT_GE(turned_away(), 2);
	n = listener_count(AT, "accept_now");
	EXPECT_TRUE(n == 3 || n == 4) { TH_LOG("%d wait", n); }
	for (i = 0; i < n; i++)
		EXPECT_GE(accept(fd, NULL, NULL), 0);
	snprintf(waiting, sizeof(waiting), "%d", n);
	EXPECT_STREQ(listener_cell(AT, "accepted"), waiting);
	EXPECT_STREQ(listener_cell(AT, "waits_lost"), "0");
	close(fd);
}

/* The SYN-ACK that goes out on its way to nowhere, without its link header. */
static int next_syn_ack(int tap, char *to, size_t size)
{
	struct pollfd pfd = { .fd = tap, .events = POLLIN };
	struct iphdr *ip = (struct iphdr *)to;

	while (poll(&pfd, 1, PATIENCE) > 0) {
		if (recv(tap, to, size, 0) >= 40 && ip->version == 4 && ip->protocol == IPPROTO_TCP)
			return 0;
	}
	return -1;
}

/* An ICMP error ends a handshake that is under way. */
TEST_F(server, icmp_error)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct { struct iphdr ip; struct icmphdr icmp; char of[28]; } error = {
		.ip = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP,
			.tot_len = htons(sizeof(error)),
		},
		.icmp = { .type = ICMP_DEST_UNREACH, .code = ICMP_HOST_UNREACH },
	};
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, HERE, 0);
	int tap = socket(AF_PACKET, SOCK_DGRAM, 0), knocker = make_knocker(false);
	char packet[2048];
	unsigned int sum;

	link.sll_ifindex = if_nametoindex("nowhere");
	ASSERT_EQ(bind(tap, (struct sockaddr *)&link, sizeof(link)), 0);
	ASSERT_EQ(knock_from(knocker, "10.0.0.9", 9999, HERE, SERVER, true), 0);
	/* another is the last that was knocked at, and has nothing to do with it */
	ASSERT_GE(server_on(HERE, SERVER + 1), 0);
	ASSERT_EQ(knock_from(knocker, "10.0.0.8", 8888, HERE, SERVER + 1, true), 0);
	ASSERT_EQ(next_syn_ack(tap, packet, sizeof(packet)), 0);
	EXPECT_STREQ(listener_cell(AT, "syn_now"), "1");
	memcpy(error.of, packet, sizeof(error.of));
	inet_pton(AF_INET, "10.0.0.9", &error.ip.saddr);
	inet_pton(AF_INET, HERE, &error.ip.daddr);
	sum = sum_words(0, &error.icmp, sizeof(error.icmp) + sizeof(error.of));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	error.icmp.checksum = ~sum;
	ASSERT_EQ(sendto(knocker, &error, sizeof(error), 0, (struct sockaddr *)&ss, len),
		  (ssize_t)sizeof(error));
	EXPECT_TRUE(comes_to("syn_now", "0"));
	EXPECT_EQ(mib("ListenDrops"), 1);
	EXPECT_STREQ(listener_cell(AT, "other_drops"), "1");
	EXPECT_STREQ(listener_cell(HERE ":18081", "other_drops"), "0");
}

static int put_word(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -1;
	fprintf(file, "%s\n", text);
	return fclose(file);
}

#define FAIL	"/sys/kernel/debug/failslab/"
#define CACHE	"/sys/kernel/slab/request_sock_TCP/failslab"

TEST_F(server, no_memory)
{
	int i, knocker = make_knocker(false);

	if (access(FAIL "times", F_OK) || put_word(CACHE, "1"))
		SKIP(return, "no fault injection in this kernel");
	put_word(FAIL "verbose", "0");
	put_word(FAIL "cache-filter", "Y");
	put_word(FAIL "ignore-gfp-wait", "N");
	put_word(FAIL "task-filter", "N");
	put_word(FAIL "interval", "1");
	put_word(FAIL "times", "-1");
	put_word(FAIL "probability", "100");
	for (i = 0; i < 3; i++)
		knock(knocker, i + 1, HERE, SERVER);
	put_word(FAIL "probability", "0");
	put_word(FAIL "cache-filter", "N");
	put_word(FAIL "ignore-gfp-wait", "Y");
	put_word(CACHE, "0");
	knock(knocker, 4, HERE, SERVER);
	EXPECT_EQ(mib("ListenDrops"), 3);
	EXPECT_STREQ(listener_cell(AT, "syn_no_memory"), "3");
	EXPECT_STREQ(listener_cell(AT, "other_drops"), "0");
	EXPECT_STREQ(listener_cell(AT, "syn_now"), "1");
}

TEST_HARNESS_MAIN
