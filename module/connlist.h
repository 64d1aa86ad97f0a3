/* SPDX-License-Identifier: GPL-2.0 */
/* The table of connections: one row for each socket of the ports that were chosen. */
#ifndef _TCPWATCH_CONNLIST_H
#define _TCPWATCH_CONNLIST_H

/* Its name in procfs; debugfs has a link to it. */
#define TCPWATCH_CONNLIST	"tcpwatch_connections"

/**
 * tcpwatch_connlist_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_connlist_init(void);

/**
 * tcpwatch_connlist_exit() - remove it
 *
 * Context: process, sleeps until nobody is in it.
 */
void tcpwatch_connlist_exit(void);

#endif /* _TCPWATCH_CONNLIST_H */
