/* SPDX-License-Identifier: GPL-2.0 */
/* From what is known of a network namespace back to the namespace. */
#ifndef _TCPWATCH_NETNS_H
#define _TCPWATCH_NETNS_H

#include <linux/types.h>

struct net;

/**
 * tcpwatch_netns_get() - the namespace with this cookie
 * @cookie: its net_cookie
 *
 * Context: process, sleeps.
 * Return: the namespace, to be given back by put_net(), or NULL when it is gone.
 */
struct net *tcpwatch_netns_get(u64 cookie);

/**
 * tcpwatch_netns_get_inum() - the namespace with this inode number
 * @inum: as in /proc/PID/ns/net
 *
 * Context: process, sleeps.
 * Return: as tcpwatch_netns_get().
 */
struct net *tcpwatch_netns_get_inum(u32 inum);

#endif /* _TCPWATCH_NETNS_H */
