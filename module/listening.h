/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When sockets begin and cease to listen. That one begins is seen by the probe that
 * tells refusals of listen(), in conflict.c.
 */
#ifndef _TCPWATCH_LISTENING_H
#define _TCPWATCH_LISTENING_H

#include <linux/types.h>

struct sock;

/**
 * tcpwatch_listening_init() - plant the probes, then look for listeners that are there
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int tcpwatch_listening_init(void);

/**
 * tcpwatch_listening_exit() - remove the probes
 *
 * Context: process, may sleep.
 */
void tcpwatch_listening_exit(void);

/**
 * tcpwatch_listening_note() - the current task has called listen(), with success
 * @sk: the socket, of TCP; has no row if it listens no more
 * @backlog: the backlog in force
 *
 * Context: a probe handler in listen().
 */
void tcpwatch_listening_note(const struct sock *sk, u32 backlog);

#endif /* _TCPWATCH_LISTENING_H */
