/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/tcpwatch: the page for a person. */
#ifndef _TCPWATCH_PROC_H
#define _TCPWATCH_PROC_H

/**
 * tcpwatch_proc_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_proc_init(void);

/**
 * tcpwatch_proc_exit() - remove the file
 *
 * Context: process, sleeps until no reader is inside.
 */
void tcpwatch_proc_exit(void);

#endif /* _TCPWATCH_PROC_H */
