/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files that can be written: what to write to each, who judges it, and what has to
 * hold of what is read afterwards.
 */
#ifndef _SELFTESTS_FUZZ_TARGETS_H
#define _SELFTESTS_FUZZ_TARGETS_H

#include "fuzz.h"
#include "fuzz_request.h"

#define HELD	6
/* One bind in so many is made for real as well. */
#define TRIED	500

/* What is known of the module. */
static struct {
	struct asker asker;
	struct wish wish;
	struct knobs knobs;
	struct set set;
	int asked_by_all;	/* an open file that may ask for all namespaces */
	unsigned int fds[8], inums[3];
	long tried, tables, round_trips;
	char answer[1 << 16];
} now;

/* Those of our namespace. */
static const struct { struct side side; int port; bool listens; } held[HELD] = {
	{ { "127.0.0.1", 0 }, 18080, true },
	{ { "0.0.0.0", REUSEADDR }, 18081, false },
	{ { "::", 0 }, 18082, true },
	{ { "::1", OTHERS_REUSEPORT }, 18083, false },
	{ { "127.0.0.1", REUSEPORT }, 18084, true },
	{ { "::", V6ONLY | REUSEADDR }, 18086, false },
};

struct target {
	const char *path;
	size_t most;		/* in one write */
	void (*put)(struct input *in, bool wrong);
	int (*judge)(const char *text, size_t len);
	const char *(*check)(int fd, int err);	/* NULL, or what is wrong */
	int (*open)(const char *path);
	int fd;
	long accepted, refused, kinds[3];
};

static const char *slurp(int fd, off_t from)
{
	size_t len = 0;
	ssize_t got;

	if (from >= 0 && lseek(fd, from, SEEK_SET) != from)
		return NULL;
	while ((got = read(fd, now.answer + len, sizeof(now.answer) - 1 - len)) > 0)
		len += got;
	now.answer[len] = '\0';
	return got || strlen(now.answer) != len ? NULL : now.answer;
}

static int open_anew(const char *path)
{
	now.set = now.knobs.ports;
	return open(path, O_RDWR | O_CLOEXEC);
}

static void put_why(struct input *in, bool wrong)
{
	if (wrong)
		put_wrong_request(in, now.fds, now.inums);
	else
		put_request(in, now.fds, now.inums);
}

static int judge_request(const char *text, size_t len)
{
	return judge_why(text, len, &now.asker, &now.wish);
}

/* The errno with which the kernel refuses what was wished for, or 0. */
static int try(const struct wish *wish)
{
	struct side side = {
		wish->addr, (wish->reuse ? REUSEADDR : 0) | (wish->reuseport ? REUSEPORT : 0) |
			    (wish->v6only ? V6ONLY : 0) | (wish->on_lo ? ON_LO : 0),
	};
	int fd, err = 0;

	if (wish->uid >= 0)
		setfsuid(wish->uid);
	fd = make_socket(&side);
	setfsuid(0);
	if (fd < 0 || bind_to(fd, wish->addr, wish->port) || (wish->listen && listen(fd, 1)))
		err = errno;
	close(fd);
	return err;
}

static const char *check_try(const char *line, const struct wish *wish)
{
	int err;

	/* by somebody's socket, elsewhere, or from a range whose ends may be tried or not */
	if (wish->connect || wish->fd >= 0 || wish->elsewhere || wish->range || any(TRIED))
		return NULL;
	now.tried++;
	err = try(wish);
	if (!err != !strcmp(value(line, "verdict"), "free"))
		return err ? strerror(err) : "the kernel does not refuse it";
	if (err && strcmp(value(line, "errno"), err == EADDRINUSE ? "EADDRINUSE" :
						 err == EACCES ? "EACCES" : "EADDRNOTAVAIL"))
		return strerror(err);
	return NULL;
}

/* One line that a terminal may see, about what was asked for. */
static const char *check_answer(int fd, int err)
{
	const char *line = slurp(fd, -1), *at, *verdict;
	struct in6_addr asked, told;
	char addr[ADDR_MAX];
	int family, port;

	if (!line)
		return "no answer";
	/* the request was not looked at, and the last answer has been read */
	if (err == EFAULT || err == ESPIPE)
		return *line ? "an answer" : NULL;
	for (at = line; *at && *at != '\n'; at++) {
		if (*at < 0x20 || *at > 0x7e)
			return "not printable";
	}
	if (strcmp(at, "\n") || strncmp(line, "event=why verdict=", 18))
		return "not a line of its kind";
	now.answer[at - line] = '\0';
	verdict = value(line, "verdict");
	if (err)
		return strcmp(verdict, "invalid") || strlen(value(line, "reason")) < 8 ?
			"no reason" : NULL;
	if (strcmp(verdict, "free") && strcmp(verdict, "refused"))
		return "no verdict";
	snprintf(addr, sizeof(addr), "%s", value(line, "want"));
	memset(&asked, 0, sizeof(asked));
	memset(&told, 0, sizeof(told));
	inet_pton(now.wish.family, now.wish.addr, &asked);
	if (!read_end(addr, &family, addr, &port) || family != now.wish.family ||
	    port != now.wish.port || inet_pton(family, addr, &told) != 1 ||
	    memcmp(&asked, &told, sizeof(asked)))
		return "another address or port";
	return check_try(line, &now.wish);
}

static void put_choice(struct input *in, bool wrong)
{
	if (any(2))
		put_gap(in);
	if (wrong || any(2))
		put(in, "ports=");
	if (wrong)
		put_wrong_ports(in);
	else
		put_ports(in);
	if (any(2))
		put(in, "\n");
}

static int judge_table(const char *text, size_t len)
{
	return judge_choice(text, len, &now.set);
}

/* The rows of our namespace: of each port that is held one, if it is chosen. */
static const char *check_table(int fd, int err)
{
	const char *table, *row, *word;
	int rows[HELD] = {}, i, port;
	bool sum = false;

	/* unless there was a mistake, not each time */
	if (any(err ? 4 : 16))
		return NULL;
	now.tables++;
	table = slurp(fd, 0);
	if (!table)
		return "no table";
	for (row = strchr(table, '\n'); row && row[1]; row = strchr(row, '\n')) {
		row++;
		if (strtoul(row, NULL, 10) != now.asker.own)
			continue;
		/* port of one, proto and local of the other */
		word = strchr(row, '\t') + 1;
		if (!strncmp(word, "tcp\t", 4)) {
			for (word = strchr(word + 4, '\t'); word[-1] != ':'; word--)
				;
		}
		sum |= *word == '*';
		port = atoi(word);
		for (i = 0; i < HELD; i++)
			rows[i] += port == held[i].port;
		if (port && !set_has(&now.set, port))
			return "a port that was not chosen";
	}
	for (i = 0; i < HELD; i++) {
		if (rows[i] != set_has(&now.set, held[i].port))
			return "a port that was chosen is not there, or twice";
	}
	return sum && now.set.count ? "a sum of some" : NULL;
}

static void put_knobs(struct input *in, bool wrong)
{
	unsigned int i, n = 1 + any(4), which = any(n);

	for (i = 0; i < n; i++) {
		if (i || !any(4))
			put_gap(in);
		put_knob(in, wrong && i == which);
	}
	if (any(2))
		put(in, "\n");
}

static int judge_knobs(const char *text, size_t len)
{
	return judge_control(text, len, &now.knobs);
}

static void print_knobs(char *to)
{
	const struct set *set = &now.knobs.ports;
	int i;

	to += sprintf(to, "alert=%s\nalert_rate=%u\nexhaustion=%u\nstuck=%u\nports=%s",
		      now.knobs.alert ? "on" : "off", now.knobs.alert_rate, now.knobs.exhaustion,
		      now.knobs.stuck, set->count ? "" : "all");
	for (i = 0; i < set->count; i++) {
		to += sprintf(to, i ? ",%u" : "%u", set->range[i].lo);
		if (set->range[i].lo != set->range[i].hi)
			to += sprintf(to, "-%u", set->range[i].hi);
	}
	sprintf(to, "\nclear\n");
}

static const char *check_knobs(int fd, int err)
{
	char expected[1024];
	ssize_t len;

	print_knobs(expected);
	len = strlen(expected);
	if (strcmp(slurp(fd, 0) ?: "", expected))
		return "not what was asked for";
	if (any(64))
		return NULL;
	/* what was read may be written, and says the same */
	now.round_trips++;
	if (write(fd, expected, len) != len || strcmp(slurp(fd, 0) ?: "", expected))
		return "no way back";
	return NULL;
}

/* One that is opened here, and the one that is not, in turn. */
static int open_why(const char *path)
{
	int fd;

	now.asker.all = !now.asker.all;
	fd = now.asker.all ? dup(now.asked_by_all) : open(path, O_RDWR | O_CLOEXEC);
	slurp(fd, -1);
	return fd;
}

static struct target targets[] = {
	{
		.path = "/proc/tcpwatch_why", .most = WRITE_MAX, .open = open_why,
		.put = put_why, .judge = judge_request, .check = check_answer,
	},
	{
		.path = "/proc/tcpwatch_control", .most = WRITE_MAX, .open = open_anew,
		.put = put_knobs, .judge = judge_knobs, .check = check_knobs,
	},
	{
		.path = "/proc/tcpwatch_ports", .most = CHOICE_MAX, .open = open_anew,
		.put = put_choice, .judge = judge_table, .check = check_table,
	},
	{
		.path = "/proc/tcpwatch_connections", .most = CHOICE_MAX, .open = open_anew,
		.put = put_choice, .judge = judge_table, .check = check_table,
	},
};

#endif /* _SELFTESTS_FUZZ_TARGETS_H */
