/* SPDX-License-Identifier: GPL-2.0 */
/* Cells of the tables in debugfs, and what the kernel counts of the same things. */
#ifndef _SELFTESTS_TABLES_H
#define _SELFTESTS_TABLES_H

#include "tcpwatch.h"

/* The inode number by which tables name our network namespace. */
static inline unsigned long our_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

/* The nth column of a tab-separated line; good until the next call but three. */
static inline const char *nth_cell(const char *line, int nth)
{
	static char cells[4][512];
	static unsigned int turn;
	char *to = cells[turn++ % 4];
	size_t len;

	while (nth-- && line)
		line = strchr(line, '\t') ? strchr(line, '\t') + 1 : NULL;
	len = line ? strcspn(line, "\t\n") : 0;
	snprintf(to, 512, "%.*s", (int)len, line ?: "");
	return to;
}

static inline int column_of(const char *header, const char *name)
{
	int nth;

	for (nth = 0; *nth_cell(header, nth); nth++) {
		if (!strcmp(nth_cell(header, nth), name))
			return nth;
	}
	return -1;
}

/*
 * The cell of a column in the one line of our namespace that has these values in two
 * other columns; an empty string when there is none.
 */
static inline const char *cell(const char *table, const char *key1, const char *value1,
			       const char *key2, const char *value2, const char *column)
{
	static char header[4096], line[4096];
	char path[64], netns[32];
	const char *found = "";
	FILE *file;

	snprintf(path, sizeof(path), TREE "%s", table);
	snprintf(netns, sizeof(netns), "%lu", our_netns());
	file = fopen(path, "r");
	if (!file)
		return "";
	if (!fgets(header, sizeof(header), file))
		*header = '\0';
	while (!*found && fgets(line, sizeof(line), file)) {
		if (!strcmp(nth_cell(line, column_of(header, "netns")), netns) &&
		    !strcmp(nth_cell(line, column_of(header, key1)), value1) &&
		    !strcmp(nth_cell(line, column_of(header, key2)), value2))
			found = nth_cell(line, column_of(header, column));
	}
	fclose(file);
	return found;
}

/* Of a local port that was bound. */
static inline const char *port_cell(int port, const char *column)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", port);
	return cell("timewait", "port", text, "peer", "-", column);
}

/* Of a destination. */
static inline const char *peer_cell(const char *peer, const char *column)
{
	return cell("timewait", "port", "-", "peer", peer, column);
}

/* The sum of a column over all lines of our namespace. */
static inline long long column_sum(const char *table, const char *column)
{
	static char header[4096], line[4096];
	char path[64], netns[32];
	long long sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), TREE "%s", table);
	snprintf(netns, sizeof(netns), "%lu", our_netns());
	file = fopen(path, "r");
	if (!file || !fgets(header, sizeof(header), file))
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (!strcmp(nth_cell(line, column_of(header, "netns")), netns))
			sum += strtoll(nth_cell(line, column_of(header, column)), NULL, 10);
	}
	fclose(file);
	return sum;
}

/* A counter of our namespace in /proc/net/netstat. */
static inline long long mib(const char *wanted)
{
	char names[8192], values[8192], *name, *value, *n, *v;
	FILE *file = fopen("/proc/thread-self/net/netstat", "r");
	long long found = -1;

	if (!file || !fgets(names, sizeof(names), file) || !fgets(values, sizeof(values), file))
		return -1;
	fclose(file);
	names[strcspn(names, "\n")] = '\0';
	values[strcspn(values, "\n")] = '\0';
	name = strtok_r(names, " ", &n);
	value = strtok_r(values, " ", &v);
	while (name && value) {
		if (!strcmp(name, wanted))
			found = atoll(value);
		name = strtok_r(NULL, " ", &n);
		value = strtok_r(NULL, " ", &v);
	}
	return found;
}

/* TIME-WAIT sockets of our namespace, as /proc/net/sockstat counts them. */
static inline long long sockstat_tw(void)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "r");
	long long found = -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "TCP: inuse %*d orphan %*d tw %lld", &found);
	if (file)
		fclose(file);
	return found;
}

#endif /* _SELFTESTS_TABLES_H */
