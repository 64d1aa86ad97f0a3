// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <net/sock.h>

#include "record.h"
#include "resolve.h"
#include "ring.h"
#include "sock.h"
#include "stats.h"

void tcpwatch_record_refusal(struct tcpwatch_facts *facts, const struct sock *sk)
{
	facts->time = ktime_get_ns();
	facts->netns = sock_net(sk)->ns.inum;
	facts->netns_cookie = sock_net(sk)->net_cookie;
	tcpwatch_task_copy(&facts->task, current);
	facts->task_cgroup = tcpwatch_task_cgroup(current);

	tcpwatch_stat_add(TCPWATCH_STAT_CONFLICTS, 1);
	tcpwatch_stat_rule(facts->rule);
	tcpwatch_resolve_kick(tcpwatch_ring_push(facts));
}
