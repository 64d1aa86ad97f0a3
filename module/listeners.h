/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every listening socket, with what has become of those who knocked: a row for each
 * as long as it listens, then its numbers go to those of its network namespace. The
 * table has a fixed size, parameter `listeners`.
 */
#ifndef _TCPWATCH_LISTENERS_H
#define _TCPWATCH_LISTENERS_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/rculist.h>
#include <linux/snmp.h>
#include "event.h"

struct net;
struct sock;

/* The n-th is of waits shorter than 2^n us, and no other before it is. */
#define TCPWATCH_WAITS		36

/* The kernel's own counters of a network namespace: X(MIB, item, name in /proc/net/netstat). */
#define TCPWATCH_MIBS(X) \
	X(MIB, LISTENOVERFLOWS, "ListenOverflows") \
	X(MIB, LISTENDROPS, "ListenDrops") \
	X(MIB, TCPREQQFULLDOCOOKIES, "TCPReqQFullDoCookies") \
	X(MIB, TCPREQQFULLDROP, "TCPReqQFullDrop") \
	X(MIB, SYNCOOKIESSENT, "SyncookiesSent") \
	X(MIB, SYNCOOKIESRECV, "SyncookiesRecv") \
	X(MIB, SYNCOOKIESFAILED, "SyncookiesFailed")

enum tcpwatch_mib {
	TCPWATCH_MIBS(TCPWATCH_ENUM)
	TCPWATCH_MIB_COUNT
};

extern const char *const tcpwatch_mib_names[TCPWATCH_MIB_COUNT];

#define TCPWATCH_ITEM(group, item, ...)	\
	[TCPWATCH_##group##_##item] = LINUX_MIB_##item,

/**
 * tcpwatch_mib_item() - where the kernel keeps one
 * @mib: which
 *
 * Context: any.
 * Return: its place in struct linux_mib.
 */
static inline u8 tcpwatch_mib_item(enum tcpwatch_mib mib)
{
	static const u8 items[TCPWATCH_MIB_COUNT] = { TCPWATCH_MIBS(TCPWATCH_ITEM) };

	return items[mib];
}

/**
 * struct tcpwatch_counts - what is counted of a listener
 * @of: knocks, by what has become of them: enum tcpwatch_knock
 */
struct tcpwatch_counts {
	atomic_long_t of[TCPWATCH_KNOCK_COUNT];
};

/**
 * struct tcpwatch_listener - one listening socket
 * @node: in the chain of its address
 * @sk: the socket, NULL: nobody's row; followed under RCU alone, while @node is in a chain
 * @rest: grace period after which the row may be another's
 * @next_free: the next row without a socket
 * @index: number of the row
 * @netns_cookie: cookie of its network namespace
 * @netns: inode number of that
 * @is: a copy of it
 * @task: who called listen(), pid 0: not known, it was there before us
 * @task_cgroup: id of the control group of that
 * @since: when that was, or when we came, CLOCK_BOOTTIME in nanoseconds
 * @asked: the backlog listen() was called with; negative ones are large
 * @asked_known: that is so; else it was @somaxconn or more, or we were not there
 * @somaxconn: net.core.somaxconn at that time
 * @counts: what has become of knocks
 * @accepted: connections that accept() has returned
 * @accept_max: connections in the accept queue, at most
 * @accept_max_at: when that was, in jiffies; valid if @accept_max
 * @syn_max: requests in the SYN queue, at most
 * @syn_max_at: when that was, likewise
 * @accepted_at: when accept() returned one last, in jiffies; valid if @accepted
 * @waiting_at: when the accept queue began to be other than empty, likewise
 * @waits: of those accepted, how long they had waited: see TCPWATCH_WAITS
 * @waits_lost: those of whom that is not known
 * @told: of @counts, what the last event has told
 * @told_at: when that was, in jiffies; valid if any is told
 * @stuck: nobody accepts, and has it been told
 */
struct tcpwatch_listener {
	struct hlist_node node;
	const struct sock *sk;
	unsigned long rest;
	struct tcpwatch_listener *next_free;
	u16 index;
	u64 netns_cookie;
	u32 netns;
	struct tcpwatch_sock is;
	struct tcpwatch_task task;
	u64 task_cgroup;
	u64 since;
	u32 asked;
	bool asked_known;
	u32 somaxconn;
	struct tcpwatch_counts counts;
	atomic_long_t accepted;
	u32 accept_max;
	u32 syn_max;
	unsigned long accept_max_at;
	unsigned long syn_max_at;
	unsigned long accepted_at;
	unsigned long waiting_at;
	atomic_long_t waits[TCPWATCH_WAITS];
	atomic_long_t waits_lost;
	unsigned long told[TCPWATCH_KNOCK_COUNT];
	unsigned long told_at;
	u8 stuck;
};

/**
 * tcpwatch_listener_raise() - note how long a queue is, if it never was so long
 * @max: how long it has been at most
 * @at: when that was, in jiffies
 * @now: how long it is
 *
 * Context: any.
 */
static inline void tcpwatch_listener_raise(u32 *max, unsigned long *at, u32 now)
{
	u32 before = READ_ONCE(*max);

	do {
		if (likely(now <= before))
			return;
	} while (!try_cmpxchg(max, &before, now));
	WRITE_ONCE(*at, jiffies);
}

/**
 * struct tcpwatch_live - what a listener is like now
 * @net: its network namespace, as long as RCU is held
 * @accept_now: connections in its accept queue
 * @syn_now: requests in its SYN queue
 * @backlog: the backlog in force
 * @somaxconn: net.core.somaxconn now
 */
struct tcpwatch_live {
	const struct net *net;
	u32 accept_now;
	u32 syn_now;
	u32 backlog;
	u32 somaxconn;
};

/**
 * tcpwatch_listener_find() - the row of a socket
 * @sk: the socket
 *
 * Context: any, under RCU.
 * Return: the row, valid until RCU is let go, or NULL.
 */
struct tcpwatch_listener *tcpwatch_listener_find(const struct sock *sk);

/**
 * tcpwatch_listener_adopt() - the row of a listener, made if there is none
 * @sk: the socket; the caller keeps it
 *
 * One that ceases to listen has it until inet_csk_listen_stop(). What finds no place is
 * counted: listeners_full.
 *
 * Context: any, under RCU. Takes a raw spinlock to make a row.
 * Return: the row, valid until RCU is let go, or NULL.
 */
struct tcpwatch_listener *tcpwatch_listener_adopt(const struct sock *sk);

/**
 * tcpwatch_listener_called() - the current task has called listen()
 * @row: the row
 * @sk: its socket
 * @asked: the backlog it asked for, or NULL: not known
 *
 * Context: in listen(), under RCU. Takes a raw spinlock.
 */
void tcpwatch_listener_called(struct tcpwatch_listener *row, const struct sock *sk,
			      const u32 *asked);

/**
 * tcpwatch_listener_unlink() - no row may be found for this socket any more
 * @sk: a socket that ceases to listen
 *
 * Context: as tcpwatch_listener_adopt().
 * Return: its row, for tcpwatch_listener_free(), or NULL.
 */
struct tcpwatch_listener *tcpwatch_listener_unlink(const struct sock *sk);

/**
 * tcpwatch_listener_free() - add a row to those that have gone
 * @row: from tcpwatch_listener_unlink(); nobody counts in it any more
 * @net: its network namespace
 *
 * Context: any. Takes a raw spinlock.
 */
void tcpwatch_listener_free(struct tcpwatch_listener *row, struct net *net);

/**
 * tcpwatch_listener_live() - ask a listener what it is like
 * @live: the answer
 * @row: its row
 *
 * Context: any; takes the RCU read lock.
 * Return: false when it listens no more.
 */
bool tcpwatch_listener_live(struct tcpwatch_live *live, const struct tcpwatch_listener *row);

/**
 * tcpwatch_listener_copy() - copy a row
 * @copy: the copy
 * @index: its number, from 0 to tcpwatch_listeners_count() - 1
 *
 * Context: any. Takes a raw spinlock; numbers move meanwhile.
 * Return: false when it is nobody's.
 */
bool tcpwatch_listener_copy(struct tcpwatch_listener *copy, unsigned int index);

/**
 * tcpwatch_listener_row() - a row itself
 * @index: its number
 *
 * Context: any; whose it is may change unless RCU is held.
 * Return: the row.
 */
struct tcpwatch_listener *tcpwatch_listener_row(unsigned int index);

/**
 * tcpwatch_listeners_count() - how many rows there are
 *
 * Context: any.
 * Return: as many as the parameter `listeners` says.
 */
unsigned int tcpwatch_listeners_count(void);

/**
 * tcpwatch_listeners_seed() - make rows for listeners that have none
 *
 * Context: process, may sleep.
 */
void tcpwatch_listeners_seed(void);

/**
 * struct tcpwatch_reconciled - one of the kernel's counters against ours
 * @kernel: what it has counted since we came
 * @ours: what the rows of the namespace and those that have gone add up to
 */
struct tcpwatch_reconciled {
	unsigned long kernel;
	unsigned long ours;
};

/**
 * tcpwatch_listeners_reconcile() - hold our numbers to the kernel's
 * @sums: the answer, one for each enum tcpwatch_mib
 * @net: the network namespace
 *
 * Context: process.
 */
void tcpwatch_listeners_reconcile(struct tcpwatch_reconciled *sums, struct net *net);

/**
 * tcpwatch_listeners_gone() - what is counted of listeners that have gone, or have no row
 * @net: the network namespace
 *
 * Context: any; the caller keeps @net.
 * Return: their sums.
 */
struct tcpwatch_counts *tcpwatch_listeners_gone(struct net *net);

/**
 * tcpwatch_listeners_init() - allocate the rows
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int tcpwatch_listeners_init(void);

/**
 * tcpwatch_listeners_exit() - free the rows
 *
 * Context: process, may sleep; nobody else may look at them any more.
 */
void tcpwatch_listeners_exit(void);

#endif /* _TCPWATCH_LISTENERS_H */
