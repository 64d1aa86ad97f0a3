// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <net/sock.h>

#include "record.h"
#include "resolve.h"
#include "ring.h"
#include "sock.h"
#include "stats.h"

/**
 * struct budget - events of a kind in a second
 * @limit: how many may be recorded: they must not drive conflicts out of the ring
 * @second: when the second began, in jiffies
 * @count: how many have come in it
 */
struct budget {
	unsigned int limit;
	unsigned long second;
	atomic_t count;
};

static struct budget budgets[TCPWATCH_KIND_COUNT] = {
	[TCPWATCH_KIND_REUSE] = { .limit = 50 },
	[TCPWATCH_KIND_REFUSAL] = { .limit = 20 },
	[TCPWATCH_KIND_OVERFLOW] = { .limit = 20 },
	[TCPWATCH_KIND_EXHAUSTION] = { .limit = 20 },
	[TCPWATCH_KIND_BACKLOG] = { .limit = 50 },
	[TCPWATCH_KIND_STUCK] = { .limit = 20 },
};

bool tcpwatch_record_may(enum tcpwatch_kind kind)
{
	struct budget *budget = &budgets[kind];

	/* two CPUs that begin a second at once let a few more through */
	if (jiffies - READ_ONCE(budget->second) >= HZ) {
		WRITE_ONCE(budget->second, jiffies);
		atomic_set(&budget->count, 0);
	}
	/* one that is spent is only read: it may be asked very often */
	if (atomic_read(&budget->count) < budget->limit &&
	    atomic_inc_return(&budget->count) <= budget->limit)
		return true;
	tcpwatch_stat_add(TCPWATCH_STAT_TW_COALESCED, 1);
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
