/* SPDX-License-Identifier: GPL-2.0 */
/* The file of the dry run: a question is written, its answer read. */
#ifndef _TCPWATCH_WHY_H
#define _TCPWATCH_WHY_H

/* Its name in procfs; debugfs has a link to it. */
#define TCPWATCH_WHY	"tcpwatch_why"

/**
 * tcpwatch_why_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_why_init(void);

/**
 * tcpwatch_why_exit() - remove it
 *
 * Context: process, sleeps until nobody is in it.
 */
void tcpwatch_why_exit(void);

#endif /* _TCPWATCH_WHY_H */
