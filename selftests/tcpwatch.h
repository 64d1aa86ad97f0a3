/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests share: sockets by a short description, and reading events. */
#ifndef _SELFTESTS_TCPWATCH_H
#define _SELFTESTS_TCPWATCH_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE	"/sys/kernel/debug/tcpwatch/"
#define PAGE	"/proc/tcpwatch"

/* How long an event may take from the refused call to the reader, in ms. */
#define PATIENCE	5000

/* How long to wait to be sure that there is none. */
#define SILENCE		100

/* Of a kernel that checks itself, which under emulation takes ten times as long. */
static inline bool is_debug_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK) ||
	       !access("/sys/kernel/debug/kcsan", F_OK);
}

/* Why the tests cannot run here, or NULL. */
static inline const char *unfit(void)
{
	if (getuid())
		return "needs root";
	if (access(PAGE, F_OK))
		return "tcpwatch is not loaded";
	if (access(TREE "events", R_OK))
		return "debugfs is not mounted";
	return NULL;
}

/* A network namespace of our own, so that its events are ours. */
static inline int enter_netns(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, err;

	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return -1;
	err = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return err;
}

/* An address: "127.0.0.1", "::1", "::ffff:127.0.0.1", with a port. */
static inline socklen_t address(struct sockaddr_storage *ss, const char *text, int port)
{
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		inet_pton(AF_INET6, text, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	inet_pton(AF_INET, text, &in->sin_addr);
	return sizeof(*in);
}

static inline int bind_to(int fd, const char *text, int port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, text, port);

	return bind(fd, (struct sockaddr *)&ss, len);
}

static inline int connect_to(int fd, const char *text, int port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, text, port);

	return connect(fd, (struct sockaddr *)&ss, len);
}

static inline int local_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -1;
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static inline uint64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static inline int set_on(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one));
}

/* An address and port as tcpwatch and ss print them. */
static inline const char *endpoint(const char *text, int port)
{
	static char texts[4][64];
	static unsigned int turn;
	char *to = texts[turn++ % 4];

	snprintf(to, 64, strchr(text, ':') ? "[%s]:%d" : "%s:%d", text, port);
	return to;
}

/* Write a sysctl of our namespace: "ipv4/ip_local_port_range". */
static inline int sysctl(const char *name, const char *format, ...)
{
	char path[128];
	va_list args;
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	file = fopen(path, "w");
	if (!file)
		return -1;
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	err = ferror(file);
	return fclose(file) || err ? -1 : 0;
}

static inline int range(int low, int high)
{
	return sysctl("ipv4/ip_local_port_range", "%d %d\n", low, high);
}

/* Options of one side. */
#define REUSEADDR	0x01
#define REUSEPORT	0x02
#define V6ONLY		0x04
#define ON_LO		0x08
#define OTHER_UID	0x10
#define OTHERS_REUSEPORT	(REUSEPORT | OTHER_UID)

/* One of the two who want a port. */
struct side {
	const char *address;
	int flags;
};

static inline int make_socket(const struct side *side)
{
	int fd;

	if (side->flags & OTHER_UID)
		setfsuid(1000);
	fd = socket(strchr(side->address, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setfsuid(0);
	if (fd < 0)
		return -1;
	if (((side->flags & REUSEADDR) && set_on(fd, SOL_SOCKET, SO_REUSEADDR)) ||
	    ((side->flags & REUSEPORT) && set_on(fd, SOL_SOCKET, SO_REUSEPORT)) ||
	    ((side->flags & V6ONLY) && set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    ((side->flags & ON_LO) && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)))
		return -1;
	return fd;
}

/* One open file of events; of more than conflicts only what is asked for, a word each. */
struct events {
	int fd;
	const char *also;
	char buf[65536];
	size_t len;
	char line[65536];
	char given[65536];
};

static inline int events_open(struct events *events)
{
	events->len = 0;
	events->also = NULL;
	events->fd = open(TREE "events", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return events->fd < 0 ? -1 : 0;
}

/* The next line, without its newline; NULL when none comes within ms. */
static inline const char *events_line(struct events *events, int ms)
{
	struct pollfd pfd = { .fd = events->fd, .events = POLLIN };
	char *end;
	ssize_t got;

	/* events of other namespaces make it readable, and are then passed over */

	while (!(end = memchr(events->buf, '\n', events->len))) {
		if (poll(&pfd, 1, ms) <= 0)
			return NULL;
		got = read(events->fd, events->buf + events->len,
			   sizeof(events->buf) - events->len);
		if (got < 0 && errno == EAGAIN)
			continue;
		if (got <= 0)
			return NULL;
		events->len += got;
	}
	*end = '\0';
	memcpy(events->line, events->buf, end + 1 - events->buf);
	events->len -= end + 1 - events->buf;
	memmove(events->buf, end + 1, events->len);
	return events->line;
}

/* Is it asked for? What has no kind, or another, is. */
static inline bool is_asked_for(const struct events *events, const char *line)
{
	static const char *const kinds[] = {
		"reuse", "refusal", "overflow", "exhaustion", "backlog", "stuck",
	};
	const char *at = strstr(line, " event=");
	size_t i, len;

	for (i = 0; at && i < sizeof(kinds) / sizeof(*kinds); i++) {
		len = strlen(kinds[i]);
		if (!strncmp(at + 7, kinds[i], len) && at[7 + len] == ' ')
			return events->also && strstr(events->also, kinds[i]);
	}
	return true;
}

/* The next line that is asked for. */
static inline const char *events_next(struct events *events, int ms)
{
	const char *line;

	do
		line = events_line(events, ms);
	while (line && !is_asked_for(events, line));
	/* what is passed over next leaves it alone */
	return line ? memcpy(events->given, line, strlen(line) + 1) : NULL;
}

/*
 * The value of a key as it stands in the line, without its quotes; an empty
 * string when there is none. Good until the next call but seven.
 */
static inline const char *value(const char *line, const char *key)
{
	static char values[8][512];
	static unsigned int turn;
	char *to = values[turn++ % 8], *start = to;
	size_t len = strlen(key);
	bool quoted = false, match;
	const char *at = line;

	*to = '\0';
	while (at && *at) {
		match = !strncmp(at, key, len) && at[len] == '=';
		/* over one key=value, noting it if it is the one */
		for (at = strchr(at, '='), quoted = false; at && *++at; ) {
			if (*at == '"') {
				quoted = !quoted;
				continue;
			}
			if (*at == ' ' && !quoted)
				break;
			if (match && to < start + 500)
				*to++ = *at;
			/* the quote in \" ends nothing */
			if (*at == '\\' && quoted && at[1]) {
				at++;
				if (match)
					*to++ = *at;
			}
		}
		if (match) {
			*to = '\0';
			return start;
		}
		if (at && *at == ' ')
			at++;
	}
	return start;
}

static inline long long number(const char *line, const char *key)
{
	const char *text = value(line, key);

	return *text ? strtoll(text, NULL, 10) : -1;
}

/* Write what the module is to do from now on: "stuck=1". */
static inline int control(const char *text)
{
	int fd = open(TREE "control", O_WRONLY), err;

	if (fd < 0)
		return -1;
	err = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close(fd);
	return err;
}

/* A line `name value` of the stats file; -1 when there is none. */
static inline long long stat_value(const char *name)
{
	FILE *file = fopen(TREE "stats", "r");
	long long found, result = -1;
	char word[64];

	if (!file)
		return -1;
	while (fscanf(file, "%63s %lld", word, &found) == 2) {
		if (!strcmp(word, name))
			result = found;
	}
	fclose(file);
	return result;
}

/* Missed probes of both kinds, all hooks. */
static inline long long hooks_missed(void)
{
	FILE *file = fopen(TREE "hooks", "r");
	long long sum = 0, nested, full;
	char line[512];
	int rows = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %*s %*s %lld %lld", &nested, &full) != 2)
			continue;
		sum += nested + full;
		rows++;
	}
	fclose(file);
	return rows ? sum : -1;
}

/* The storm beside us; what can be read of it is its own count of refusals. */
static inline FILE *start_storm(int processes, int seconds)
{
	char self[256], command[512];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return NULL;
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(command, sizeof(command), "'%s/storm' %d %d", self, processes, seconds);
	return popen(command, "r");
}

#endif /* _SELFTESTS_TCPWATCH_H */
