/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The TIME-WAIT sockets there are, counted when somebody asks: by local port and, those
 * whose port connect() chose, by destination as well.
 */
#ifndef _TCPWATCH_CENSUS_H
#define _TCPWATCH_CENSUS_H

#include <linux/types.h>
#include "ledger.h"

/**
 * struct tcpwatch_ages - TIME-WAIT sockets, counted and timed
 * @time_wait: how many are past FIN-WAIT-2
 * @fin_wait2: how many wait for the peer's FIN still, in the form of TIME-WAIT
 * @oldest_ms: how long the oldest has been in TIME-WAIT, valid if @time_wait
 * @newest_ms: and the newest
 * @next_ms: how long until the first is gone, valid if any is there
 * @last_ms: and until the last is
 */
struct tcpwatch_ages {
	u32 time_wait;
	u32 fin_wait2;
	u32 oldest_ms;
	u32 newest_ms;
	u32 next_ms;
	u32 last_ms;
};

/**
 * enum tcpwatch_census_kind - what a line is of
 * @TCPWATCH_CENSUS_LOCAL: a local port that was bound
 * @TCPWATCH_CENSUS_PEER: a destination of connections whose port connect() chose
 * @TCPWATCH_CENSUS_CHOSEN: a local port that connect() chose
 */
enum tcpwatch_census_kind {
	TCPWATCH_CENSUS_LOCAL,
	TCPWATCH_CENSUS_PEER,
	TCPWATCH_CENSUS_CHOSEN,
};

/**
 * struct tcpwatch_census_line - what is known of a port or a destination
 * @kind: which of them
 * @family: AF_INET or AF_INET6, of one of its sockets
 * @port: local port, 0: of a destination
 * @peer_port: remote port, 0: of a local port that was bound, or more than one
 * @netns: inode number of the network namespace
 * @netns_cookie: and its cookie
 * @row: number of its row in the ledger, -1: none
 * @addr: local address of one of its sockets
 * @peer: remote address, valid if @peer_port
 * @ages: the sockets
 */
struct tcpwatch_census_line {
	u8 kind;
	u16 family;
	u16 port;
	u16 peer_port;
	u32 netns;
	u64 netns_cookie;
	int row;
	struct in6_addr addr;
	struct in6_addr peer;
	struct tcpwatch_ages ages;
};

/**
 * struct tcpwatch_census - all of them
 * @lines: the lines; ports in the order of the kernel's table, then destinations, then
 *	ports and destinations that had TIME-WAIT
 * @count: how many
 * @room: how many there is memory for
 */
struct tcpwatch_census {
	struct tcpwatch_census_line *lines;
	unsigned int count;
	unsigned int room;
};

/**
 * tcpwatch_census_take() - count
 * @census: the result, to be given to tcpwatch_census_free()
 * @netns_cookie: of which network namespace; 0: of all
 *
 * A walk, not a snapshot: see walk.h. Only a census of all makes rows in the ledger for
 * what was there before us.
 * Memory is bounded by the ports in use, not by the sockets.
 *
 * Context: process, sleeps.
 * Return: 0, -ENOMEM, or -EINTR when the reader is killed.
 */
int tcpwatch_census_take(struct tcpwatch_census *census, u64 netns_cookie);

/**
 * tcpwatch_census_row() - the ledger's row of a line
 * @row: the answer; without one, an empty row
 * @line: the line
 *
 * Context: any.
 */
void tcpwatch_census_row(struct tcpwatch_ledger_row *row, const struct tcpwatch_census_line *line);

/**
 * struct tcpwatch_census_owner - who left TIME-WAIT sockets
 * @task: of a port who had it when the oldest was left, of a destination who closed a
 *	connection there last; pid 0: not known
 * @uid: likewise, invalid: not known
 * @cgroup: id of the control group, 0: not known
 * @exited: the process has exited, as far as is known
 */
struct tcpwatch_census_owner {
	struct tcpwatch_task task;
	kuid_t uid;
	u64 cgroup;
	bool exited;
};

/**
 * tcpwatch_census_find_owner() - who left the sockets of a line
 * @owner: the answer
 * @line: the line
 * @row: its row
 *
 * Context: process.
 */
void tcpwatch_census_find_owner(struct tcpwatch_census_owner *owner,
				const struct tcpwatch_census_line *line,
				const struct tcpwatch_ledger_row *row);

/**
 * tcpwatch_census_free() - free the lines
 * @census: may be empty
 *
 * Context: process.
 */
void tcpwatch_census_free(struct tcpwatch_census *census);

#endif /* _TCPWATCH_CENSUS_H */
