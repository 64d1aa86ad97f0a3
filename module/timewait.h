/* SPDX-License-Identifier: GPL-2.0 */
/* TIME-WAIT sockets that give way before their time, and those that do not. */
#ifndef _TCPWATCH_TIMEWAIT_H
#define _TCPWATCH_TIMEWAIT_H

/**
 * tcpwatch_timewait_init() - start recording
 *
 * Context: process, may sleep.
 * Return: 0, or an errno when a required probe cannot be planted.
 */
int tcpwatch_timewait_init(void);

/**
 * tcpwatch_timewait_exit() - stop; when it returns no event is pushed any more
 *
 * Context: process, sleeps.
 */
void tcpwatch_timewait_exit(void);

#endif /* _TCPWATCH_TIMEWAIT_H */
