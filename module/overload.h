/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells of listeners in trouble: one event when one begins to drop, then one a second
 * with what has come together; and one when nobody accepts.
 */
#ifndef _TCPWATCH_OVERLOAD_H
#define _TCPWATCH_OVERLOAD_H

#include <linux/types.h>

struct sock;
struct tcpwatch_listener;
struct tcpwatch_live;

/* Seconds after which nobody accepts, at most. */
#define TCPWATCH_STUCK_MAX	3600

/**
 * tcpwatch_overload_tell() - make an event of what a row has counted since the last one
 * @row: the row; the caller keeps it
 * @sk: its socket; the caller keeps it
 *
 * Context: any.
 */
void tcpwatch_overload_tell(struct tcpwatch_listener *row, const struct sock *sk);

/**
 * tcpwatch_overload_stuck_ms() - how long nobody has accepted, while connections waited
 * @row: a row or a copy of it
 * @live: what the listener is like now
 *
 * Context: any.
 * Return: milliseconds; 0: somebody has in time.
 */
u32 tcpwatch_overload_stuck_ms(const struct tcpwatch_listener *row,
			       const struct tcpwatch_live *live);

/**
 * tcpwatch_overload_set() - from when on a listener is stuck
 * @seconds: so long nobody has accepted, 0: never
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int tcpwatch_overload_set(unsigned int seconds);

/**
 * tcpwatch_overload_seconds() - from when on that is
 *
 * Context: any.
 * Return: as tcpwatch_overload_set() was given.
 */
unsigned int tcpwatch_overload_seconds(void);

/**
 * tcpwatch_overload_init() - begin to look
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a parameter that is out of range, or -ENOMEM.
 */
int tcpwatch_overload_init(void);

/**
 * tcpwatch_overload_exit() - cease to look
 *
 * Context: process, sleeps.
 */
void tcpwatch_overload_exit(void);

#endif /* _TCPWATCH_OVERLOAD_H */
