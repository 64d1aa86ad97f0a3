// SPDX-License-Identifier: GPL-2.0
/*
 * 80,000 SYNs from four senders on as many CPUs: the kernel's counters and ours are the
 * same, to the last one, whatever the listener does meanwhile.
 */
#include <pthread.h>
#include <sys/wait.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "knock.h"

#define SENDERS	4

/* Of each; a debug kernel under emulation takes ten times as long. */
static int each = 20000;

struct sender {
	pthread_t thread;
	const char *to;
	int nth;
	int each;
	int sent;
};

static void *send_all(void *arg)
{
	struct sender *sender = arg;
	int i, fd = make_knocker(strchr(sender->to, ':'));

	for (i = 0; i < sender->each; i++)
		sender->sent += !knock(fd, sender->nth * sender->each + i, sender->to, SERVER);
	close(fd);
	return NULL;
}

FIXTURE(flood) {
	struct world world;
	struct sender senders[SENDERS];
	int fd;
};

FIXTURE_VARIANT(flood) {
	const char *at;
	const char *to;
	int cookies;
};

#define FLOOD(name, at_, to_, cookies_) \
	FIXTURE_VARIANT_ADD(flood, name) { .at = at_, .to = to_, .cookies = cookies_ }

FLOOD(v4_cookies_off, HERE, HERE, 0);
FLOOD(v4_cookies_on, HERE, HERE, 1);
FLOOD(v4_cookies_always, "0.0.0.0", HERE, 2);
FLOOD(v6_cookies_off, HERE6, HERE6, 0);
FLOOD(v6_cookies_on, "::", HERE6, 1);
FLOOD(mapped_cookies_on, "::", HERE, 1);

static int open_listener(const char *at, int flags, int backlog)
{
	struct side side = { at, REUSEADDR | flags };
	int fd = make_socket(&side);

	return fd < 0 || bind_to(fd, at, SERVER) || listen(fd, backlog) ? -1 : fd;
}

FIXTURE_SETUP(flood)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	if (is_debug_kernel())
		each = 1000;
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(make_nowhere(), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_syncookies", "%d\n", variant->cookies), 0);
	self->fd = open_listener(variant->at, REUSEPORT, 64);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(flood)
{
	EXPECT_TRUE(all_reconciled());
	leave_world(_metadata, &self->world);
}

static void begin(struct sender *senders, const char *to, int many)
{
	int i;

	for (i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .to = to, .nth = i, .each = many };
		pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
	}
}

/* Columns of /proc/net/softnet_stat: what a CPU keeps for later is a thousand segments at most. */
enum { SOFTNET_DROPPED = 1, SOFTNET_BACKLOG = 11 };

/* Of all CPUs. */
static long long softnet(int column)
{
	FILE *file = fopen("/proc/net/softnet_stat", "r");
	char line[256], *at;
	long long sum = 0;
	int i;

	while (file && fgets(line, sizeof(line), file)) {
		for (at = line, i = 0; i < column; i++)
			strtoul(at, &at, 16);
		sum += strtoul(at, NULL, 16);
	}
	if (file)
		fclose(file);
	return sum;
}

/* Until all has been received that was not lost on the way. */
static int join(struct sender *senders)
{
	int i, ms, sent = 0;

	for (i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		sent += senders[i].sent;
	}
	for (ms = 0; ms < PATIENCE && softnet(SOFTNET_BACKLOG); ms += 5)
		usleep(5000);
	return sent;
}

TEST_F(flood, one_listener)
{
	const char *name = strdup(endpoint(variant->at, SERVER));
	long long made, lost, told = 0, events = 0;
	const char *line;
	int sent;

	self->world.events.also = "backlog";
	lost = softnet(SOFTNET_DROPPED);
	begin(self->senders, variant->to, each);
	sent = join(self->senders);
	EXPECT_EQ(sent, SENDERS * each);
	lost = softnet(SOFTNET_DROPPED) - lost;
	made = sent - listener_count(name, "syn_drop") - listener_count(name, "cookies_sent") -
	       listener_count(name, "syn_reserve") - lost;
	TH_LOG("%d SYNs, %lld lost, %lld requests, at most %lld at once", sent, lost, made,
	       listener_count(name, "syn_max"));
	EXPECT_GE(made, variant->cookies == 2 ? 0 : 65);
	EXPECT_LE(made, 1000);
	EXPECT_GE(listener_count(name, "syn_max"), variant->cookies == 2 ? 0 : 65);
	EXPECT_EQ(listener_count(name, "other_drops"), 0);
	EXPECT_EQ(listener_count(name, "syn_no_memory"), 0);
	/* one event at once, then one a second: together they tell all */
	while (told < mib(variant->cookies ? "TCPReqQFullDoCookies" : "ListenDrops")) {
		line = events_next(&self->world.events, PATIENCE);
		ASSERT_NE(line, NULL);
		events++;
		if (variant->cookies)
			told += number(line, "syn_cookie");
		else
			told += (number(line, "syn_drop") > 0 ? number(line, "syn_drop") : 0) +
				(number(line, "syn_reserve") > 0 ? number(line, "syn_reserve") : 0);
	}
	TH_LOG("told by %lld events", events);
	EXPECT_LT(events, 120);
}

/* Closed and opened again all the while, and another that stays in the same group. */
TEST_F(flood, reopened)
{
	int i, other = open_listener(variant->at, REUSEPORT, 16);

	ASSERT_GE(other, 0);
	begin(self->senders, variant->to, each / 2);
	for (i = 0; i < 200; i++) {
		close(self->fd);
		usleep(2000);
		self->fd = open_listener(variant->at, REUSEPORT, 64);
		ASSERT_GE(self->fd, 0);
		usleep(5000);
	}
	join(self->senders);
	EXPECT_GT(mib(variant->cookies ? "TCPReqQFullDoCookies" : "ListenDrops"), 0);
}

/* Two namespaces at once: neither has what is the other's. */
TEST_F(flood, elsewhere)
{
	int status, fd;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (enter_netns() || make_nowhere() ||
		    sysctl("ipv4/tcp_syncookies", "%d\n", variant->cookies))
			_exit(2);
		fd = open_listener(variant->at, 0, 8);
		begin(self->senders, variant->to, each / 4);
		_exit(fd < 0 || join(self->senders) != SENDERS * (each / 4) || !all_reconciled());
	}
	begin(self->senders, variant->to, each / 4);
	join(self->senders);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST_HARNESS_MAIN
