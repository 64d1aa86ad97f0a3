/* SPDX-License-Identifier: GPL-2.0 */
/* How full accept queues are, and how long connections wait in them. */
#ifndef _TCPWATCH_ACCEPTS_H
#define _TCPWATCH_ACCEPTS_H

/**
 * tcpwatch_accepts_init() - plant the probes
 *
 * Context: process, may sleep.
 * Return: 0 or -errno.
 */
int tcpwatch_accepts_init(void);

/**
 * tcpwatch_accepts_exit() - remove the probes
 *
 * Context: process, may sleep.
 */
void tcpwatch_accepts_exit(void);

#endif /* _TCPWATCH_ACCEPTS_H */
