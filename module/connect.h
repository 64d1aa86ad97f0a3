/* SPDX-License-Identifier: GPL-2.0 */
/* Refused connect(): its four-tuple, its source port, its source address. */
#ifndef _TCPWATCH_CONNECT_H
#define _TCPWATCH_CONNECT_H

/**
 * tcpwatch_connect_init() - start recording refusals
 *
 * Context: process, may sleep.
 * Return: 0, or an errno when a required probe cannot be planted.
 */
int tcpwatch_connect_init(void);

/**
 * tcpwatch_connect_exit() - stop; when it returns no event is pushed any more
 *
 * Context: process, sleeps.
 */
void tcpwatch_connect_exit(void);

#endif /* _TCPWATCH_CONNECT_H */
