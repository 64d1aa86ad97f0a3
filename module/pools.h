/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools of source ports: connections from one address to one destination share the
 * ephemeral range with nobody, and each of them takes a port of it.
 */
#ifndef _TCPWATCH_POOLS_H
#define _TCPWATCH_POOLS_H

#include "event.h"

struct net;

/* Pools told apart in a network namespace. */
#define TCPWATCH_POOLS_MAX	256

/**
 * struct tcpwatch_pool - the ports of one source address for one destination
 * @source: the source address, an IPv4 one as v4-mapped
 * @addr: the destination's address, likewise
 * @family: AF_INET or AF_INET6
 * @port: the destination's port
 * @last: the source port that was counted last
 * @ports: source ports that have a connection there, in TIME-WAIT or not
 * @time_wait: of those, the ones in TIME-WAIT
 * @reusable: and of those, the ones that connect() may take
 */
struct tcpwatch_pool {
	struct in6_addr source;
	struct in6_addr addr;
	u16 family;
	u16 port;
	u16 last;
	u32 ports;
	u32 time_wait;
	u32 reusable;
};

/**
 * struct tcpwatch_pools - those of a network namespace
 * @netns_cookie: its cookie
 * @netns: its inode number
 * @range: the range, and what all of it is used for
 * @count: how many pools
 * @crowded: there were more: the counts of those that are told are lower bounds
 * @pools: in no order
 */
struct tcpwatch_pools {
	u64 netns_cookie;
	u32 netns;
	struct tcpwatch_range range;
	unsigned int count;
	bool crowded;
	struct tcpwatch_pool pools[TCPWATCH_POOLS_MAX];
};

/**
 * tcpwatch_pools_take() - look at every port of a namespace's range
 * @pools: the result
 * @net: the network namespace
 *
 * A walk, not a snapshot.
 *
 * Context: process; sleeps between ports, takes one bhash lock at a time.
 */
void tcpwatch_pools_take(struct tcpwatch_pools *pools, struct net *net);

/**
 * tcpwatch_pools_each() - the pools of all namespaces in turn
 * @visit: called with those of each; non-zero ends the walk
 * @arg: passed to @visit
 *
 * Context: process, sleeps.
 * Return: 0, -ENOMEM, or what @visit returned.
 */
int tcpwatch_pools_each(int (*visit)(struct tcpwatch_pools *pools, void *arg), void *arg);

/**
 * tcpwatch_pool_size() - how many ports a destination can have at all
 * @range: the range that was looked at
 *
 * Context: any.
 * Return: ports that are neither reserved nor bound: connect() passes those over.
 */
u32 tcpwatch_pool_size(const struct tcpwatch_range *range);

/**
 * tcpwatch_pool_free() - how many are left for it
 * @pools: of which namespace
 * @pool: of which pool
 *
 * Context: any.
 * Return: ports without any connection there; those that are reusable come on top.
 */
u32 tcpwatch_pool_free(const struct tcpwatch_pools *pools, const struct tcpwatch_pool *pool);

/**
 * tcpwatch_pool_percent() - how much of what it can have is used
 * @pools: of which namespace
 * @pool: of which pool
 *
 * Context: any.
 * Return: 0 to 100; what is reusable counts as used.
 */
u32 tcpwatch_pool_percent(const struct tcpwatch_pools *pools, const struct tcpwatch_pool *pool);

#endif /* _TCPWATCH_POOLS_H */
