/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of ports: one row for each port in use, and one for all of a network
 * namespace.
 */
#ifndef _TCPWATCH_PORTLIST_H
#define _TCPWATCH_PORTLIST_H

/* Its name in procfs; debugfs has a link to it. */
#define TCPWATCH_PORTLIST	"tcpwatch_ports"

/**
 * tcpwatch_portlist_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_portlist_init(void);

/**
 * tcpwatch_portlist_exit() - remove it
 *
 * Context: process, sleeps until nobody is in it.
 */
void tcpwatch_portlist_exit(void);

#endif /* _TCPWATCH_PORTLIST_H */
