// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "compat.h"
#include "netns.h"
#include "pools.h"
#include "range.h"
#include "rules.h"
#include "sock.h"

/* Ports looked at before others get the CPU. */
#define BREATH	128

/* Connections looked at on one port. */
#define LOOK_PORT	256

/**
 * struct port - a port that is looked at
 * @pools: what is counted
 * @sysctl: tcp_tw_reuse
 * @looked: sockets looked at on it
 * @number: which port
 * @live: one of them is not in TIME-WAIT
 */
struct port {
	struct tcpwatch_pools *pools;
	int sysctl;
	unsigned int looked;
	u16 number;
	bool live;
};

/* As for the destinations of a survey: everybody pays one, and who has none left goes. */
static void make_room(struct tcpwatch_pools *pools)
{
	unsigned int i;

	pools->crowded = true;
	for (i = pools->count; i--; ) {
		struct tcpwatch_pool *pool = &pools->pools[i];

		if (!--pool->ports)
			*pool = pools->pools[--pools->count];
		pool->time_wait = min(pool->time_wait, pool->ports);
		pool->reusable = min(pool->reusable, pool->ports);
	}
}

static struct tcpwatch_pool *find_pool(struct tcpwatch_pools *pools,
				       const struct tcpwatch_pool *wanted)
{
	struct tcpwatch_pool *pool;

	for (pool = pools->pools; pool < pools->pools + pools->count; pool++) {
		if (pool->port == wanted->port && ipv6_addr_equal(&pool->addr, &wanted->addr) &&
		    ipv6_addr_equal(&pool->source, &wanted->source))
			return pool;
	}
	if (pools->count == TCPWATCH_POOLS_MAX)
		make_room(pools);
	if (pools->count == TCPWATCH_POOLS_MAX)
		return NULL;
	pool = &pools->pools[pools->count++];
	*pool = *wanted;
	return pool;
}

static bool look(struct sock *sk, void *arg)
{
	struct tcpwatch_pool wanted = { .family = sk->sk_family, .port = ntohs(sk->sk_dport) };
	struct tcpwatch_timewait timewait;
	struct port *port = arg;
	struct tcpwatch_pool *pool;

	port->live |= READ_ONCE(sk->sk_state) != TCP_TIME_WAIT;
	if (!wanted.port)
		return ++port->looked == LOOK_PORT;
	wanted.addr = tcpwatch_sock_peer(sk);
	wanted.source = tcpwatch_sock_local(sk);
	pool = find_pool(port->pools, &wanted);
	if (pool && pool->last != port->number) {
		pool->last = port->number;
		pool->ports++;
		if (READ_ONCE(sk->sk_state) == TCP_TIME_WAIT) {
			tcpwatch_sock_timewait(&timewait, sk);
			pool->time_wait++;
			pool->reusable += tcpwatch_rules_takeover(&timewait, false, port->sysctl) ==
					  TCPWATCH_REASON_NONE;
		}
	}
	return ++port->looked == LOOK_PORT;
}

static void look_at(struct tcpwatch_pools *pools, struct net *net, u16 number)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct port port = {
		.pools = pools,
		.sysctl = READ_ONCE(net->ipv4.sysctl_tcp_tw_reuse),
		.number = number,
	};
	struct tcpwatch_range *range = &pools->range;
	struct inet_bind_hashbucket *head;
	struct inet_bind_bucket *tb;
	bool used = false, bound = false;

	if (inet_is_local_reserved_port(net, number))
		return;
	head = &hashinfo->bhash[inet_bhashfn(net, number, hashinfo->bhash_size)];
	/* most are, and a lock costs more than all the rest */
	if (hlist_empty(&head->chain)) {
		range->free++;
		return;
	}
	spin_lock_bh(&head->lock);
	inet_bind_bucket_for_each(tb, &head->chain) {
		if (!net_eq(ib_net(tb), net) || tb->port != number)
			continue;
		used = true;
		/* connect() passes it over, whatever is on it */
		if (tb->fastreuse >= 0 || tb->fastreuseport >= 0) {
			bound = true;
			continue;
		}
		compat_walk_owners(tb, look, &port);
	}
	spin_unlock_bh(&head->lock);
	range->used += used;
	range->bound += bound;
	range->time_wait += used && !bound && !port.live;
	range->free += !used;
}

void tcpwatch_pools_take(struct tcpwatch_pools *pools, struct net *net)
{
	int lo, hi, number;

	inet_get_local_port_range(net, &lo, &hi);
	pools->netns_cookie = net->net_cookie;
	pools->netns = net->ns.inum;
	pools->range = (struct tcpwatch_range){ .lo = lo, .hi = hi };
	pools->range.reserved = tcpwatch_range_reserved(net, lo, hi);
	pools->count = 0;
	pools->crowded = false;
	for (number = lo; number <= hi && !fatal_signal_pending(current); number++) {
		look_at(pools, net, number);
		if (!(number % BREATH))
			cond_resched();
	}
	pools->range.known = true;
}

/* Who are there: the list must not be held while one of them is looked at. */
static u64 next_netns(u64 after)
{
	struct net *net;
	u64 next = 0;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (net->net_cookie > after && (!next || net->net_cookie < next))
			next = net->net_cookie;
	}
	up_read(&net_rwsem);
	return next;
}

int tcpwatch_pools_each(int (*visit)(struct tcpwatch_pools *pools, void *arg), void *arg)
{
	struct tcpwatch_pools *pools = kvmalloc(sizeof(*pools), GFP_KERNEL);
	struct net *net;
	u64 cookie = 0;
	int ret = 0;

	if (!pools)
		return -ENOMEM;
	while (!ret && (cookie = next_netns(cookie)) && !fatal_signal_pending(current)) {
		net = tcpwatch_netns_get(cookie);
		if (!net)
			continue;
		tcpwatch_pools_take(pools, net);
		put_net(net);
		ret = visit(pools, arg);
	}
	kvfree(pools);
	return ret;
}

u32 tcpwatch_pool_size(const struct tcpwatch_range *range)
{
	u32 all = range->hi - range->lo + 1, not = range->reserved + range->bound;

	/* one may have ceased to be reserved during the walk, and been bound */
	return all > not ? all - not : 0;
}

u32 tcpwatch_pool_free(const struct tcpwatch_pools *pools, const struct tcpwatch_pool *pool)
{
	u32 size = tcpwatch_pool_size(&pools->range);

	return size > pool->ports ? size - pool->ports : 0;
}

u32 tcpwatch_pool_percent(const struct tcpwatch_pools *pools, const struct tcpwatch_pool *pool)
{
	u32 size = tcpwatch_pool_size(&pools->range);

	return size > pool->ports ? pool->ports * 100 / size : 100;
}
