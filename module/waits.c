// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/random.h>
#include <linux/sched/clock.h>
#include <linux/vmalloc.h>

#include "stats.h"
#include "waits.h"

/* Places among which a request has its own. */
#define WAYS	4
#define SETS	(TCPWATCH_WAITS_MAX / WAYS)

/*
 * The row, and the time since we came in units of 256 ns, which lasts for 834 days: a
 * place is two words, so that few cache lines are touched.
 */
#define ROW_BITS	16
#define UNIT_BITS	8

/**
 * struct wait - one that waits
 * @req: address of its request, 0: nobody; never followed
 * @then: row and time
 */
struct wait {
	unsigned long req;
	u64 then;
};

static struct wait *waits;
static u64 multiplier;	/* random and odd */
static u64 start;

static struct wait *set_of(const struct request_sock *req)
{
	return waits + ((unsigned long)req * multiplier >> (64 - ilog2(SETS))) * WAYS;
}

/* Half the price of ktime_get(), and where CPUs differ, they do by less than a tick. */
static u64 now(void)
{
	return (local_clock() - start) >> UNIT_BITS;
}

void tcpwatch_wait_begin(const struct request_sock *req, unsigned int row)
{
	struct wait *wait = set_of(req), *end = wait + WAYS;

	for (; wait < end; wait++) {
		/* its own from before, if nobody has seen that it left */
		if (READ_ONCE(wait->req) != (unsigned long)req &&
		    (READ_ONCE(wait->req) || cmpxchg(&wait->req, 0, (unsigned long)req)))
			continue;
		/* who looks for it does so after it has been in the queue */
		WRITE_ONCE(wait->then, now() << ROW_BITS | row);
		return;
	}
	tcpwatch_stat_add(TCPWATCH_STAT_WAITS_FULL, 1);
}

struct tcpwatch_waited tcpwatch_wait_end(const struct request_sock *req)
{
	struct wait *wait = set_of(req), *end = wait + WAYS;
	s64 waited;
	u64 then;

	for (; wait < end; wait++) {
		if (READ_ONCE(wait->req) != (unsigned long)req)
			continue;
		then = READ_ONCE(wait->then);
		/* the place is another's after what it held has been read */
		smp_store_release(&wait->req, 0);
		/* another CPU may be behind */
		waited = max_t(s64, now() - (then >> ROW_BITS), 0);
		return (struct tcpwatch_waited){
			.us = div_u64((u64)waited << UNIT_BITS, 1000),
			.row = then & (BIT(ROW_BITS) - 1),
		};
	}
	return (struct tcpwatch_waited){ .row = -1 };
}

int tcpwatch_waits_init(void)
{
	waits = vcalloc(TCPWATCH_WAITS_MAX, sizeof(*waits));
	if (!waits)
		return -ENOMEM;
	multiplier = get_random_u64() | 1;
	start = local_clock();
	return 0;
}

void tcpwatch_waits_exit(void)
{
	vfree(waits);
}
