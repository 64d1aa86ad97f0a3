// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "record.h"
#include "resolve.h"
#include "ring.h"
#include "sock.h"
#include "stats.h"

/* Events that may be recorded in a second: they must not drive conflicts out of the ring. */
static const unsigned int limits[TCPWATCH_KIND_COUNT] = {
	[TCPWATCH_KIND_REUSE] = 50,
	[TCPWATCH_KIND_REFUSAL] = 20,
	[TCPWATCH_KIND_OVERFLOW] = 20,
	[TCPWATCH_KIND_EXHAUSTION] = 20,
	[TCPWATCH_KIND_BACKLOG] = 50,
	[TCPWATCH_KIND_STUCK] = 20,
};

/**
 * struct budget - events of a kind in a second
 * @second: when the second began, in jiffies
 * @count: how many have come in it
 */
struct budget {
	unsigned long second;
	atomic_t count;
};

/* Of the initial network namespace, and of all others. */
static struct budget budgets[2][TCPWATCH_KIND_COUNT];

bool tcpwatch_record_may_yet(enum tcpwatch_kind kind, const struct net *net)
{
	struct budget *budget = &budgets[!net_eq(net, &init_net)][kind];

	/* two CPUs that begin a second at once let a few more through */
	if (time_after_eq(jiffies, READ_ONCE(budget->second) + HZ)) {
		WRITE_ONCE(budget->second, jiffies);
		atomic_set(&budget->count, 0);
	}
	/* one that is spent is only read: it may be asked very often */
	return atomic_read(&budget->count) < limits[kind] &&
	       atomic_inc_return(&budget->count) <= limits[kind];
}

void tcpwatch_record_lost(void)
{
	tcpwatch_stat_add(TCPWATCH_STAT_TW_COALESCED, 1);
}

bool tcpwatch_record_may(enum tcpwatch_kind kind, const struct net *net)
{
	if (tcpwatch_record_may_yet(kind, net))
		return true;
	tcpwatch_record_lost();
	return false;
}

void tcpwatch_record(struct tcpwatch_facts *facts, const struct net *net)
{
	ktime_t now = ktime_get();

	/* here, since the wall clock may be set before the worker comes */
	facts->mono = ktime_to_ns(now);
	facts->time = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	facts->real = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_REAL));
	facts->netns = net->ns.inum;
	facts->netns_cookie = net->net_cookie;
	if (facts->call == TCPWATCH_CALL_NONE) {
		facts->task = (struct tcpwatch_task){};
		facts->task_cgroup = 0;
	} else {
		tcpwatch_task_copy(&facts->task, current);
		facts->task_cgroup = tcpwatch_task_cgroup(current);
	}
	tcpwatch_record_trace(facts);
	tcpwatch_resolve_kick(tcpwatch_ring_push(facts));
}

void tcpwatch_record_conflict(struct tcpwatch_facts *facts, const struct sock *sk)
{
	tcpwatch_stat_add(TCPWATCH_STAT_CONFLICTS, 1);
	tcpwatch_stat_rule(facts->rule);
	tcpwatch_record(facts, sock_net(sk));
}
