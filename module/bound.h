/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who bound a port: remembered for every socket that binds or listens while we
 * are there, beyond its process and into TIME-WAIT, in a table of fixed size.
 */
#ifndef _TCPWATCH_BOUND_H
#define _TCPWATCH_BOUND_H

#include <linux/ktime.h>

#include "event.h"

struct sock;

/**
 * tcpwatch_bound_init() - allocate the table
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_bound_init(void);

/**
 * tcpwatch_bound_seed() - note the sockets that are there already
 *
 * Call it when those that come are being noted.
 *
 * Context: process, sleeps.
 */
void tcpwatch_bound_seed(void);

/**
 * tcpwatch_bound_exit() - forget all
 *
 * Context: process, sleeps; nobody may note anything any more.
 */
void tcpwatch_bound_exit(void);

/**
 * tcpwatch_bound_note() - the current task has bound a socket, or listens on it
 * @sk: the socket, which has its port, unless another thread has taken it away since
 *
 * Context: a probe handler, in listen() under lock_sock(), after bind() without it; takes
 * a raw spinlock.
 */
void tcpwatch_bound_note(const struct sock *sk);

/**
 * tcpwatch_bound_find() - who bound the port that a socket is on
 * @bound: the answer
 * @sock: the socket
 * @netns_cookie: cookie of its network namespace
 * @mono: when it was there, CLOCK_MONOTONIC in nanoseconds, by which timers tell the past
 * @now: until when the process may have exited, CLOCK_BOOTTIME in nanoseconds
 *
 * The socket's own bind, or else the last one before @mono on its port whose
 * address covers its own: of a connection that was accepted, its listener's.
 *
 * Context: process.
 * Return: false when that is not known.
 */
bool tcpwatch_bound_find(struct tcpwatch_bound *bound, const struct tcpwatch_sock *sock,
			 u64 netns_cookie, u64 mono, u64 now);

/**
 * tcpwatch_bound_find_now() - tcpwatch_bound_find() of a socket that is there now
 * @bound: the answer
 * @sock: the socket
 * @netns_cookie: cookie of its network namespace
 *
 * Context: process.
 * Return: as tcpwatch_bound_find().
 */
static inline bool tcpwatch_bound_find_now(struct tcpwatch_bound *bound,
					   const struct tcpwatch_sock *sock, u64 netns_cookie)
{
	return tcpwatch_bound_find(bound, sock, netns_cookie, ktime_get_ns(),
				   ktime_get_boottime_ns());
}

#endif /* _TCPWATCH_BOUND_H */
