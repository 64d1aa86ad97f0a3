// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/timer.h>
#include <net/ipv6.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>

#include "compat.h"
#include "rules.h"
#include "sock.h"

/* The group with no closed socket in it is what inet_csk_bind_conflict() calls
 * not reuseport_cb_ok.
 */
static void copy_group(struct tcpwatch_bind *bind, const struct sock *sk)
{
	const struct sock_reuseport *group;

	group = rcu_dereference_check(sk->sk_reuseport_cb, rcu_read_lock_sched_held());
	bind->grouped = !!group;
	bind->group_closed_to = group && !READ_ONCE(group->num_closed_socks);
}

void tcpwatch_sock_bind(struct tcpwatch_bind *bind, const struct sock *sk)
{
	bind->addr4 = sk->sk_rcv_saddr;
	bind->family = sk->sk_family;
	bind->bucket_family = sk->sk_family;
	bind->addr = tcpwatch_sock_local(sk);
	bind->state = READ_ONCE(sk->sk_state);
	/* options may be about to change, as when the kernel's own rules read them */
	bind->reuse = data_race((bool)sk->sk_reuse);
	/* likewise */
	bind->reuseport = data_race((bool)sk->sk_reuseport);
	/* likewise */
	bind->v6only = data_race((bool)ipv6_only_sock(sk));
	bind->dev = READ_ONCE(sk->sk_bound_dev_if);
	bind->grouped = false;
	bind->group_closed_to = false;
	/* a TIME-WAIT socket ends before it; the rules do not ask for its uid */
	bind->uid = sk_fullsock(sk) ? compat_sk_rule_uid(sk) : GLOBAL_ROOT_UID;
}

static enum tcpwatch_belongs belongs(const struct sock *sk)
{
	/* beside sk_userlocks, in one byte */
	if (data_race((bool)sk->sk_kern_sock))
		return TCPWATCH_BELONGS_KERNEL;
	if (sock_flag(sk, SOCK_DEAD))
		return TCPWATCH_BELONGS_ORPHAN;
	return READ_ONCE(sk->sk_socket) ? TCPWATCH_BELONGS_PROCESS : TCPWATCH_BELONGS_UNACCEPTED;
}

static void copy_ends(struct tcpwatch_sock *copy, const struct sock *sk)
{
	copy->port = sk->sk_num;
	copy->peer_port = ntohs(sk->sk_dport);
	copy->peer = tcpwatch_sock_peer(sk);
}

void tcpwatch_sock_want(struct tcpwatch_sock *copy, const struct sock *sk)
{
	tcpwatch_sock_bind(&copy->bind, sk);
	copy_group(&copy->bind, sk);
	copy_ends(copy, sk);
}

u64 tcpwatch_sock_cgroup(const struct sock *sk)
{
	struct cgroup *cgroup = sock_cgroup_ptr((struct sock_cgroup_data *)&sk->sk_cgrp_data);

	/* a socket met by RCU alone may just be made anew */
	return cgroup ? cgroup_id(cgroup) : 0;
}

void tcpwatch_sock_complete(struct tcpwatch_sock *copy, const struct sock *sk,
			    const struct inet_bind_bucket *tb)
{
	copy_ends(copy, sk);
	copy->substate = copy->bind.state;
	copy->belongs = TCPWATCH_BELONGS_UNACCEPTED;
	copy->connect_bound = false;
	copy->self_bound = false;
	copy->uid = INVALID_UID;
	copy->ino = 0;
	copy->cgroup = 0;
	copy->id = (unsigned long)sk;
	if (copy->bind.state == TCP_TIME_WAIT) {
		copy->substate = READ_ONCE(inet_twsk(sk)->tw_substate);
		copy->belongs = TCPWATCH_BELONGS_TIME_WAIT;
		copy->connect_bound = tb && compat_tw_connect_bound(sk, tb);
		return;
	}
	if (!sk_fullsock(sk)) {
		/* a request, which only its listener knows */
		copy->substate = TCP_SYN_RECV;
		return;
	}
	copy->belongs = belongs(sk);
	copy->connect_bound = tb && compat_connect_bound(sk, tb);
	/* bind() may be about to set the bit of the address */
	copy->self_bound = data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK);
	copy->uid = READ_ONCE(sk->sk_uid);
	copy->ino = compat_sk_ino(sk);
	copy->cgroup = tcpwatch_sock_cgroup(sk);
}

struct inet_bind_bucket *tcpwatch_sock_find_bucket(const struct net *net, u16 port, int l3mdev)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct inet_bind_hashbucket *head;
	struct inet_bind_bucket *tb;

	head = &hashinfo->bhash[inet_bhashfn(net, port, hashinfo->bhash_size)];
	inet_bind_bucket_for_each(tb, &head->chain) {
		if (net_eq(ib_net(tb), net) && tb->port == port && tb->l3mdev == l3mdev)
			return tb;
	}
	return NULL;
}

void tcpwatch_sock_bucket(struct tcpwatch_bucket *copy, const struct inet_bind_bucket *tb)
{
	copy->reuse = tb->fastreuse;
	copy->reuseport = tb->fastreuseport;
	copy->strict = tb->fastreuseport == FASTREUSEPORT_STRICT;
	copy->last = (struct tcpwatch_bind){
		.addr4 = tb->fast_rcv_saddr,
		.family = tb->fast_sk_family,
		.v6only = tb->fast_ipv6_only,
		.uid = tb->fastuid,
	};
	if (tb->fast_sk_family == AF_INET6)
		copy->last.addr = tb->fast_v6_rcv_saddr;
	else
		ipv6_addr_set_v4mapped(tb->fast_rcv_saddr, &copy->last.addr);
}

static bool is_loopback(const struct inet_timewait_sock *tw)
{
	if (tw->tw_bound_dev_if == LOOPBACK_IFINDEX)
		return true;
	if (tw->tw_family != AF_INET6)
		return ipv4_is_loopback(tw->tw_daddr) || ipv4_is_loopback(tw->tw_rcv_saddr);
	return ipv6_addr_loopback(&tw->tw_v6_daddr) || ipv6_addr_loopback(&tw->tw_v6_rcv_saddr) ||
	       ipv6_addr_v4mapped_loopback(&tw->tw_v6_daddr) ||
	       ipv6_addr_v4mapped_loopback(&tw->tw_v6_rcv_saddr);
}

void tcpwatch_sock_timewait(struct tcpwatch_timewait *copy, const struct sock *sk)
{
	const struct inet_timewait_sock *tw = inet_twsk(sk);

	copy->substate = READ_ONCE(tw->tw_substate);
	copy->timestamps = READ_ONCE(tcp_twsk(sk)->tw_ts_recent_stamp);
	copy->loopback = is_loopback(tw);
	copy->aged = !compat_tw_aged_ms(sk);
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

	if (READ_ONCE(sk->sk_state) != TCP_TIME_WAIT)
		return 0;
	/* listed before it is armed on newer kernels */
	if (!timer_pending(&inet_twsk(sk)->tw_timer))
		return 0;
	left = timer_fires(&inet_twsk(sk)->tw_timer) - jiffies;
	return left > 0 ? jiffies_to_msecs(left) : 0;
}

u32 tcpwatch_sock_age_ms(const struct sock *sk)
{
	long left = READ_ONCE(inet_twsk(sk)->tw_timer.expires) - jiffies;

	/* listed before it is armed on newer kernels */
	if (!timer_pending(&inet_twsk(sk)->tw_timer))
		return 0;
	return jiffies_to_msecs(TCP_TIMEWAIT_LEN - clamp(left, 0L, (long)TCP_TIMEWAIT_LEN));
}

static bool is_one(const struct cred *cred)
{
	return uid_eq(cred->uid, cred->euid) && uid_eq(cred->suid, cred->euid) &&
	       gid_eq(cred->gid, cred->egid) && gid_eq(cred->sgid, cred->egid);
}

void tcpwatch_task_copy(struct tcpwatch_task *copy, struct task_struct *task)
{
	struct pid_namespace *ns = ns_of_pid(task_pid(task));
	const struct cred *cred;

	copy->pid = task_tgid_nr(task);
	copy->tid = task_pid_nr(task);
	copy->vpid = copy->pid;
	if (ns != &init_pid_ns)
		copy->vpid = ns ? task_tgid_nr_ns(task, ns) : 0;
	copy->pidns = ns ? ns->ns.inum : 0;
	rcu_read_lock();
	cred = task == current ? current_cred() : __task_cred(task);
	copy->uid = cred->euid;
	copy->gid = cred->egid;
	copy->caps = cred->cap_permitted;
	copy->userns = cred->user_ns->ns.inum;
	copy->own = is_one(cred) && compat_is_dumpable(task);
	rcu_read_unlock();
	memcpy(copy->comm, task->comm, sizeof(copy->comm));
	copy->comm[sizeof(copy->comm) - 1] = '\0';
}

u64 tcpwatch_task_cgroup(struct task_struct *task)
{
	return cgroup_id(task_dfl_cgroup(task));
}
