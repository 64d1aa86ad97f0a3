// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench [GROUP]...
 *
 * What calls cost: a line `ROW NANOSECONDS` for each batch of calls, per call.
 * Where the clock counts instructions (vm/run --icount) that is their number;
 * vm/bench compares it with and without the module. Groups: refused bind connect
 * exhausted crowd.
 *
 * Counted is what all tasks ran on the one CPU, of which idle time is no part:
 * the module's worker counts as the call does. A batch is not over before every
 * event that it caused is published.
 */
#include "tcpwatch.h"
#include <sys/resource.h>
#include <time.h>

#include "../kselftest.h"

#define BATCHES		10
#define PORT		18000
#define CONNECTIONS	100000

/* A batch that takes longer is cut short, in ns. */
#define ENOUGH		500000000LL

/* Longer than an event may wait for the worker, in ns. */
#define SETTLE		300000000L

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
static int asker, listener;

static int sockets[4096];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void require(bool done, const char *what)
{
	if (!done)
		die(what);
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/*
 * What tasks have run so far, in ns: added up when a task leaves the CPU, as we do
 * here, and then the worker has its turn.
 */
static long long busy(void)
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

static bool published(void)
{
	long long pushed = stat_value("events");

	return pushed < 0 || stat_value("events_retained") == (pushed < RING ? pushed : RING);
}

/* One batch, in ns; the number of calls made goes to *calls. */
static long long batch(const struct row *row, unsigned int *calls)
{
	long long before, after, end;
	unsigned int i;

	for (i = 0; row->prepare && i < row->calls; i++)
		row->prepare(i);
	before = busy();
	end = now() + ENOUGH;
	for (i = 0; i < row->calls && (i % 16 || now() < end); i++)
		row->call(i);
	*calls = i;
	do
		after = busy();
	while (!published());
	return after - before;
}

static void measure(const char *name, unsigned int calls,
		    void (*prepare)(unsigned int i), void (*call)(unsigned int i))
{
	const struct row row = { name, calls, prepare, call };
	static const struct row nothing = { .name = "nothing" };
	unsigned int i, made;
	long long cost;

	/* what is done for the first time costs more, and is not counted */
	batch(&row, &made);
	for (i = 0; i < BATCHES; i++) {
		/* less the measuring itself, and what else lives in the guest */
		cost = -batch(&nothing, &made);
		cost += batch(&row, &made);
		printf("%s %.1f\n", name, (double)cost / made);
		fflush(stdout);
	}
}

static void ask_for(const char *address_text, int port, int flags)
{
	const struct side side = { address_text, flags };

	asker = make_socket(&side);
	require(asker >= 0, "socket");
	want_len = address(&want, address_text, port);
}

static void listen_on(const char *address_text, int flags)
{
	const struct side side = { address_text, flags };

	listener = make_socket(&side);
	require(listener >= 0 && !bind_to(listener, address_text, PORT) &&
		!listen(listener, 4096), "listen");
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	require(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
	close(fd);
}

static void set_range(const char *text)
{
	put("/proc/sys/net/ipv4/ip_local_port_range", text);
}

static void refused_bind(unsigned int i)
{
	require(bind(asker, (struct sockaddr *)&want, want_len) && errno == EADDRINUSE,
		"bind that is to be refused");
}

/* A row of refused binds. */
static void refuse(const char *name, unsigned int calls, const char *address_text, int flags)
{
	ask_for(address_text, PORT, flags);
	measure(name, calls, NULL, refused_bind);
	close(asker);
}

static void refused(void)
{
	static const struct { const char *name, *holder, *want; } cases[] = {
		{ "refused_v4", "127.0.0.1", "127.0.0.1" },
		{ "refused_v4_any", "0.0.0.0", "0.0.0.0" },
		{ "refused_v4_by_any", "0.0.0.0", "127.0.0.1" },
		{ "refused_v6", "::1", "::1" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		listen_on(cases[i].holder, 0);
		refuse(cases[i].name, 4000, cases[i].want, 0);
		close(listener);
	}
}

static int bound_socket(void)
{
	int fd = socket(want.ss_family, SOCK_STREAM, 0);

	require(fd >= 0 && !bind(fd, (struct sockaddr *)&want, want_len), "bind");
	return fd;
}

static void bind_close(unsigned int i)
{
	close(bound_socket());
}

static void bind_listen_close(unsigned int i)
{
	int fd = bound_socket();

	require(!listen(fd, 16), "listen");
	close(fd);
}

static void binds(void)
{
	static const struct { const char *name, *want; void (*call)(unsigned int i); } cases[] = {
		{ "bind_v4", "127.0.0.1", bind_close },
		{ "bind_v4_any", "0.0.0.0", bind_close },
		{ "bind_v6", "::1", bind_close },
		{ "bind_listen", "127.0.0.1", bind_listen_close },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		want_len = address(&want, cases[i].want, PORT);
		measure(cases[i].name, 4000, NULL, cases[i].call);
	}
}

static void make_client(unsigned int i)
{
	sockets[i] = socket(want.ss_family, SOCK_STREAM, 0);
	require(sockets[i] >= 0, "socket");
}

/* Closing it resets the connection. */
static int resetting_socket(void)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd = socket(want.ss_family, SOCK_STREAM, 0);

	require(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		"socket");
	return fd;
}

static void make_resetting_client(unsigned int i)
{
	sockets[i] = resetting_socket();
}

static void make_bound_client(unsigned int i)
{
	make_client(i);
	require(!bind_to(sockets[i], "127.0.0.1", 20000 + i), "bind");
}

static int connected(int fd)
{
	int child;

	require(!connect(fd, (struct sockaddr *)&want, want_len), "connect");
	child = accept(listener, NULL, NULL);
	require(child >= 0, "accept");
	return child;
}

static void connect_close(unsigned int i)
{
	int child = connected(sockets[i]);

	close(sockets[i]);
	close(child);
}

static void connects(void)
{
	static const struct { const char *name, *to; void (*prepare)(unsigned int i); } cases[] = {
		{ "connect_v4", "127.0.0.1", make_client },
		{ "connect_v4_bound", "127.0.0.1", make_bound_client },
		{ "connect_v6", "::1", make_client },
		{ "reset_v4", "127.0.0.1", make_resetting_client },
	};
	unsigned int i;

	/* or TIME-WAIT would soon have all source ports */
	put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		listen_on(cases[i].to, 0);
		want_len = address(&want, cases[i].to, PORT);
		measure(cases[i].name, 4000, cases[i].prepare, connect_close);
		close(listener);
	}
}

static void refused_connect(unsigned int i)
{
	require(connect(asker, (struct sockaddr *)&want, want_len) && errno == EADDRNOTAVAIL,
		"connect that is to fail");
}

static void exhausted(void)
{
	int i, children[2000];

	set_range("20000 20099");
	for (i = 0; i < 100; i++) {
		want_len = address(&want, "0.0.0.0", 20000 + i);
		sockets[i] = bound_socket();
	}
	ask_for("0.0.0.0", 0, 0);
	measure("bind_exhausted", 500, NULL, refused_bind);
	close(asker);
	for (i = 0; i < 100; i++)
		close(sockets[i]);

	set_range("20000 21999");
	listen_on("127.0.0.1", 0);
	want_len = address(&want, "127.0.0.1", PORT);
	for (i = 0; i < 2000; i++) {
		make_resetting_client(i);
		children[i] = connected(sockets[i]);
	}
	ask_for("127.0.0.1", PORT, 0);
	measure("connect_exhausted", 50, NULL, refused_connect);
	close(asker);
	for (i = 0; i < 2000; i++) {
		close(sockets[i]);
		close(children[i]);
	}
	close(listener);
	set_range("32768 60999");
}

static void gather(void)
{
	const struct rlimit files = { 2 * CONNECTIONS + 100, 2 * CONNECTIONS + 100 };
	char from[] = "127.0.0.2";
	int i, fd;

	require(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	/* ports enough that few are tried twice */
	set_range("1024 65535");
	listen_on("0.0.0.0", REUSEADDR);
	want_len = address(&want, "127.0.0.1", PORT);
	for (i = 0; i < CONNECTIONS; i++) {
		from[8] = '2' + i / (CONNECTIONS / 8);
		fd = resetting_socket();
		require(!set_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) &&
			!bind_to(fd, from, 0), "bind");
		connected(fd);
	}
}

/* Its connections end with the process. */
static void crowd(void)
{
	gather();
	/* many, so that a scan for processes is shared as it is in the long run */
	refuse("crowd_any", 50000, "0.0.0.0", 0);
	refuse("crowd_reuseaddr", 50000, "0.0.0.0", REUSEADDR);
	refuse("crowd_elsewhere", 50000, "127.0.0.2", 0);
	close(listener);
	refuse("crowd_left", 50000, "0.0.0.0", 0);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*run)(void); } groups[] = {
		{ "refused", refused },
		{ "bind", binds },
		{ "connect", connects },
		{ "exhausted", exhausted },
		{ "crowd", crowd },
	};
	const struct rlimit files = { 16384, 16384 };
	unsigned int i;
	int arg;

	require(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		for (arg = 1; arg < argc && strcmp(argv[arg], groups[i].name); arg++)
			;
		if (argc == 1 || arg < argc)
			groups[i].run();
	}
	return 0;
}
