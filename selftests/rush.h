/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything at once: processes that bind, listen, connect, accept and close in every
 * order, network namespaces that come and go, and others that read, poll and write every
 * file there is, whether or not the module is. What they saw refused is counted.
 */
#ifndef _SELFTESTS_RUSH_H
#define _SELFTESTS_RUSH_H

#include <glob.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "storm.h"

#define RUSH_PORT	19000
#define RUSH_SERVERS	2
/* Source ports that clients ask for: few, so that they meet TIME-WAIT. */
#define RUSH_SOURCE	21000
#define RUSH_SOURCES	64
/* What one that asks for none may get. */
#define RUSH_LOW	32768
#define RUSH_HIGH	33279

/**
 * struct rush - what all processes share
 * @stop: they are to end
 * @refused: bind, listen and connect that said EADDRINUSE or EADDRNOTAVAIL
 * @connections: that were made
 * @accepted: and that a server has had
 * @namespaces: that have come and gone
 * @reads: of a whole file
 * @polls: that returned
 * @writes: that were taken
 */
struct rush {
	bool stop;
	long long refused;
	long long connections;
	long long accepted;
	long long namespaces;
	long long reads;
	long long polls;
	long long writes;
};

static struct rush *rush;

/* How long each process rests after a turn, in microseconds. */
static unsigned int rush_rest;

static inline void rush_count(long long *of, long long n)
{
	__atomic_add_fetch(of, n, __ATOMIC_RELAXED);
}

static inline bool rush_stops(void)
{
	return __atomic_load_n(&rush->stop, __ATOMIC_RELAXED);
}

/* A call that failed, and was it refused? */
static inline void rush_refused(int err)
{
	if (err && (errno == EADDRINUSE || errno == EADDRNOTAVAIL))
		rush_count(&rush->refused, 1);
}

static inline void rush_bind(unsigned int *seed, int nth)
{
	rush_count(&rush->refused, storm_turn(seed));
}

static inline const char *rush_address(unsigned int r)
{
	return r & 1 ? "::1" : "127.0.0.1";
}

/* Half of all connections are closed by the server first, some with a reset. */
static inline void rush_leave(int fd, unsigned int r)
{
	struct linger reset = { .l_onoff = 1 };
	char byte;

	if (r & 0x10)
		recv(fd, &byte, 1, 0);
	else if (!(r & 0xe0))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static inline void rush_patience(int fd)
{
	struct timeval patience = { .tv_usec = 300000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

/* One life of a listener: short, and now and then too slow for those who come. */
static inline void rush_serve(unsigned int *seed, int nth)
{
	int fd, child, turns, one = 1;
	struct pollfd pfd;

	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	pfd = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (bind_to(fd, "::", RUSH_PORT + nth) || listen(fd, 4)) {
		rush_refused(-1);
		close(fd);
		usleep(1000);
		return;
	}
	for (turns = 0; turns < 300 && !rush_stops(); turns++) {
		if (!(rand_r(seed) % 100))
			usleep(20000);
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		child = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (child < 0)
			continue;
		rush_count(&rush->accepted, 1);
		rush_patience(child);
		rush_leave(child, rand_r(seed));
	}
	close(fd);
}

static inline void rush_connect(unsigned int *seed, int nth)
{
	unsigned int r = rand_r(seed);
	const char *at = rush_address(r);
	int fd = socket(r & 1 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;

	rush_patience(fd);
	if (r & 0x100) {
		set_on(fd, SOL_SOCKET, SO_REUSEADDR);
		err = bind_to(fd, at, RUSH_SOURCE + (r >> 10) % RUSH_SOURCES);
	}
	err = err ?: connect_to(fd, at, RUSH_PORT + (r >> 20) % RUSH_SERVERS);
	rush_refused(err);
	if (err) {
		close(fd);
		usleep(1000);
		return;
	}
	rush_count(&rush->connections, 1);
	rush_leave(fd, r >> 4);
}

/* All that is done in the life of a network namespace: it leaves TIME-WAIT behind. */
static inline void rush_live(void)
{
	int server, client, child, i;

	if (enter_netns())
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind_to(server, "127.0.0.1", RUSH_PORT) || listen(server, 1))
		return;
	for (i = 0; i < 3; i++) {
		client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rush_refused(bind_to(client, "127.0.0.1", RUSH_PORT));
		if (!connect_to(client, "127.0.0.1", RUSH_PORT)) {
			rush_count(&rush->connections, 1);
			child = accept4(server, NULL, NULL, SOCK_CLOEXEC);
			rush_count(&rush->accepted, child >= 0);
			close(child);
		}
		close(client);
	}
	rush_count(&rush->namespaces, 1);
}

static inline void rush_namespace(unsigned int *seed, int nth)
{
	pid_t pid = fork();

	if (!pid) {
		rush_live();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* Every file there is at this moment, read from its beginning to its end. */
static inline void rush_read(unsigned int *seed, int nth)
{
	glob_t found = {};
	char text[16384];
	ssize_t got;
	size_t i;
	int fd;

	glob(PAGE "*", 0, NULL, &found);
	glob(TREE "*", GLOB_APPEND, NULL, &found);
	for (i = 0; i < found.gl_pathc && !rush_stops(); i++) {
		fd = open(found.gl_pathv[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		while ((got = read(fd, text, sizeof(text))) > 0)
			;
		close(fd);
		rush_count(&rush->reads, 1);
		/* while one of debugfs is open the module cannot leave */
		usleep(3000);
	}
	globfree(&found);
	usleep(20000);
}

#define RUSH_FILES	8

/* Those of procfs stay open while the module comes and goes. */
static inline void rush_poll(unsigned int *seed, int nth)
{
	struct pollfd pfds[RUSH_FILES];
	glob_t found = {};
	char text[4096];
	int turns;
	size_t i;

	glob(PAGE "*", 0, NULL, &found);
	for (i = 0; i < found.gl_pathc && i < RUSH_FILES; i++)
		pfds[i] = (struct pollfd){
			.fd = open(found.gl_pathv[i], O_RDWR | O_NONBLOCK | O_CLOEXEC),
			.events = POLLIN | POLLPRI,
		};
	for (i = 0; i < found.gl_pathc && i < RUSH_FILES; i++) {
		if (pfds[i].fd < 0)
			pfds[i].fd = open(found.gl_pathv[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	}
	for (turns = 0; turns < 20 && found.gl_pathc && !rush_stops(); turns++) {
		if (poll(pfds, i, 100) <= 0)
			continue;
		rush_count(&rush->polls, 1);
		while (i--) {
			if (pfds[i].revents)
				(void)!read(pfds[i].fd, text, sizeof(text));
		}
		i = found.gl_pathc < RUSH_FILES ? found.gl_pathc : RUSH_FILES;
		usleep(20000);
	}
	for (i = 0; i < found.gl_pathc && i < RUSH_FILES; i++)
		close(pfds[i].fd);
	globfree(&found);
	usleep(10000);
}

/* What changes nothing that is counted, and what makes no sense. */
static inline void rush_write(unsigned int *seed, int nth)
{
	static const struct {
		const char *file;
		const char *text;
	} writes[] = {
		{ PAGE "_control", "alert_rate=5 stuck=5" },
		{ PAGE "_control", "alert_rate=0" },
		{ PAGE "_control", "exhaustion=90" },
		{ PAGE "_ports", "ports=18000-18002" },
		{ PAGE "_connections", "port=19000" },
		{ PAGE "_why", "tcp 127.0.0.1:18001 reuseaddr" },
		{ PAGE "_why", "connect from 127.0.0.1:21000 to 127.0.0.1:19000" },
		{ PAGE "_why", "tcp nowhere" },
	};
	unsigned int r = rand_r(seed) % (sizeof(writes) / sizeof(*writes));
	int fd = open(writes[r].file, O_RDWR | O_CLOEXEC);
	char text[4096];

	if (fd >= 0 && write(fd, writes[r].text, strlen(writes[r].text)) > 0) {
		rush_count(&rush->writes, 1);
		(void)!read(fd, text, sizeof(text));
	}
	close(fd);
	usleep(10000);
}

/**
 * struct rush_actor - one kind of process
 * @turn: what it does again and again
 * @processes: how many of them
 */
struct rush_actor {
	void (*turn)(unsigned int *seed, int nth);
	int processes;
};

/* Those who look, from where they see everybody, and those whom they see. */
static const struct rush_actor rush_lookers[] = {
	{ rush_read, 1 }, { rush_poll, 1 }, { rush_write, 1 },
};

static const struct rush_actor rush_workers[] = {
	{ rush_bind, 2 }, { rush_serve, RUSH_SERVERS }, { rush_connect, 2 }, { rush_namespace, 1 },
};

static inline int rush_start(const struct rush_actor *actor)
{
	unsigned int seed;
	int nth;
	pid_t pid;

	for (nth = 0; nth < actor->processes; nth++) {
		pid = fork();
		if (pid < 0)
			return -1;
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTERM, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		seed = getpid();
		while (!rush_stops()) {
			actor->turn(&seed, nth);
			if (rush_rest)
				usleep(rush_rest);
		}
		_exit(0);
	}
	return 0;
}

/* Start them all; the caller is then in the network namespace of those who work. */
static inline int rush_begin(void)
{
	size_t i;

	rush = mmap(NULL, sizeof(*rush), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rush == MAP_FAILED)
		return -1;
	for (i = 0; i < sizeof(rush_lookers) / sizeof(*rush_lookers); i++) {
		if (rush_start(&rush_lookers[i]))
			return -1;
	}
	if (enter_netns() || range(RUSH_LOW, RUSH_HIGH))
		return -1;
	for (i = 0; i < sizeof(rush_workers) / sizeof(*rush_workers); i++) {
		if (rush_start(&rush_workers[i]))
			return -1;
	}
	return 0;
}

/* They finish what they are at: what was refused is counted, to the last one. */
static inline void rush_end(void)
{
	__atomic_store_n(&rush->stop, true, __ATOMIC_RELAXED);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static inline void rush_tell(FILE *to, const char *before)
{
	fprintf(to, "%srefused %lld, connections %lld, accepted %lld, namespaces %lld, ", before,
		rush->refused, rush->connections, rush->accepted, rush->namespaces);
	fprintf(to, "reads %lld, polls %lld, writes %lld\n", rush->reads, rush->polls,
		rush->writes);
}

#endif /* _SELFTESTS_RUSH_H */
