// SPDX-License-Identifier: GPL-2.0
/*
 * A connect() that succeeds must cost nothing, so a worker looks, several times a
 * second. It seldom need look at the ports for that: there are bounds to what a
 * destination can have, which are counted already.
 */
#include <linux/jiffies.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "compat.h"
#include "exhaust.h"
#include "ledger.h"
#include "netns.h"
#include "pools.h"
#include "range.h"
#include "record.h"
#include "stats.h"
#include "verdict.h"

/* How often it looks, and how often where few ports are missing. */
#define REST		(HZ / 5)
#define REST_NEAR	(HZ / 20)
#define NEAR		4096

/* So long it is trusted that no more ports of the range are bound than were. */
#define TRUST		(30 * HZ)

/* A pool may be warned of again once it has fallen so many percent below. */
#define CALM		10

static unsigned int exhaustion = 90;
module_param(exhaustion, uint, 0444);
MODULE_PARM_DESC(exhaustion,
		 "warn when a destination has so many percent of its source ports (0: never; default 90)");

/**
 * struct warning - a pool that is warned of
 * @node: among those of its network namespace
 * @pool: as it was
 * @told: an event has told of it
 */
struct warning {
	struct list_head node;
	struct tcpwatch_pool pool;
	bool told;
};

/**
 * struct ward - a network namespace that is watched
 * @node: among all
 * @netns_cookie: its cookie
 * @since: when we saw it first, in jiffies
 * @before: TIME-WAIT sockets it had then
 * @opens: connections opened when @most was told
 * @most: ports that a destination had at most then, but for those that were told
 * @looked: when its ports were looked at last, in jiffies; valid if @range
 * @bound: ports of the range that were bound then
 * @range: the range at that time, 0: nobody has looked
 * @seen: it was there this time
 * @owed: a warning is still to be told
 * @warnings: the pools that are warned of, at most one for each that was found
 */
struct ward {
	struct hlist_node node;
	u64 netns_cookie;
	unsigned long since;
	u32 before;
	u64 opens;
	u32 most;
	unsigned long looked;
	u32 bound;
	u32 range;
	bool seen;
	bool owed;
	struct list_head warnings;
};

/* The worker's own. */
static DEFINE_HASHTABLE(wards, 6);
static struct tcpwatch_pools *pools;
static unsigned int near;	/* ports that the nearest pool is short of being warned of */

static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watcher, watch);
static struct workqueue_struct *queue;

static u64 count_opens(const struct net *net)
{
	u64 opens = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		opens += READ_ONCE(per_cpu_ptr(net->mib.tcp_statistics,
					       cpu)->mibs[TCP_MIB_ACTIVEOPENS]);
	return opens;
}

static struct ward *find_ward(const struct net *net)
{
	struct ward *ward;

	hash_for_each_possible(wards, ward, node, net->net_cookie) {
		if (ward->netns_cookie == net->net_cookie)
			return ward;
	}
	ward = kzalloc(sizeof(*ward), GFP_KERNEL);
	if (!ward)
		return NULL;
	/* all that were opened before us may be there still */
	ward->netns_cookie = net->net_cookie;
	ward->since = jiffies;
	ward->before = compat_tw_count(net);
	INIT_LIST_HEAD(&ward->warnings);
	hash_add(wards, &ward->node, ward->netns_cookie);
	return ward;
}

static bool is_same(const struct tcpwatch_pool *one, const struct tcpwatch_pool *two)
{
	return one->port == two->port && ipv6_addr_equal(&one->addr, &two->addr) &&
	       ipv6_addr_equal(&one->source, &two->source);
}

static struct warning *find_warning(struct ward *ward, const struct tcpwatch_pool *pool)
{
	struct warning *warning;

	list_for_each_entry(warning, &ward->warnings, node) {
		if (is_same(&warning->pool, pool))
			return warning;
	}
	return NULL;
}

/* One that was not told yet never will be. */
static void drop_warning(struct warning *warning)
{
	if (!warning->told)
		tcpwatch_record_lost();
	list_del(&warning->node);
	kfree(warning);
}

static struct warning *add_warning(struct ward *ward, const struct tcpwatch_pool *pool)
{
	struct warning *warning = kzalloc(sizeof(*warning), GFP_KERNEL);

	if (!warning)
		return NULL;
	tcpwatch_stat_add(TCPWATCH_STAT_EXHAUSTIONS, 1);
	warning->pool = *pool;
	list_add(&warning->node, &ward->warnings);
	return warning;
}

/* Returns false if it has to wait. */
static bool tell(const struct tcpwatch_pool *pool, const struct net *net)
{
	struct tcpwatch_facts facts;

	if (!tcpwatch_record_may_yet(TCPWATCH_KIND_EXHAUSTION, net))
		return false;
	tcpwatch_verdict_init(&facts);
	facts.kind = TCPWATCH_KIND_EXHAUSTION;
	facts.error = 0;
	facts.call = TCPWATCH_CALL_NONE;
	facts.percent = tcpwatch_pool_percent(pools, pool);
	facts.range_lo = pools->range.lo;
	facts.range_hi = pools->range.hi;
	facts.pool_used = pool->ports;
	facts.pool_free = tcpwatch_pool_free(pools, pool);
	facts.want = (struct tcpwatch_sock){
		.bind = { .family = pool->family, .addr = pool->source },
		.peer = pool->addr,
		.peer_port = pool->port,
	};
	tcpwatch_record(&facts, net);
	return true;
}

/* Those that have ports enough again are forgotten. */
static void forget(struct ward *ward, unsigned int percent)
{
	struct warning *warning, *next;
	unsigned int n;
	bool still;

	list_for_each_entry_safe(warning, next, &ward->warnings, node) {
		still = false;
		for (n = 0; n < pools->count && !still; n++)
			still = is_same(&pools->pools[n], &warning->pool) &&
				tcpwatch_pool_percent(pools, &pools->pools[n]) + CALM >= percent;
		if (!still)
			drop_warning(warning);
	}
}

static void look(struct ward *ward, struct net *net, unsigned int percent)
{
	struct tcpwatch_pool *pool;
	struct warning *warning;
	bool much;

	/* first: what is opened meanwhile is counted twice, not missed */
	ward->opens = count_opens(net);
	tcpwatch_pools_take(pools, net);
	ward->looked = jiffies;
	ward->most = 0;
	ward->bound = pools->range.bound;
	ward->range = (u32)pools->range.lo << 16 | pools->range.hi;
	forget(ward, percent);
	ward->owed = false;
	for (pool = pools->pools; pool < pools->pools + pools->count; pool++) {
		much = tcpwatch_pool_percent(pools, pool) >= percent;
		warning = find_warning(ward, pool);
		if (!warning && much)
			warning = add_warning(ward, pool);
		if (warning && !warning->told && much)
			warning->told = tell(pool, net);
		if (warning && warning->told)
			continue;
		/* there was no memory for it, or it has to wait, and may be less meanwhile */
		ward->most = max(ward->most, pool->ports);
		ward->owed |= much;
	}
}

/* Connections that are alive, of whatever kind. */
static u32 count_alive(struct net *net)
{
	u32 alive = sock_prot_inuse_get(net, &tcp_prot);

	/* without IPv6 its number is that of another protocol */
	return ipv6_mod_enabled() ? alive + sock_prot_inuse_get(net, &tcpv6_prot) : alive;
}

/* TIME-WAIT sockets that one destination can have at most. */
static u32 most_time_wait(const struct ward *ward, const struct net *net)
{
	u64 most = tcpwatch_ledger_most(net->net_cookie);

	/* the ledger does not know to whom they were */
	if (jiffies - ward->since < TCPWATCH_LEDGER_LAST)
		most += ward->before;
	return min_t(u64, most, compat_tw_count(net));
}

/*
 * How many more may be opened before it is worth a look. A pool cannot have more than it
 * had when we looked last and was opened since, nor more than all that is alive and its
 * TIME-WAIT. Half of what is left is enough: ports may be bound meanwhile.
 */
static int headroom(struct ward *ward, struct net *net, unsigned int percent)
{
	struct tcpwatch_range range = { .bound = ward->bound };
	u64 opens = count_opens(net), opened = opens - ward->opens;
	int lo, hi, enough, left;

	/* there are no more of them before a second is over, however many are to be told */
	if (ward->owed && jiffies - ward->looked >= HZ)
		return 0;
	if (!opened)
		return INT_MAX;
	inet_get_local_port_range(net, &lo, &hi);
	if (!ward->range)
		return 0;
	range.lo = lo;
	range.hi = hi;
	range.reserved = tcpwatch_range_reserved(net, lo, hi);
	enough = DIV_ROUND_UP(tcpwatch_pool_size(&range) * percent, 100);
	left = (enough - (int)ward->most) / 2 - (int)min_t(u64, opened, INT_MAX / 2);
	if (left > 0 && ward->range == ((u32)lo << 16 | hi) && jiffies - ward->looked < TRUST)
		return left;
	ward->opens = opens;
	ward->most = count_alive(net) + most_time_wait(ward, net);
	return (enough - (int)ward->most) / 2;
}

/* The namespace that is to be looked at next, with a reference, or NULL. */
static struct net *find_needy(unsigned int percent, struct ward **found)
{
	struct net *net, *needy = NULL;
	struct ward *ward;
	int short_of;

	down_read(&net_rwsem);
	for_each_net(net) {
		cond_resched();
		ward = find_ward(net);
		if (!ward || ward->seen)
			continue;
		ward->seen = true;
		short_of = headroom(ward, net, percent);
		if (short_of > 0) {
			near = min_t(unsigned int, near, short_of);
			continue;
		}
		needy = maybe_get_net(net);
		*found = ward;
		if (needy)
			break;
	}
	up_read(&net_rwsem);
	return needy;
}

/* Those whose namespace has gone. */
static void drop_wards(bool all)
{
	struct warning *warning, *after;
	struct hlist_node *next;
	struct ward *ward;
	int i;

	hash_for_each_safe(wards, i, next, ward, node) {
		if (!all && ward->seen) {
			ward->seen = false;
			continue;
		}
		hash_del(&ward->node);
		list_for_each_entry_safe(warning, after, &ward->warnings, node)
			drop_warning(warning);
		kfree(ward);
	}
}

static void watch(struct work_struct *work)
{
	unsigned int percent = READ_ONCE(exhaustion);
	struct ward *ward = NULL;
	struct net *net;

	near = UINT_MAX;
	while (percent && (net = find_needy(percent, &ward))) {
		look(ward, net, percent);
		near = min(near, tcpwatch_pool_size(&pools->range) - ward->most);
		put_net(net);
		cond_resched();
	}
	drop_wards(false);
	queue_delayed_work(queue, &watcher, near < NEAR ? REST_NEAR : REST);
}

int tcpwatch_exhaust_set(unsigned int percent)
{
	if (percent > 100)
		return -EINVAL;
	WRITE_ONCE(exhaustion, percent);
	return 0;
}

unsigned int tcpwatch_exhaust_percent(void)
{
	return READ_ONCE(exhaustion);
}

int tcpwatch_exhaust_init(void)
{
	if (exhaustion > 100) {
		pr_err("exhaustion=%u: from 0 to 100\n", exhaustion);
		return -EINVAL;
	}
	pools = kvmalloc(sizeof(*pools), GFP_KERNEL);
	queue = alloc_workqueue("tcpwatch_exhaust", WQ_UNBOUND, 1);
	if (!pools || !queue) {
		if (queue)
			destroy_workqueue(queue);
		kvfree(pools);
		return -ENOMEM;
	}
	queue_delayed_work(queue, &watcher, 0);
	return 0;
}

void tcpwatch_exhaust_exit(void)
{
	cancel_delayed_work_sync(&watcher);
	destroy_workqueue(queue);
	drop_wards(true);
	kvfree(pools);
}
