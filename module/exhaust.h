/* SPDX-License-Identifier: GPL-2.0 */
/* Warns when a destination has most of the source ports it can have. */
#ifndef _TCPWATCH_EXHAUST_H
#define _TCPWATCH_EXHAUST_H

#include <linux/types.h>

/**
 * tcpwatch_exhaust_init() - begin to look
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL for a parameter that is out of range, or -ENOMEM.
 */
int tcpwatch_exhaust_init(void);

/**
 * tcpwatch_exhaust_exit() - cease to look
 *
 * Context: process, sleeps.
 */
void tcpwatch_exhaust_exit(void);

/**
 * tcpwatch_exhaust_set() - warn from so much on
 * @percent: of the ports that a destination can have, 1 to 100; 0: never
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int tcpwatch_exhaust_set(unsigned int percent);

/**
 * tcpwatch_exhaust_percent() - from how much on is warned
 *
 * Context: any.
 * Return: as tcpwatch_exhaust_set() was given.
 */
unsigned int tcpwatch_exhaust_percent(void);

#endif /* _TCPWATCH_EXHAUST_H */
