/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since when each connection has been in an accept queue. A table of fixed size, by
 * the request that stands in the queue for it. Every connection comes here: what it
 * does is inlined.
 */
#ifndef _TCPWATCH_WAITS_H
#define _TCPWATCH_WAITS_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sched/clock.h>
#include <linux/types.h>
#include "stats.h"

struct request_sock;

/* Connections that can wait at a time; a place takes 16 bytes. */
#define TCPWATCH_WAITS_MAX	16384

/* Places among which a request has its own. */
#define TCPWATCH_WAITS_WAYS	4
#define TCPWATCH_WAITS_SETS	(TCPWATCH_WAITS_MAX / TCPWATCH_WAITS_WAYS)

/*
 * The row, and the time since we came in units of 256 ns, which lasts for 834 days: a
 * place is two words, so that few cache lines are touched.
 */
#define TCPWATCH_WAITS_ROW_BITS		16
#define TCPWATCH_WAITS_UNIT_BITS	8

/**
 * struct tcpwatch_wait - one that waits
 * @req: address of its request, 0: nobody; never followed
 * @then: row and time
 */
struct tcpwatch_wait {
	unsigned long req;
	u64 then;
};

/**
 * struct tcpwatch_waits - all that wait
 * @places: the table
 * @multiplier: by which a request finds its set; random and odd
 * @start: when we came
 */
struct tcpwatch_waits {
	struct tcpwatch_wait *places;
	u64 multiplier;
	u64 start;
};

extern struct tcpwatch_waits tcpwatch_waits;

static __always_inline struct tcpwatch_wait *tcpwatch_wait_set(const struct request_sock *req)
{
	u64 hash = (unsigned long)req * tcpwatch_waits.multiplier;

	return tcpwatch_waits.places +
	       (hash >> (64 - ilog2(TCPWATCH_WAITS_SETS))) * TCPWATCH_WAITS_WAYS;
}

/* Half the price of ktime_get(), and where CPUs differ, they do by less than a tick. */
static __always_inline u64 tcpwatch_wait_now(void)
{
	return (local_clock() - tcpwatch_waits.start) >> TCPWATCH_WAITS_UNIT_BITS;
}

/**
 * tcpwatch_wait_begin() - a connection enters an accept queue
 * @req: its request
 * @row: number of the listener's row
 *
 * What finds no place is counted: waits_full.
 *
 * Context: any, preemption off.
 */
static __always_inline void tcpwatch_wait_begin(const struct request_sock *req, unsigned int row)
{
	struct tcpwatch_wait *wait = tcpwatch_wait_set(req), *end = wait + TCPWATCH_WAITS_WAYS;

	for (; wait < end; wait++) {
		/* its own from before, if nobody has seen that it left */
		if (READ_ONCE(wait->req) != (unsigned long)req &&
		    (READ_ONCE(wait->req) || cmpxchg(&wait->req, 0, (unsigned long)req)))
			continue;
		/* who looks for it does so after it has been in the queue */
		WRITE_ONCE(wait->then, tcpwatch_wait_now() << TCPWATCH_WAITS_ROW_BITS | row);
		return;
	}
	tcpwatch_stat_add(TCPWATCH_STAT_WAITS_FULL, 1);
}

/**
 * struct tcpwatch_waited - one that has waited
 * @us: how long, in microseconds
 * @row: number of the listener's row; -1: nobody has seen it enter, or there was no place
 */
struct tcpwatch_waited {
	u64 us;
	long row;
};

/**
 * tcpwatch_wait_end() - it leaves the queue, accepted or not
 * @req: its request, about to be freed
 *
 * Context: any.
 * Return: where and how long it has waited.
 */
static __always_inline struct tcpwatch_waited tcpwatch_wait_end(const struct request_sock *req)
{
	struct tcpwatch_wait *wait = tcpwatch_wait_set(req), *end = wait + TCPWATCH_WAITS_WAYS;
	s64 waited;
	u64 then;

	for (; wait < end; wait++) {
		if (READ_ONCE(wait->req) != (unsigned long)req)
			continue;
		then = READ_ONCE(wait->then);
		/* the place is another's after what it held has been read */
		smp_store_release(&wait->req, 0);
		/* what is left of the time wraps after years; another CPU may be behind */
		waited = (tcpwatch_wait_now() << TCPWATCH_WAITS_ROW_BITS) -
			 (then & ~(BIT(TCPWATCH_WAITS_ROW_BITS) - 1));
		waited = max_t(s64, waited >> TCPWATCH_WAITS_ROW_BITS, 0);
		return (struct tcpwatch_waited){
			.us = div_u64((u64)waited << TCPWATCH_WAITS_UNIT_BITS, 1000),
			.row = then & (BIT(TCPWATCH_WAITS_ROW_BITS) - 1),
		};
	}
	return (struct tcpwatch_waited){ .row = -1 };
}

/**
 * tcpwatch_waits_init() - allocate the table
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_waits_init(void);

/**
 * tcpwatch_waits_exit() - free it
 *
 * Context: process, may sleep; nobody else uses it any more.
 */
void tcpwatch_waits_exit(void);

#endif /* _TCPWATCH_WAITS_H */
