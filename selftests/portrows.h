/* SPDX-License-Identifier: GPL-2.0 */
/* The table of ports, held against what /proc/net/tcp has of the same sockets. */
#ifndef _SELFTESTS_PORTROWS_H
#define _SELFTESTS_PORTROWS_H

#include <netinet/tcp.h>
#include "tables.h"

/* By the number of the state, as in /proc/net/tcp. */
static const char *const state_columns[] = {
	[TCP_ESTABLISHED] = "established", [TCP_SYN_SENT] = "syn_sent",
	[TCP_SYN_RECV] = "syn_recv", [TCP_FIN_WAIT1] = "fin_wait1",
	[TCP_FIN_WAIT2] = "fin_wait2", [TCP_TIME_WAIT] = "time_wait",
	[TCP_CLOSE] = "bound", [TCP_CLOSE_WAIT] = "close_wait", [TCP_LAST_ACK] = "last_ack",
	[TCP_LISTEN] = "listen", [TCP_CLOSING] = "closing",
};

/* Sockets of our namespace by port and state, and of all ports in the place of port 0. */
struct port_rows {
	unsigned int of[65536][TCP_CLOSING + 1];
};

static inline const char *row_cell(int port, const char *column)
{
	char text[16], netns[32];

	snprintf(netns, sizeof(netns), "%lu", our_netns());
	snprintf(text, sizeof(text), port ? "%d" : "*", port);
	return cell("ports", "port", text, "netns", netns, column);
}

static inline long long row_count(int port, const char *column)
{
	return strtoll(row_cell(port, column), NULL, 10);
}

/* What the kernel's own tables say, which leave out sockets that are merely bound. */
static inline int read_kernel(struct port_rows *rows)
{
	static const char *const tables[] = {
		"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6",
	};
	unsigned int port, state, i;
	char line[512];
	FILE *file;

	memset(rows, 0, sizeof(*rows));
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		file = fopen(tables[i], "r");
		if (!file)
			return -1;
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "%*d: %*[^:]:%x %*[^:]:%*x %x", &port, &state) != 2)
				continue;
			rows->of[port][state]++;
			rows->of[0][state]++;
		}
		fclose(file);
	}
	return 0;
}

/* What ours says; -1 also when a port has two rows. */
static inline int read_ours(struct port_rows *rows)
{
	static char header[4096], line[4096];
	int columns[TCP_CLOSING + 1], port_column, netns_column, port;
	FILE *file = fopen(TREE "ports", "r");
	char netns[32];
	unsigned int i;

	memset(rows, 0, sizeof(*rows));
	if (!file || !fgets(header, sizeof(header), file))
		return -1;
	for (i = 1; i <= TCP_CLOSING; i++)
		columns[i] = column_of(header, state_columns[i]);
	port_column = column_of(header, "port");
	netns_column = column_of(header, "netns");
	snprintf(netns, sizeof(netns), "%lu", our_netns());
	while (fgets(line, sizeof(line), file)) {
		if (strcmp(nth_cell(line, netns_column), netns))
			continue;
		port = atoi(nth_cell(line, port_column));
		for (i = 1; i <= TCP_CLOSING; i++) {
			if (rows->of[port][i])
				return -1;
			rows->of[port][i] = atoi(nth_cell(line, columns[i]));
		}
	}
	return fclose(file);
}

/*
 * Of every port and in every state but that, and of all ports together. TIME-WAIT may have
 * ended meanwhile.
 */
static inline bool rows_agree(void)
{
	static struct port_rows kernel, ours, after;
	unsigned int port, i;
	bool agree = true;

	if (read_kernel(&kernel) || read_ours(&ours) || read_kernel(&after))
		return false;
	for (port = 0; port < ARRAY_SIZE(kernel.of); port++) {
		for (i = 1; i <= TCP_CLOSING; i++) {
			if (i == TCP_CLOSE || kernel.of[port][i] == ours.of[port][i])
				continue;
			if (i == TCP_TIME_WAIT && ours.of[port][i] < kernel.of[port][i] &&
			    ours.of[port][i] >= after.of[port][i])
				continue;
			ksft_print_msg("port %u has %u in %s, we say %u\n", port,
				       kernel.of[port][i], state_columns[i], ours.of[port][i]);
			agree = false;
		}
	}
	return agree;
}

#endif /* _SELFTESTS_PORTROWS_H */
