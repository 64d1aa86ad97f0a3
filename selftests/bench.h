/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the benches measure: a line `ROW NANOSECONDS` for each batch of calls, per call.
 * Where the clock counts instructions (vm/run --icount) that is their number; vm/bench
 * compares it with and without the module.
 *
 * Counted is what all tasks ran on the one CPU, of which idle time is no part: the
 * module's worker counts as the call does, and so do those who read what a probe tells
 * them. A batch is not over before every event that it caused is published, and all rest.
 */
#ifndef _SELFTESTS_BENCH_H
#define _SELFTESTS_BENCH_H

#include "tcpwatch.h"
#include <sys/resource.h>
#include <time.h>

#include "../kselftest.h"

#ifndef BATCHES
#define BATCHES		10
#endif
#define PORT		18000

/* A batch that takes longer is cut short, in ns. */
#define ENOUGH		500000000LL

/* Longer than an event may wait for the worker, in ns. */
#define SETTLE		300000000L

/* What tasks run in that time where all of them wait, at most, in ns. */
#define REST		(SETTLE / 100)

/* Events that the ring retains, if the module is loaded without parameters. */
#define RING		4096

/**
 * struct row - what is measured
 * @name: of the row
 * @calls: how many make a batch
 * @prepare: before a batch, for each of its calls, not counted; or NULL
 * @call: what is counted
 */
struct row {
	const char *name;
	unsigned int calls;
	void (*prepare)(unsigned int i);
	void (*call)(unsigned int i);
};

/* Who asks and what for, and where listens who holds it. */
static struct sockaddr_storage want;
static socklen_t want_len;
static int listener;

/* Calls that were measured, and those that were only made before. */
static unsigned long made_in_all;

/* Both ends of connections. */
static int sockets[4096], children[ARRAY_SIZE(sockets)];

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline void require(bool done, const char *what)
{
	if (!done)
		die(what);
}

static inline long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/*
 * What tasks have run so far, in ns: added up when a task leaves the CPU, as we do
 * here, and then the worker has its turn.
 */
static inline long long busy(void)
{
	const struct timespec settle = { .tv_nsec = SETTLE };
	char line[256];
	long long ns = -1;
	FILE *file;

	nanosleep(&settle, NULL);
	file = fopen("/proc/schedstat", "r");
	require(file, "/proc/schedstat");
	while (ns < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "cpu0 %*s %*s %*s %*s %*s %*s %lld", &ns);
	fclose(file);
	require(ns >= 0, "/proc/schedstat");
	return ns;
}

static inline bool published(void)
{
	long long pushed = stat_value("events");

	return pushed < 0 || stat_value("events_retained") == (pushed < RING ? pushed : RING);
}

/* One batch, in ns; the number of calls made goes to *calls. */
static inline long long batch(const struct row *row, unsigned int *calls)
{
	long long before, after, last, end;
	unsigned int i;

	for (i = 0; row->prepare && i < row->calls; i++)
		row->prepare(i);
	before = busy();
	end = now() + ENOUGH;
	for (i = 0; i < row->calls && (i % 16 || now() < end); i++)
		row->call(i);
	*calls = i;
	after = busy();
	do {
		last = after;
		after = busy();
	} while (!published() || after - last > REST);
	return after - before;
}

static inline void measure(const char *name, unsigned int calls,
			   void (*prepare)(unsigned int i), void (*call)(unsigned int i))
{
	const struct row row = { name, calls, prepare, call };
	static const struct row nothing = { .name = "nothing" };
	unsigned int i, made;
	long long cost;

	/* what is done for the first time costs more, and is not counted */
	batch(&row, &made);
	made_in_all += made;
	for (i = 0; i < BATCHES; i++) {
		/* less the measuring itself, and what else lives in the guest */
		cost = -batch(&nothing, &made);
		cost += batch(&row, &made);
		made_in_all += made;
		printf("%s %.1f\n", name, (double)cost / made);
		fflush(stdout);
	}
}

static inline void listen_on(const char *address_text, int port, int flags)
{
	const struct side side = { address_text, flags };

	listener = make_socket(&side);
	require(listener >= 0 && !bind_to(listener, address_text, port) &&
		!listen(listener, 4096), "listen");
}

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	require(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
	close(fd);
}

/* What the last batch has opened is closed first. */
static inline void close_ends(unsigned int i)
{
	if (!children[i])
		return;
	close(sockets[i]);
	close(children[i]);
	children[i] = 0;
}

static inline void make_client(unsigned int i)
{
	close_ends(i);
	sockets[i] = socket(want.ss_family, SOCK_STREAM, 0);
	require(sockets[i] >= 0, "socket");
}

static inline int connected(int fd)
{
	int child;

	require(!connect(fd, (struct sockaddr *)&want, want_len), "connect");
	child = accept(listener, NULL, NULL);
	require(child >= 0, "accept");
	return child;
}

static inline void connect_only(unsigned int i)
{
	children[i] = connected(sockets[i]);
}

/* A group of rows, by the name it is asked for by. */
struct group {
	const char *name;
	void (*run)(void);
};

/* Those that are asked for, or all. */
static inline int run_groups(const struct group *groups, size_t count, int argc, char **argv)
{
	const struct rlimit files = { 16384, 16384 };
	size_t i;
	int arg;

	require(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	for (i = 0; i < count; i++) {
		for (arg = 1; arg < argc && strcmp(argv[arg], groups[i].name); arg++)
			;
		if (argc == 1 || arg < argc)
			groups[i].run();
	}
	return 0;
}

#endif /* _SELFTESTS_BENCH_H */
