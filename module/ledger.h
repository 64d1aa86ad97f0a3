/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has become of connections, added up: a row for each local port that was bound,
 * and one for each destination of those whose port connect() chose, since such a port
 * means nothing by itself. The table has a fixed size.
 */
#ifndef _TCPWATCH_LEDGER_H
#define _TCPWATCH_LEDGER_H

#include <linux/atomic.h>
#include "event.h"

struct net;
struct sock;

/* What a row adds up: X(TALLY, item, name). */
#define TCPWATCH_TALLIES(X) \
	/* connections closed in order, by who sent the first FIN: we, */ \
	X(TALLY, ACTIVE, "active_close") \
	/* the peer, */ \
	X(TALLY, PASSIVE, "passive_close") \
	/* or both at once, so that each end has TIME-WAIT */ \
	X(TALLY, SIMULTANEOUS, "simultaneous_close") \
	/* of the first and the last, those that got no TIME-WAIT */ \
	X(TALLY, OVERFLOW, "overflow") \
	/* TIME-WAIT that gave way */ \
	X(TALLY, BIND_OVER, "bind_over") \
	X(TALLY, CONNECT, "connect") \
	X(TALLY, SYN, "syn") \
	/* or did not give way to a connect() */ \
	X(TALLY, REFUSED, "refused")

enum tcpwatch_tally {
	TCPWATCH_TALLIES(TCPWATCH_ENUM)
	TCPWATCH_TALLY_COUNT
};

extern const char *const tcpwatch_tally_names[TCPWATCH_TALLY_COUNT];

/* Rows there are. */
#define TCPWATCH_LEDGER_ROWS	4096

/* TIME-WAIT hardly lasts longer, with its FIN-WAIT-2 and what the timer wheel is late. */
#define TCPWATCH_LEDGER_LAST	(140 * HZ)

/**
 * struct tcpwatch_ledger_row - one row
 * @account: whose it is, 0: nobody's
 * @tallies: what is added up
 * @touched: when it was last, in jiffies
 * @netns_cookie: cookie of the network namespace
 * @netns: its inode number
 * @port: the local port, or the destination's
 * @family: of a destination; 0: a local port
 * @peer: address of a destination, an IPv4 one as v4-mapped
 * @uid: of a destination, in whose name the last connection to it was closed
 * @cgroup: and in which control group
 * @task: and by which process, if one did so itself; pid 0: not known
 */
struct tcpwatch_ledger_row {
	u64 account;
	atomic_long_t tallies[TCPWATCH_TALLY_COUNT];
	unsigned long touched;
	u64 netns_cookie;
	u32 netns;
	u16 port;
	u16 family;
	struct in6_addr peer;
	kuid_t uid;
	u64 cgroup;
	struct tcpwatch_task task;
} ____cacheline_aligned;

/**
 * tcpwatch_ledger_local() - add one to a local port's row
 * @net: the network namespace
 * @port: the port, host order
 * @tally: to what
 *
 * What finds no place is counted: ledger_full.
 *
 * Context: any. Takes a raw spinlock to make a row.
 */
void tcpwatch_ledger_local(const struct net *net, u16 port, enum tcpwatch_tally tally);

/**
 * tcpwatch_ledger_sock() - add one to the row that a socket's end belongs to
 * @sk: a full or a TIME-WAIT socket
 * @chosen: connect() chose its port
 * @tally: to what
 *
 * Context: as tcpwatch_ledger_local(); the caller keeps @sk.
 */
void tcpwatch_ledger_sock(const struct sock *sk, bool chosen, enum tcpwatch_tally tally);

/**
 * tcpwatch_ledger_index() - which row a socket's end belongs to
 * @sk: a full or a TIME-WAIT socket
 * @chosen: connect() chose its port
 * @may_make: if there is none, make it
 *
 * Context: as tcpwatch_ledger_sock().
 * Return: its number, or -1 when there is none.
 */
int tcpwatch_ledger_index(const struct sock *sk, bool chosen, bool may_make);

/**
 * tcpwatch_ledger_most() - how many TIME-WAIT sockets one destination can have at most
 * @netns_cookie: in which network namespace
 *
 * As many as were made to it in the last minutes, longer than any of them lasts, but for
 * those that were there before us.
 *
 * Context: one caller at a time.
 * Return: the bound; U32_MAX when not all are known: minutes after a destination found no
 * place, or without the probe.
 */
u32 tcpwatch_ledger_most(u64 netns_cookie);

/**
 * tcpwatch_ledger_copy() - copy a row
 * @copy: the copy; @copy->account is 0 when nobody has it
 * @index: its number
 *
 * Context: any; not a snapshot, tallies move meanwhile.
 */
void tcpwatch_ledger_copy(struct tcpwatch_ledger_row *copy, unsigned int index);

/**
 * tcpwatch_ledger_init() - allocate the rows and plant the probe of closed connections
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int tcpwatch_ledger_init(void);

/**
 * tcpwatch_ledger_exit() - remove the probe and the rows
 *
 * Context: process, may sleep; nobody else may add any more.
 */
void tcpwatch_ledger_exit(void);

#endif /* _TCPWATCH_LEDGER_H */
