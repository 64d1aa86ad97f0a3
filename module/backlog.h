/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of those who knock at a listener, counted as the kernel counts it: by
 * how much its own counters rise while it deals with them.
 */
#ifndef _TCPWATCH_BACKLOG_H
#define _TCPWATCH_BACKLOG_H

struct net;
struct tcpwatch_listener;

/**
 * tcpwatch_backlog_settle() - count what has not been yet
 *
 * What the kernel counts after the last probe on a CPU is seen at the next one there,
 * or here.
 *
 * Context: any. Takes a lock of each CPU in turn, with IRQs off.
 */
void tcpwatch_backlog_settle(void);

/**
 * tcpwatch_backlog_leave() - count what has not been yet of a listener, for the last time
 * @row: its row, which is not found any more
 * @net: its network namespace
 *
 * What a CPU is still at is counted with those that have gone.
 *
 * Context: as tcpwatch_backlog_settle().
 */
void tcpwatch_backlog_leave(const struct tcpwatch_listener *row, struct net *net);

/**
 * tcpwatch_backlog_init() - plant the probes
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int tcpwatch_backlog_init(void);

/**
 * tcpwatch_backlog_exit() - remove the probes
 *
 * Context: process, may sleep.
 */
void tcpwatch_backlog_exit(void);

#endif /* _TCPWATCH_BACKLOG_H */
