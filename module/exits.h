/* SPDX-License-Identifier: GPL-2.0 */
/* When did a process exit that we have reason to ask about? */
#ifndef _TCPWATCH_EXITS_H
#define _TCPWATCH_EXITS_H

#include <linux/types.h>

/**
 * tcpwatch_exits_init() - watch processes exit
 *
 * Context: process, may sleep.
 * Return: 0, or an errno.
 */
int tcpwatch_exits_init(void);

/**
 * tcpwatch_exits_exit() - stop
 *
 * Context: process, sleeps.
 */
void tcpwatch_exits_exit(void);

/**
 * tcpwatch_exits_watch() - remember when this process exits
 * @pid: its pid (tgid) in the initial pid namespace
 * @start: when it was started, which tells it from the next with its pid
 *
 * One that shares its place in a table of fixed size with another is forgotten
 * when that is watched.
 *
 * Context: any, preemption off; takes a raw spinlock.
 */
void tcpwatch_exits_watch(pid_t pid, u64 start);

/**
 * tcpwatch_exits_before() - had a process exited by then?
 * @pid: its pid (tgid) in the initial pid namespace
 * @start: when it was started
 * @time: CLOCK_BOOTTIME in nanoseconds
 * @when: when it exited, likewise; 0: not known
 *
 * Context: process.
 * Return: true if it had.
 */
bool tcpwatch_exits_before(pid_t pid, u64 start, u64 time, u64 *when);

#endif /* _TCPWATCH_EXITS_H */
