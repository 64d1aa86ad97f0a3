/* SPDX-License-Identifier: GPL-2.0 */
/* Refused bind() and listen(), and who was not refused. */
#ifndef _TCPWATCH_CONFLICT_H
#define _TCPWATCH_CONFLICT_H

/**
 * tcpwatch_conflict_init() - start recording refusals
 *
 * Context: process, may sleep.
 * Return: 0, or an errno when a required probe cannot be planted.
 */
int tcpwatch_conflict_init(void);

/**
 * tcpwatch_conflict_exit() - stop; when it returns no event is pushed any more
 *
 * Context: process, sleeps.
 */
void tcpwatch_conflict_exit(void);

#endif /* _TCPWATCH_CONFLICT_H */
