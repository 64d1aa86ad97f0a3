// SPDX-License-Identifier: GPL-2.0
/*
 * Events that are no conflicts, more at once than are recorded in a second: those that can
 * wait come later, each once; the others are counted; and what is done in other network
 * namespaces does not silence the first.
 */
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"

#define HERE	"127.0.0.1"
#define MANY	50
#define CROWD	200

/* A second's worth of events, and some, on a slow machine. */
#define LATER	10000

FIXTURE(budget) {
	struct events events;
	long long coalesced;
};

FIXTURE_SETUP(budget)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	self->coalesced = stat_value("tw_coalesced");
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
	self->events.also = "stuck exhaustion backlog";
	ASSERT_EQ(control("stuck=1"), 0);
}

FIXTURE_TEARDOWN(budget)
{
	EXPECT_EQ(control("stuck=5"), 0);
	close(self->events.fd);
}

/* Listeners on ports from this one on, each with a connection that nobody accepts. */
static int neglect(int port, int count, int *fds)
{
	int i, client;

	for (i = 0; i < count; i++) {
		fds[i] = server_on(HERE, port + i);
		client = socket(AF_INET, SOCK_STREAM, 0);
		if (fds[i] < 0 || connect_to(client, HERE, port + i))
			return -1;
	}
	return 0;
}

/* All are stuck at once, however long it takes to make them. */
static int neglect_all(int port, int count, int *fds)
{
	int err = control("stuck=0") ?: neglect(port, count, fds);

	usleep(1100000);
	return err ?: control("stuck=1");
}

/* Whose event this is, of those from that port on. */
static int whose(const char *line, const char *key, int port)
{
	const char *at = strrchr(value(line, key), ':');

	return at ? atoi(at + 1) - port : -1;
}

/* Every listener has its event, and one. */
TEST_F(budget, stuck)
{
	long long before = stat_value("listeners_stuck");
	int fds[MANY], told[MANY] = {}, i, n;
	const char *line;

	ASSERT_EQ(neglect(SERVER, MANY, fds), 0);
	for (i = 0; i < MANY; i++) {
		line = events_next(&self->events, LATER);
		ASSERT_NE(line, NULL) { TH_LOG("%d were told", i); }
		EXPECT_STREQ(value(line, "event"), "stuck");
		n = whose(line, "holder", SERVER);
		ASSERT_TRUE(n >= 0 && n < MANY) { TH_LOG("%s", line); }
		EXPECT_EQ(told[n]++, 0);
	}
	EXPECT_EQ(events_next(&self->events, 1500), NULL);
	EXPECT_EQ(stat_value("listeners_stuck"), before + MANY);
	EXPECT_EQ(stat_value("tw_coalesced"), self->coalesced);
}

/* Of those that are gone before they could be told nothing is lost but the event. */
TEST_F(budget, gone)
{
	long long before = stat_value("listeners_stuck");
	int fds[CROWD], told, i;

	ASSERT_EQ(neglect_all(SERVER, CROWD, fds), 0);
	for (i = 0; i < LATER && stat_value("listeners_stuck") < before + CROWD; i += 50)
		usleep(50000);
	/* those that would be told last come first */
	for (i = CROWD; i--; )
		close(fds[i]);
	for (told = 0; events_next(&self->events, 1500); told++)
		;
	TH_LOG("%d of %d were told", told, CROWD);
	EXPECT_EQ(stat_value("listeners_stuck"), before + CROWD);
	EXPECT_GT(told, 0);
	EXPECT_LT(told, CROWD);
	EXPECT_EQ(stat_value("tw_coalesced") - self->coalesced, CROWD - told);
}

/* So many destinations, and one port for them: every one has its warning, and one. */
TEST_F(budget, exhausted)
{
	long long before = stat_value("exhaustions");
	int told[MANY] = {}, i, n, fd;
	const char *line;
	char to[32];

	ASSERT_EQ(range(40000, 40000), 0);
	ASSERT_GE(server_on("0.0.0.0", SERVER), 0);
	for (i = 0; i < MANY; i++) {
		snprintf(to, sizeof(to), "127.0.1.%d", i + 1);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ASSERT_TRUE(!connect_to(fd, to, SERVER) || errno == EINPROGRESS);
	}
	for (i = 0; i < MANY; ) {
		line = events_next(&self->events, LATER);
		ASSERT_NE(line, NULL) { TH_LOG("%d were told", i); }
		if (strcmp(value(line, "event"), "exhaustion"))
			continue;
		if (sscanf(value(line, "to"), "127.0.1.%d", &n) != 1)
			n = 0;
		ASSERT_TRUE(n > 0 && n <= MANY) { TH_LOG("%s", line); }
		EXPECT_EQ(told[n - 1]++, 0);
		i++;
	}
	EXPECT_EQ(stat_value("exhaustions"), before + MANY);
}

/* An event of overflow tells of that alone. */
TEST_F(budget, overflow)
{
	int fd = server_on(HERE, SERVER), clients = 0;
	const char *line;

	ASSERT_EQ(listen(fd, 0), 0);
	while (clients++ < 4) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect_to(fd, HERE, SERVER);
	}
	do {
		line = events_next(&self->events, LATER);
		ASSERT_NE(line, NULL);
	} while (strcmp(value(line, "event"), "backlog"));
	EXPECT_STREQ(value(line, "stuck_ms"), "") { TH_LOG("%s", line); }
}

/* The host has its event while a crowd elsewhere still waits for theirs. */
TEST(host)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fds[CROWD + 1], others = 0;
	struct events events;
	const char *line;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(events_open(&events), 0);
	events.also = "stuck";
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(control("stuck=0"), 0);
	ASSERT_EQ(neglect(SERVER, CROWD, fds), 0);
	ASSERT_EQ(setns(home, CLONE_NEWNET), 0);
	ASSERT_EQ(neglect_all(SERVER + CROWD, 1, fds + CROWD), 0);
	do {
		line = events_next(&events, LATER);
		ASSERT_NE(line, NULL);
		others += whose(line, "holder", SERVER) < CROWD;
	} while (whose(line, "holder", SERVER) != CROWD);
	TH_LOG("%d others were told before", others);
	EXPECT_LT(others, CROWD - MANY);
	EXPECT_EQ(control("stuck=5"), 0);
	close(events.fd);
}

TEST_HARNESS_MAIN
