/* SPDX-License-Identifier: GPL-2.0 */
/* What a CPU is at that has entered a listener, for the files that probe its way. */
#ifndef _TCPWATCH_PENDING_H
#define _TCPWATCH_PENDING_H

#include <linux/percpu.h>
#include "listeners.h"

/* What a listener was entered for. */
enum tcpwatch_matter { TCPWATCH_SYN, TCPWATCH_ACK, TCPWATCH_OTHER };

/**
 * struct tcpwatch_pending - what a CPU is at, or was last
 * @lock: guards it; taken with BH off by its CPU, with IRQs off by others. One bit, as
 *	of a bit_spin_lock(), which is inlined: a spinlock would be two calls a packet more
 * @counts: where it is counted: with the listener, or with those that have gone; NULL:
 *	nowhere
 * @row: the listener, NULL: it has no row, any more or at all
 * @sk: the socket of @row
 * @mib: this CPU's counters of its namespace, valid if @counts: see leave_net()
 * @seen: as they were, but for what is counted already
 * @sum: of those in @seen of which one rises when anything is to be counted
 * @matter: enum tcpwatch_matter
 * @unicast: a SYN that was sent to one of our addresses
 * @freed: a request has been freed meanwhile
 * @reserved: the last quarter of the SYN queue had been reached
 * @syn: requests in the SYN queue with this one
 */
struct tcpwatch_pending {
	unsigned long lock;
	struct tcpwatch_counts *counts;
	struct tcpwatch_listener *row;
	const struct sock *sk;
	const unsigned long *mib;
	unsigned long seen[TCPWATCH_MIB_COUNT];
	unsigned long sum;
	u8 matter;
	bool unicast;
	bool freed;
	bool reserved;
	u32 syn;
};

/* Of each CPU. Defined where listeners are entered, in backlog.c. */
DECLARE_PER_CPU(struct tcpwatch_pending, tcpwatch_pendings);

#endif /* _TCPWATCH_PENDING_H */
