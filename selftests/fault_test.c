// SPDX-License-Identifier: GPL-2.0
/*
 * At work while memory runs out. A reader gets all or ENOMEM, whichever allocation on
 * its way fails; and under a storm, while allocations fail by chance, what the callers
 * saw refused is what was counted, and what a reader got or was told it lost.
 */
#include "tcpwatch.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "harness.h"
#include "expect.h"
#include "fault.h"
#include "tables.h"

#define SECONDS	3

/* Numbers of namespaces begin here: PROC_DYNAMIC_FIRST of the kernel. */
#define FIRST_NETNS	0xf0000000

/* The files, and what is written to a handle before it is read, if anything. */
static const struct view {
	const char *path;
	const char *request;
} views[] = {
	{ PAGE, "" },
	{ TREE "events", "" },
	{ TREE "conflicts", "" },
	{ TREE "timewait", "" },
	{ TREE "ephemeral", "" },
	{ TREE "listeners", "" },
	{ TREE "reconcile", "" },
	{ TREE "hooks", "" },
	{ TREE "stats", "" },
	{ TREE "ports", "" },
	{ TREE "ports", "18080-18089" },
	{ TREE "connections", "" },
	{ TREE "connections", "18080" },
	{ TREE "control", "" },
	{ TREE "control", "alert_rate=5" },
	{ TREE "why", "tcp 127.0.0.1:18080" },
};

/* Asked for once, since to ask allocates. */
static unsigned long ours;

/* How many lines of ours there are; negative: the errno. */
static int count_lines(const char *text)
{
	const char *line = text;
	unsigned long netns;
	int lines = 0;
	char *end;

	while (*line) {
		netns = strtoul(line, &end, 10);
		/* of other namespaces some may be on their way out */
		lines += *line != '\n' && (netns < FIRST_NETNS || *end != '\t' || netns == ours);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return lines;
}

static int look_at(const struct view *view, char *text, size_t size)
{
	int fd = open(view->path, (*view->request ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	ssize_t got = 0, len = 0;
	int err;

	if (fd < 0)
		return -errno;
	if (*view->request)
		got = write(fd, view->request, strlen(view->request));
	while (got >= 0 && (got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	err = got < 0 && errno != EAGAIN ? errno : 0;
	close(fd);
	text[len] = '\0';
	return err ? -err : count_lines(text);
}

/* A connection, one that was refused, one in TIME-WAIT: something in each of them. */
static int furnish(void)
{
	struct side side = { "127.0.0.1", 0 };
	int server, asker;

	ours = our_netns();
	/* to look through a wide range takes its time */
	if (range(40000, 40255))
		return -1;
	server = server_on("127.0.0.1", SERVER);
	if (server < 0 || time_wait_on(server, 40001, "127.0.0.1", SERVER) ||
	    range(40000, 40255) || connect_to(make_socket(&side), "127.0.0.1", SERVER))
		return -1;
	asker = make_socket(&side);
	return bind_to(asker, "127.0.0.1", SERVER) ? 0 : -1;
}

static void set_faults(const char *name, const char *format, ...)
{
	char path[128], text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(path, sizeof(path), FAILSLAB "%s", name);
	put_word(path, text);
}

static void no_faults(void)
{
	set_faults("probability", "0");
	set_faults("ignore-gfp-wait", "Y");
	set_faults("require-start", "0");
	set_faults("require-end", "%lu", -1UL);
	set_faults("verbose", "2");
}

FIXTURE(faults) {
	int nth;
};

FIXTURE_VARIANT(faults) {
	int probability;	/* per cent */
	bool may_sleep;		/* those that may sleep fail too */
	bool ours;		/* none but those that the module asks for */
};

FIXTURE_VARIANT_ADD(faults, atomic) { .probability = 2 };
FIXTURE_VARIANT_ADD(faults, module) { .probability = 30, .may_sleep = true, .ours = true };
/* and when all is over it counts as ever */
FIXTURE_VARIANT_ADD(faults, none) { };

FIXTURE_SETUP(faults)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	self->nth = open_nth();
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(furnish(), 0);
}

FIXTURE_TEARDOWN(faults)
{
	no_faults();
}

/* Where the module's code is. */
static bool find_module(unsigned long *start, unsigned long *end)
{
	FILE *modules = fopen("/proc/modules", "r");
	unsigned long size, at;
	bool found = false;
	char line[512];

	while (modules && fgets(line, sizeof(line), modules)) {
		if (sscanf(line, "tcpwatch %lu %*s %*s %*s %lx", &size, &at) != 2)
			continue;
		*start = at;
		*end = at + size;
		found = true;
	}
	if (modules)
		fclose(modules);
	return found;
}

struct counts {
	long long refused;
	long long met;		/* connections */
	long long complete;	/* views, */
	long long failed;	/* and those that could not be had */
	bool enough;
};

static pid_t start(void (*run)(struct counts *counts), struct counts *counts)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (!__atomic_load_n(&counts->enough, __ATOMIC_RELAXED))
			run(counts);
		_exit(0);
	}
	return pid;
}

/* From a port of its own, since connect() has another word for want of memory. */
static void connect_once(struct counts *counts)
{
	struct pollfd pfd = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
			      .events = POLLOUT };
	int err;

	if (pfd.fd < 0)
		return;
	if (bind_to(pfd.fd, "127.0.0.1", 0)) {
		err = errno;
	} else {
		err = connect_to(pfd.fd, "127.0.0.1", SERVER + 1) ? errno : 0;
		if (err == EINPROGRESS && poll(&pfd, 1, 200) == 1)
			counts->met++;
	}
	counts->refused += err == EADDRINUSE || err == EADDRNOTAVAIL;
	close(pfd.fd);
}

static void accept_once(struct counts *unused)
{
	static int server = -1;

	if (server < 0)
		server = server_on("127.0.0.1", SERVER + 1);
	close(accept(server, NULL, NULL));
}

static void look_once(struct counts *counts)
{
	static char text[1 << 20];
	size_t i;
	int got;

	for (i = 0; i < ARRAY_SIZE(views); i++) {
		got = look_at(&views[i], text, sizeof(text));
		counts->complete += got >= 0;
		counts->failed += got == -ENOMEM;
		if (got < 0 && got != -ENOMEM)
			_exit(1);
	}
}

enum actor { ACCEPTS, LOOKS, CONNECTS, ACTORS };

/* One event, if any comes within ms. */
static bool note(struct events *events, int ms, long long *seen, long long *lost)
{
	const char *line = events_next(events, ms);

	if (!line)
		return false;
	if (!strcmp(value(line, "event"), "gap"))
		*lost += number(line, "lost");
	else
		++*seen;
	return true;
}

TEST_F(faults, storm)
{
	long long conflicts, lost = 0, seen = 0, refused;
	struct pollfd ended = { .events = POLLIN };
	unsigned long from = 0, to = 0;
	struct events events;
	struct counts *counts;
	pid_t pids[ACTORS];
	int status;
	FILE *storm;
	size_t i;

	ASSERT_TRUE(find_module(&from, &to));
	ASSERT_EQ(events_open(&events), 0);
	while (events_next(&events, 1000))
		;
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(counts, MAP_FAILED);
	conflicts = stat_value("conflicts");
	if (variant->ours) {
		set_faults("require-start", "%#lx", from);
		set_faults("require-end", "%#lx", to);
		set_faults("stacktrace-depth", "32");
	}
	set_faults("times", "-1");
	set_faults("ignore-gfp-wait", variant->may_sleep ? "N" : "Y");
	pids[ACCEPTS] = start(accept_once, counts);
	pids[LOOKS] = start(look_once, counts);
	storm = start_storm(4, SECONDS);
	set_faults("probability", "%d", variant->probability);
	pids[CONNECTS] = start(connect_once, counts);
	ASSERT_NE(storm, NULL);
	ended.fd = fileno(storm);
	while (!poll(&ended, 1, 0))
		note(&events, 100, &seen, &lost);
	__atomic_store_n(&counts->enough, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		/* nothing to be counted, and it may wait for ever */
		if (i == ACCEPTS)
			kill(pids[i], SIGKILL);
		ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_TRUE(i == ACCEPTS || status == 0);
	}
	set_faults("probability", "0");
	ASSERT_EQ(fscanf(storm, "%lld", &refused), 1);
	pclose(storm);
	while (note(&events, 1000, &seen, &lost))
		;
	refused += counts->refused;
	TH_LOG("refused %lld, counted %lld, read %lld, lost %lld", refused,
	       stat_value("conflicts") - conflicts, seen, lost);
	TH_LOG("%lld connections, %lld views complete, %lld not for want of memory",
	       counts->met, counts->complete, counts->failed);
	EXPECT_GT(refused, 20);
	EXPECT_GT(counts->met, 10);
	EXPECT_GT(counts->complete, 0);
	EXPECT_EQ(stat_value("conflicts") - conflicts, refused);
	EXPECT_EQ(seen + lost, refused);
	EXPECT_TRUE(!variant->ours || counts->failed);
}

/* Each allocation on the way of each reader. */
FIXTURE(reader) {
	int nth;
	char text[1 << 20];
	char again[1 << 20];
};

FIXTURE_SETUP(reader)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	self->nth = open_nth();
	if (self->nth < 0)
		SKIP(return, "no fault injection in this kernel");
	set_faults("ignore-gfp-wait", "N");
	spare_kmemleak();
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(furnish(), 0);
}

FIXTURE_TEARDOWN(reader)
{
	spare_nothing();
	no_faults();
}

TEST_F_TIMEOUT(reader, each_allocation, 1200)
{
	const struct view *view;

	/* the refusal has come to be known */
	sleep(1);
	for (view = views; view < views + ARRAY_SIZE(views); view++) {
		int whole = look_at(view, self->text, sizeof(self->text));
		int nth = 0, got, left, failed = 0;

		ASSERT_GE(whole, 0);
		do {
			ASSERT_GE(fail_nth(self->nth, ++nth), 0);
			got = look_at(view, self->text, sizeof(self->text));
			left = fail_nth(self->nth, 0);
			ASSERT_GE(left, 0);
			failed += got < 0;
			/* what was in TIME-WAIT may have gone meanwhile */
			if (got >= 0 && got != whole)
				whole = look_at(view, self->again, sizeof(self->again));
			EXPECT_EQ(got, got < 0 ? -ENOMEM : whole) {
				TH_LOG("allocation %d: %s", nth, self->text);
			}
			EXPECT_TRUE(got >= 0 || !left);
		} while (!left);
		TH_LOG("%s%s%s: %d lines, %d of %d allocations fail it", view->path,
		       *view->request ? " " : "", view->request, whole, failed, nth - 1);
		EXPECT_GT(failed, 0);
	}
}

TEST_HARNESS_MAIN
