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

/* Events of reuse a second: they must not drive refusals out of the ring. */
#define REUSES	50

static void record(struct tcpwatch_facts *facts, const struct net *net)
{
	facts->time = ktime_get_ns();
	facts->netns = net->ns.inum;
	facts->netns_cookie = net->net_cookie;
	if (facts->call == TCPWATCH_CALL_NONE) {
		facts->task.pid = 0;
		facts->task_cgroup = 0;
	} else {
		tcpwatch_task_copy(&facts->task, current);
		facts->task_cgroup = tcpwatch_task_cgroup(current);
	}
	tcpwatch_resolve_kick(tcpwatch_ring_push(facts));
}

void tcpwatch_record_refusal(struct tcpwatch_facts *facts, const struct sock *sk)
{
	tcpwatch_stat_add(TCPWATCH_STAT_CONFLICTS, 1);
	tcpwatch_stat_rule(facts->rule);
	record(facts, sock_net(sk));
}

/* Two CPUs that begin a second at once let a few more through. */
static bool may_record(void)
{
	static unsigned long second;
	static atomic_t count;

	if (jiffies - READ_ONCE(second) >= HZ) {
		WRITE_ONCE(second, jiffies);
		atomic_set(&count, 0);
	}
	return atomic_inc_return(&count) <= REUSES;
}

void tcpwatch_record_reuse(struct tcpwatch_facts *facts, const struct net *net)
{
	static const enum tcpwatch_stat stats[] = {
		[TCPWATCH_CAUSE_BIND_OVER] = TCPWATCH_STAT_TW_BIND_OVER,
		[TCPWATCH_CAUSE_CONNECT] = TCPWATCH_STAT_TW_CONNECT,
		[TCPWATCH_CAUSE_SYN] = TCPWATCH_STAT_TW_SYN,
	};

	tcpwatch_stat_add(stats[facts->cause], 1);
	if (!may_record()) {
		tcpwatch_stat_add(TCPWATCH_STAT_TW_COALESCED, 1);
		return;
	}
	facts->kind = TCPWATCH_KIND_REUSE;
	record(facts, net);
}
