/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since when each connection has been in an accept queue. A table of fixed size, by
 * the request that stands in the queue for it.
 */
#ifndef _TCPWATCH_WAITS_H
#define _TCPWATCH_WAITS_H

#include <linux/types.h>

struct request_sock;

/* Connections that can wait at a time; a place takes 16 bytes. */
#define TCPWATCH_WAITS_MAX	16384

/**
 * tcpwatch_wait_begin() - a connection enters an accept queue
 * @req: its request
 * @row: number of the listener's row
 *
 * What finds no place is counted: waits_full.
 *
 * Context: any, preemption off.
 */
void tcpwatch_wait_begin(const struct request_sock *req, unsigned int row);

/**
 * struct tcpwatch_waited - one that has waited
 * @us: how long, in microseconds
 * @row: number of the listener's row; -1: nobody has seen it enter, or there was no place
 *
 * Two words: they are given back in registers, with no need of a stack protector.
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
struct tcpwatch_waited tcpwatch_wait_end(const struct request_sock *req);

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
