/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events that are retained: a ring that the probe handlers write, a worker
 * completes and any number of readers follow, each with a cursor of its own.
 * A cursor is nothing but the number of the next event it wants.
 *
 * An event is pushed as the handler left it and becomes visible only when the
 * worker has published it. The oldest are overwritten: nobody waits for a
 * reader, and a reader that was overtaken is told by how much.
 */
#ifndef _TCPWATCH_RING_H
#define _TCPWATCH_RING_H

#include <linux/poll.h>
#include "event.h"

/**
 * tcpwatch_ring_init() - allocate the ring
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EINVAL for a size that cannot be.
 */
int tcpwatch_ring_init(void);

/**
 * tcpwatch_ring_exit() - free the ring
 *
 * Context: process, sleeps; nobody may use the ring any more, but pollers may
 * still be queued.
 */
void tcpwatch_ring_exit(void);

/**
 * tcpwatch_ring_push() - store an event
 * @facts: what the handler knows of it; seq is given here
 *
 * Context: any, probe handlers included; takes a raw spinlock, IRQs off.
 * Return: true when more than half of the ring waits to be published, so that
 * the worker is about to be overtaken.
 */
bool tcpwatch_ring_push(struct tcpwatch_facts *facts);

/**
 * tcpwatch_ring_take() - the oldest event that waits to be published
 * @from: pass over those with a lower number
 * @event: a copy of it, with nothing found yet
 *
 * Context: the worker only.
 * Return: true if there was one.
 */
bool tcpwatch_ring_take(u64 from, struct tcpwatch_event *event);

/**
 * tcpwatch_ring_crowded() - the same question, asked later
 *
 * Context: any.
 * Return: as tcpwatch_ring_push().
 */
bool tcpwatch_ring_crowded(void);

/**
 * tcpwatch_ring_publish() - give a taken event back, completed
 * @event: the event, of which what was found is stored, and whose the holder is
 *
 * Context: the worker only, in the order of taking.
 */
void tcpwatch_ring_publish(const struct tcpwatch_event *event);

/**
 * tcpwatch_ring_wake() - tell sleeping readers that there is something to read
 *
 * Context: process.
 */
void tcpwatch_ring_wake(void);

/**
 * tcpwatch_ring_read() - copy one published event
 * @seq: its number
 * @event: the copy
 *
 * Context: any.
 * Return: 0; -EAGAIN when it is not there yet; -ESTALE when it is overwritten.
 */
int tcpwatch_ring_read(u64 seq, struct tcpwatch_event *event);

/**
 * struct tcpwatch_span - which events there are
 * @first: number of the oldest that is retained
 * @end: one past the newest that is published
 * @pushed: one past the newest; all events since load
 */
struct tcpwatch_span {
	u64 first;
	u64 end;
	u64 pushed;
};

/**
 * tcpwatch_ring_span() - which events there are
 *
 * Context: any.
 * Return: the span, which may move at once.
 */
struct tcpwatch_span tcpwatch_ring_span(void);

/**
 * tcpwatch_ring_clear() - forget what is retained
 *
 * Cursors that were behind see a gap.
 *
 * Context: process.
 */
void tcpwatch_ring_clear(void);

/**
 * tcpwatch_ring_wait() - sleep until an event is published or the ring closes
 * @seq: the number that is waited for
 *
 * Context: process, sleeps.
 * Return: 0, or -ERESTARTSYS for a signal.
 */
int tcpwatch_ring_wait(u64 seq);

/**
 * tcpwatch_ring_poll() - the same question for poll()
 * @seq: the number that is waited for
 * @file: the reader's file
 * @wait: its poll table
 *
 * Context: process.
 * Return: EPOLLIN | EPOLLRDNORM when it can be read.
 */
__poll_t tcpwatch_ring_poll(u64 seq, struct file *file, poll_table *wait);

/**
 * tcpwatch_ring_close() - send all readers home, now and for ever
 *
 * Context: process, before the files go away.
 */
void tcpwatch_ring_close(void);

/**
 * tcpwatch_ring_closed() - are readers being sent home?
 *
 * Context: any.
 * Return: true from tcpwatch_ring_close() on.
 */
bool tcpwatch_ring_closed(void);

#endif /* _TCPWATCH_RING_H */
