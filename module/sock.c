// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <net/ipv6.h>
#include <net/sock_reuseport.h>

#include "compat.h"
#include "sock.h"

/* In a reuseport group with no closed socket in it: see reuseport_cb_ok in
 * inet_csk_bind_conflict().
 */
static bool group_closed_to(const struct sock *sk)
{
	const struct sock_reuseport *group;
	bool closed_to;

	rcu_read_lock();
	group = rcu_dereference(sk->sk_reuseport_cb);
	closed_to = group && !READ_ONCE(group->num_closed_socks);
	rcu_read_unlock();
	return closed_to;
}

void tcpwatch_sock_bind(struct tcpwatch_bind *bind, const struct sock *sk)
{
	bind->addr4 = sk->sk_rcv_saddr;
	bind->family = sk->sk_family;
	if (sk->sk_family == AF_INET6)
		bind->addr = sk->sk_v6_rcv_saddr;
	else
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &bind->addr);
	bind->state = READ_ONCE(sk->sk_state);
	bind->reuse = sk->sk_reuse;
	bind->reuseport = sk->sk_reuseport;
	bind->v6only = ipv6_only_sock(sk);
	bind->dev = READ_ONCE(sk->sk_bound_dev_if);
	bind->group_closed_to = false;
	/* a TIME-WAIT socket ends before it; the rules do not ask for its uid */
	bind->uid = sk_fullsock(sk) ? compat_sk_rule_uid(sk) : GLOBAL_ROOT_UID;
}

void tcpwatch_sock_copy(struct tcpwatch_sock *copy, const struct sock *sk,
			const struct inet_bind_bucket *tb)
{
	memset(copy, 0, sizeof(*copy));
	tcpwatch_sock_bind(&copy->bind, sk);
	copy->port = sk->sk_num;
	copy->peer_port = ntohs(sk->sk_dport);
	if (sk->sk_family == AF_INET6)
		copy->peer = sk->sk_v6_daddr;
	else
		ipv6_addr_set_v4mapped(sk->sk_daddr, &copy->peer);
	copy->substate = copy->bind.state;
	copy->uid = INVALID_UID;
	if (!sk_fullsock(sk)) {
		copy->substate = READ_ONCE(inet_twsk(sk)->tw_substate);
		return;
	}
	copy->bind.group_closed_to = group_closed_to(sk);
	copy->connect_bound = tb && compat_connect_bound(sk, tb);
	copy->kernel = sk->sk_kern_sock;
	copy->uid = READ_ONCE(sk->sk_uid);
	copy->ino = compat_sk_ino(sk);
	rcu_read_lock();
	copy->cgroup = cgroup_id(sock_cgroup_ptr((struct sock_cgroup_data *)&sk->sk_cgrp_data));
	rcu_read_unlock();
}

/*
 * The timer wheel files a timer under a slot whose width grows with its distance
 * and lets it expire at the end of that slot, up to an eighth late: calc_index().
 */
#define WHEEL_LEVEL_SHIFT	3	/* LVL_CLK_SHIFT */
#define WHEEL_LEVEL_SLOTS	64	/* LVL_SIZE */

static unsigned long timer_fires(const struct timer_list *timer)
{
	unsigned int slot = READ_ONCE(timer->flags) >> TIMER_ARRAYSHIFT;
	unsigned int shift = slot / WHEEL_LEVEL_SLOTS * WHEEL_LEVEL_SHIFT;

	return ((READ_ONCE(timer->expires) >> shift) + 1) << shift;
}

u32 tcpwatch_sock_frees_ms(const struct sock *sk)
{
	long left;

	if (sk->sk_state != TCP_TIME_WAIT)
		return 0;
	/* listed before it is armed on newer kernels */
	if (!timer_pending(&inet_twsk(sk)->tw_timer))
		return 0;
	left = timer_fires(&inet_twsk(sk)->tw_timer) - jiffies;
	return left > 0 ? jiffies_to_msecs(left) : 0;
}

void tcpwatch_task_copy(struct tcpwatch_task *copy, struct task_struct *task)
{
	struct pid_namespace *ns = task_active_pid_ns(task);

	copy->pid = task_tgid_nr(task);
	copy->tid = task_pid_nr(task);
	copy->vpid = ns ? task_tgid_nr_ns(task, ns) : 0;
	copy->pidns = ns ? ns->ns.inum : 0;
	copy->uid = task_cred_xxx(task, euid);
	memcpy(copy->comm, task->comm, sizeof(copy->comm));
	copy->comm[sizeof(copy->comm) - 1] = '\0';
}

u64 tcpwatch_task_cgroup(void)
{
	u64 id;

	rcu_read_lock();
	id = cgroup_id(task_dfl_cgroup(current));
	rcu_read_unlock();
	return id;
}
