/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of paths and owners share: a network of their own, states to
 * wait for, and "exactly this one event". Include harness.h first.
 */
#ifndef _SELFTESTS_EXPECT_H
#define _SELFTESTS_EXPECT_H

#include <netinet/tcp.h>
#include <stdarg.h>
#include "tcpwatch.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif

#define SERVER	18080

/*
 * Wait until a TCP socket of ours with these ports is in this state, and stays in it: one
 * that is closed is in FIN-WAIT-2 before it has a timer that ends it, which is after its
 * place has been taken by what TIME-WAIT is made of. Where softirqs are preempted, that
 * can take a while.
 */
static inline int await_state(int port, int peer_port, unsigned int state)
{
	static const char *const tables[] = {
		"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6",
	};
	static const char row[] = "%*d: %*[^:]:%x %*[^:]:%x %x %*s %x:%*s %*s %*u %*u %lu";
	unsigned int local, remote, found, timer;
	unsigned long inode;
	char line[256];
	FILE *file;
	int ms, i;

	for (ms = 0; ms < PATIENCE; ms += 5) {
		for (i = 0; i < 2; i++) {
			file = fopen(tables[i], "r");
			while (file && fgets(line, sizeof(line), file)) {
				if (sscanf(line, row, &local, &remote, &found, &timer,
					   &inode) == 5 &&
				    (int)local == port && (int)remote == peer_port &&
				    found == state &&
				    (state != TCP_FIN_WAIT2 || inode || timer > 1)) {
					fclose(file);
					return 0;
				}
			}
			if (file)
				fclose(file);
		}
		usleep(5000);
	}
	return -1;
}

/* A listening socket; family as the address says. */
static inline int server_on(const char *text, int port)
{
	struct side side = { text, REUSEADDR };
	int fd = make_socket(&side);

	return fd < 0 || bind_to(fd, text, port) || listen(fd, 64) ? -1 : fd;
}

/* A client that connect() gave this very port. Narrows the range to it. */
static inline int client_on(int port, const char *to, int to_port)
{
	struct side side = { to, 0 };
	int fd = make_socket(&side);

	if (fd < 0 || range(port, port) || connect_to(fd, to, to_port))
		return -1;
	return local_port(fd) == port ? fd : -1;
}

/* TIME-WAIT on that port, left by such a client of a server of ours. */
static inline int time_wait_on(int server, int port, const char *to, int to_port)
{
	int client = client_on(port, to, to_port), child;

	if (client < 0)
		return -1;
	/* whatever else is waiting to be accepted is served as well */
	do {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);

		child = accept4(server, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);
		if (child < 0)
			return -1;
		if (ntohs(((struct sockaddr_in *)&ss)->sin_port) == port)
			break;
	} while (1);
	close(client);
	if (await_state(port, to_port, TCP_FIN_WAIT2))
		return -1;
	close(child);
	return await_state(port, to_port, TCP_TIME_WAIT);
}

/* What must not move in a test whose outcome is certain. */
static const char *const doubts[] = {
	"disagreed", "unexplained", "crowded", "lost", "raced",
};

#define DOUBTS	ARRAY_SIZE(doubts)

struct world {
	struct events events;
	long long doubts[DOUBTS];
};

/* A namespace of our own, its events, and no doubts so far. */
static inline int enter_world(struct world *world)
{
	size_t i;

	for (i = 0; i < DOUBTS; i++)
		world->doubts[i] = stat_value(doubts[i]);
	return enter_netns() || events_open(&world->events) ? -1 : 0;
}

/* Leave it: nothing that was not asked for has happened. */
static inline void leave_world(struct __test_metadata *_metadata, struct world *world)
{
	size_t i;

	for (i = 0; i < DOUBTS; i++) {
		EXPECT_EQ(stat_value(doubts[i]), world->doubts[i]) {
			TH_LOG("%s has moved", doubts[i]);
		}
	}
	close(world->events.fd);
}

static inline void expect_silence(struct __test_metadata *_metadata, struct world *world)
{
	const char *line = events_next(&world->events, SILENCE);

	EXPECT_EQ(line, NULL) {
		TH_LOG("not expected: %s", line);
	}
}

/* Of a line: key, value, key, value, NULL. An empty value: no such key. */
static inline void expect_keys(struct __test_metadata *_metadata, const char *line, ...)
{
	const char *key, *wanted;
	va_list args;

	va_start(args, line);
	while ((key = va_arg(args, const char *))) {
		wanted = va_arg(args, const char *);
		EXPECT_STREQ(value(line, key), wanted) {
			TH_LOG("%s=", key);
		}
	}
	va_end(args);
}

/* One event with this call, errno, rule, want and destination, and no other. */
static inline const char *expect_event(struct __test_metadata *_metadata, struct world *world,
				       const char *call, const char *error, const char *rule,
				       const char *want, const char *to)
{
	const char *line = events_next(&world->events, PATIENCE);

	EXPECT_NE(line, NULL) {
		TH_LOG("no event: %s %s %s", call, rule, want);
	}
	if (!line)
		return "";
	TH_LOG("%s", line);
	expect_keys(_metadata, line, "event", "conflict", "call", call, "errno", error,
		    "rule", rule, "want", want, "to", to, NULL);
	EXPECT_NE(*value(line, "fix"), '\0');
	expect_silence(_metadata, world);
	return line;
}

#endif /* _SELFTESTS_EXPECT_H */
