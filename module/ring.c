// SPDX-License-Identifier: GPL-2.0
/*
 * One ring under one raw spinlock, not one per CPU: refusals are rare, their
 * path has just left a bucket lock of the same kind of contention, and one
 * order for all readers needs no merging.
 */
#include <linux/delay.h>
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "ring.h"
#include "stats.h"

static unsigned int events = 4096;
module_param(events, uint, 0444);
MODULE_PARM_DESC(events, "events to retain, rounded up to a power of two (16 to 1048576; default 4096)");

/*
 * Guards all below but closed, and the contents of the slots. Innermost: taken
 * in probe handlers, with whatever the probed function holds.
 */
static DEFINE_RAW_SPINLOCK(lock);
static struct tcpwatch_event *slots;
static u64 pushed;	/* events ever stored; also the next number */
static u64 published;	/* events up to here are complete */
static u64 cleared;	/* events up to here are forgotten */

/*
 * Allocated, since it may have to outlive us: procfs waits for whoever is in a
 * read, but a poller is queued here while it is in no method of ours.
 */
static wait_queue_head_t *readers;
static bool closed;

int tcpwatch_ring_init(void)
{
	if (events < 16 || events > 1 << 20) {
		pr_err("events=%u: from 16 to 1048576\n", events);
		return -EINVAL;
	}
	events = roundup_pow_of_two(events);
	slots = vcalloc(events, sizeof(*slots));
	readers = kmalloc(sizeof(*readers), GFP_KERNEL);
	if (!slots || !readers) {
		kfree(readers);
		vfree(slots);
		return -ENOMEM;
	}
	init_waitqueue_head(readers);
	return 0;
}

/*
 * POLLFREE takes epoll off the queue; who sleeps in poll() wakes and leaves by
 * itself, unless it is stopped. Then the queue head, and nothing else, is left
 * behind for it: rmmod must not wait for somebody to type fg.
 */
static void free_readers(void)
{
	unsigned int tries = 50;

	__wake_up(readers, TASK_NORMAL, 0, poll_to_key(EPOLLHUP | POLLFREE));
	/* nobody is added any more: an empty queue stays empty */
	while (waitqueue_active(readers) && tries--)
		msleep(20);
	/* likewise */
	if (waitqueue_active(readers)) {
		pr_warn("a stopped process is polling the events: its wait queue is left to it\n");
		kmemleak_not_leak(readers);
		return;
	}
	/* who has left it last may still hold its lock, and on RT not under RCU */
	spin_lock_irq(&readers->lock);
	spin_unlock_irq(&readers->lock);
	/* epoll looks at the head under RCU when it is taken off */
	synchronize_rcu();
	kfree(readers);
}

void tcpwatch_ring_exit(void)
{
	free_readers();
	vfree(slots);
}

static struct tcpwatch_event *slot(u64 seq)
{
	return &slots[seq & (events - 1)];
}

static u64 oldest(void)
{
	u64 kept = pushed > events ? pushed - events : 0;

	return max(kept, cleared);
}

static bool crowded(void)
{
	return pushed - published > events / 2;
}

bool tcpwatch_ring_push(struct tcpwatch_facts *facts)
{
	unsigned long flags;
	bool half;

	raw_spin_lock_irqsave(&lock, flags);
	facts->seq = pushed;
	if (pushed - published == events) {
		/* the worker was overtaken: its next event is the one that goes */
		WRITE_ONCE(published, published + 1);
		tcpwatch_stat_add(TCPWATCH_STAT_LOST, 1);
	}
	slot(pushed++)->facts = *facts;
	half = crowded();
	raw_spin_unlock_irqrestore(&lock, flags);
	return half;
}

bool tcpwatch_ring_take(u64 from, struct tcpwatch_event *event)
{
	unsigned long flags;
	bool any;

	raw_spin_lock_irqsave(&lock, flags);
	from = max(from, published);
	any = from < pushed;
	if (any)
		event->facts = slot(from)->facts;
	raw_spin_unlock_irqrestore(&lock, flags);
	if (any)
		tcpwatch_found_init(&event->found);
	return any;
}

bool tcpwatch_ring_crowded(void)
{
	unsigned long flags;
	bool half;

	raw_spin_lock_irqsave(&lock, flags);
	half = crowded();
	raw_spin_unlock_irqrestore(&lock, flags);
	return half;
}

void tcpwatch_ring_publish(const struct tcpwatch_event *event)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	/* overtaken meanwhile: counted as lost already */
	if (event->facts.seq >= published) {
		tcpwatch_found_copy(&slot(event->facts.seq)->found, &event->found);
		slot(event->facts.seq)->facts.holder.belongs = event->facts.holder.belongs;
		WRITE_ONCE(published, event->facts.seq + 1);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
}

void tcpwatch_ring_wake(void)
{
	wake_up_interruptible_all(readers);
}

int tcpwatch_ring_read(u64 seq, struct tcpwatch_event *event)
{
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&lock, flags);
	if (seq >= published)
		err = -EAGAIN;
	else if (seq < oldest())
		err = -ESTALE;
	else
		*event = *slot(seq);
	raw_spin_unlock_irqrestore(&lock, flags);
	return err;
}

struct tcpwatch_span tcpwatch_ring_span(void)
{
	struct tcpwatch_span span;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	span.first = oldest();
	span.end = published;
	span.pushed = pushed;
	raw_spin_unlock_irqrestore(&lock, flags);
	return span;
}

void tcpwatch_ring_clear(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	cleared = published;
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* READ_ONCE of published: a hint, the read itself looks under the lock. */
static bool readable(u64 seq)
{
	return seq < READ_ONCE(published) || READ_ONCE(closed);
}

int tcpwatch_ring_wait(u64 seq)
{
	return wait_event_interruptible(*readers, readable(seq));
}

__poll_t tcpwatch_ring_poll(u64 seq, struct file *file, poll_table *wait)
{
	poll_wait(file, readers, wait);
	return readable(seq) ? EPOLLIN | EPOLLRDNORM : 0;
}

void tcpwatch_ring_close(void)
{
	WRITE_ONCE(closed, true);
	wake_up_all(readers);
}

bool tcpwatch_ring_closed(void)
{
	return READ_ONCE(closed);
}
