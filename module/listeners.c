// SPDX-License-Identifier: GPL-2.0
/*
 * A row is found by the address of its socket, without a lock. It is taken out when
 * the socket ceases to listen, which is before it can be freed; the row is another's
 * only after a grace period, so that who has found it may go on counting in it.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "listeners.h"
#include "sock.h"
#include "stats.h"

/* Rows, at most: their number has 16 bits elsewhere. */
#define MOST	65536

static unsigned int listeners = 1024;
module_param(listeners, uint, 0444);
MODULE_PARM_DESC(listeners, "listening sockets that are watched, at most (16 to 65536; default 1024)");

const char *const tcpwatch_mib_names[] = { TCPWATCH_MIBS(TCPWATCH_NAME) };

/**
 * struct listeners_net - a network namespace's share
 * @base: what the kernel had counted when we came
 * @gone: what listeners that have gone had counted
 */
struct listeners_net {
	unsigned long base[TCPWATCH_MIB_COUNT];
	struct tcpwatch_counts gone;
};

static unsigned int net_id;
static struct tcpwatch_listener *rows;
static struct hlist_head *chains;
static unsigned int chain_bits;
static u64 multiplier;	/* random and odd */

/* Guards the chains, the rows that are free, and whose the others are. */
static DEFINE_RAW_SPINLOCK(lock);
static struct tcpwatch_listener *first_free, *last_free;

static struct hlist_head *chain_of(const struct sock *sk)
{
	return &chains[(unsigned long)sk * multiplier >> (64 - chain_bits)];
}

struct tcpwatch_listener *tcpwatch_listener_find(const struct sock *sk)
{
	struct tcpwatch_listener *row;

	hlist_for_each_entry_rcu(row, chain_of(sk), node, true) {
		if (READ_ONCE(row->sk) == sk)
			return row;
	}
	return NULL;
}

/* The one that has rested longest comes first. With the lock the answer is exact. */
static bool has_place(void)
{
	const struct tcpwatch_listener *row = READ_ONCE(first_free);

	if (row && poll_state_synchronize_rcu(READ_ONCE(row->rest)))
		return true;
	/* one that was taken and given back meanwhile rests anew, but is the last then */
	smp_rmb();
	return row != READ_ONCE(first_free);
}

static struct tcpwatch_listener *take_place(void)
{
	struct tcpwatch_listener *row = first_free;

	if (!has_place())
		return NULL;
	WRITE_ONCE(first_free, row->next_free);
	return row;
}

/* rest: grace period that it has to rest for */
static void give_place(struct tcpwatch_listener *row, unsigned long rest)
{
	row->sk = NULL;
	WRITE_ONCE(row->rest, rest);
	row->next_free = NULL;
	if (first_free)
		last_free->next_free = row;
	else
		WRITE_ONCE(first_free, row);
	last_free = row;
}

static void fill(struct tcpwatch_listener *row, const struct sock *sk)
{
	const struct net *net = sock_net(sk);

	/* who looks for a place meanwhile may read for how long it was to rest */
	data_race(memset(row, 0, sizeof(*row)));
	row->index = row - rows;
	row->sk = sk;
	row->netns_cookie = net->net_cookie;
	row->netns = net->ns.inum;
	tcpwatch_sock_bind(&row->is.bind, sk);
	tcpwatch_sock_complete(&row->is, sk, NULL);
	row->since = ktime_get_boottime_ns();
	row->somaxconn = READ_ONCE(net->core.sysctl_somaxconn);
	/* those that are waiting already: nobody has seen when they came */
	row->accept_max = READ_ONCE(sk->sk_ack_backlog);
	row->accept_max_at = jiffies;
	row->waiting_at = jiffies;
}

struct tcpwatch_listener *tcpwatch_listener_adopt(const struct sock *sk)
{
	struct tcpwatch_listener *row = tcpwatch_listener_find(sk);
	unsigned long flags;

	if (row || !tcpwatch_sock_listens(sk))
		return row;
	/* when all are taken this comes with every packet, on all CPUs */
	if (!has_place()) {
		/* another CPU may just have given it the last one */
		row = tcpwatch_listener_find(sk);
		tcpwatch_stat_add(TCPWATCH_STAT_LISTENERS_FULL, !row);
		return row;
	}
	raw_spin_lock_irqsave(&lock, flags);
	row = tcpwatch_listener_find(sk);
	/* one that is hashed still comes by inet_csk_listen_stop(), which waits for the lock */
	if (!row && tcpwatch_sock_listens(sk)) {
		row = take_place();
		if (row) {
			fill(row, sk);
			hlist_add_head_rcu(&row->node, chain_of(sk));
		} else {
			tcpwatch_stat_add(TCPWATCH_STAT_LISTENERS_FULL, 1);
		}
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	return row;
}

void tcpwatch_listener_called(struct tcpwatch_listener *row, const struct sock *sk,
			      const u32 *asked)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	if (row->sk == sk) {
		tcpwatch_task_copy(&row->task, current);
		row->task_cgroup = tcpwatch_task_cgroup(current);
		row->somaxconn = READ_ONCE(sock_net(sk)->core.sysctl_somaxconn);
		row->asked_known = asked;
		row->asked = asked ? *asked : 0;
	}
	raw_spin_unlock_irqrestore(&lock, flags);
}

struct tcpwatch_listener *tcpwatch_listener_unlink(const struct sock *sk)
{
	struct tcpwatch_listener *row;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	row = tcpwatch_listener_find(sk);
	if (row)
		hlist_del_init_rcu(&row->node);
	raw_spin_unlock_irqrestore(&lock, flags);
	return row;
}

void tcpwatch_listener_free(struct tcpwatch_listener *row, struct net *net)
{
	struct listeners_net *mine = net_generic(net, net_id);
	unsigned long flags;
	int i;

	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++)
		atomic_long_add(atomic_long_read(&row->counts.of[i]), &mine->gone.of[i]);
	raw_spin_lock_irqsave(&lock, flags);
	give_place(row, get_state_synchronize_rcu());
	raw_spin_unlock_irqrestore(&lock, flags);
}

bool tcpwatch_listener_live(struct tcpwatch_live *live, const struct tcpwatch_listener *row)
{
	const struct sock *sk;
	bool listens;

	rcu_read_lock();
	sk = READ_ONCE(row->sk);
	/* while its row is found it is there, and for a grace period after that */
	listens = sk && tcpwatch_listener_find(sk) == row;
	if (listens) {
		/* what the caller reads of it is not from before it was found */
		smp_rmb();
		live->net = sock_net(sk);
		live->accept_now = READ_ONCE(sk->sk_ack_backlog);
		live->syn_now = reqsk_queue_len(&inet_csk(sk)->icsk_accept_queue);
		live->backlog = READ_ONCE(sk->sk_max_ack_backlog);
		live->somaxconn = READ_ONCE(live->net->core.sysctl_somaxconn);
	}
	rcu_read_unlock();
	return listens;
}

bool tcpwatch_listener_copy(struct tcpwatch_listener *copy, unsigned int index)
{
	unsigned long flags;
	bool any;

	raw_spin_lock_irqsave(&lock, flags);
	any = rows[index].sk && !hlist_unhashed(&rows[index].node);
	if (any) {
		/* what is counted meanwhile is in the copy, or not */
		data_race(memcpy(copy, &rows[index], sizeof(*copy)));
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	return any;
}

struct tcpwatch_listener *tcpwatch_listener_row(unsigned int index)
{
	return &rows[index];
}

unsigned int tcpwatch_listeners_count(void)
{
	return listeners;
}

void tcpwatch_listeners_seed(void)
{
	struct inet_hashinfo *hashinfo = init_net.ipv4.tcp_death_row.hashinfo;
	struct inet_listen_hashbucket *bucket;
	struct hlist_nulls_node *node;
	unsigned int i;
	struct sock *sk;

	for (i = 0; i <= hashinfo->lhash2_mask; i++) {
		bucket = &hashinfo->lhash2[i];
		cond_resched();
		rcu_read_lock();
		/* one that moves meanwhile is new, and has come by the other way */
		sk_nulls_for_each_rcu(sk, node, &bucket->nulls_head) {
			if (READ_ONCE(sk->sk_state) == TCP_LISTEN && sk->sk_protocol == IPPROTO_TCP)
				tcpwatch_listener_adopt(sk);
		}
		rcu_read_unlock();
	}
}

static unsigned long count_mib(const struct net *net, enum tcpwatch_mib mib)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(net->mib.net_statistics,
					     cpu)->mibs[tcpwatch_mib_item(mib)]);
	return sum;
}

/* Which knocks each of the kernel's counters counts. */
static const u16 knocks_of[TCPWATCH_MIB_COUNT] = {
	[TCPWATCH_MIB_LISTENOVERFLOWS] = BIT(TCPWATCH_KNOCK_SYN_ACCEPT_FULL) |
					 BIT(TCPWATCH_KNOCK_ACK_ACCEPT_FULL),
	[TCPWATCH_MIB_LISTENDROPS] = TCPWATCH_KNOCKS_DROPPED,
	[TCPWATCH_MIB_TCPREQQFULLDOCOOKIES] = BIT(TCPWATCH_KNOCK_SYN_COOKIE),
	[TCPWATCH_MIB_TCPREQQFULLDROP] = BIT(TCPWATCH_KNOCK_SYN_DROP),
	[TCPWATCH_MIB_SYNCOOKIESSENT] = BIT(TCPWATCH_KNOCK_COOKIES_SENT),
	[TCPWATCH_MIB_SYNCOOKIESRECV] = BIT(TCPWATCH_KNOCK_COOKIES_RECEIVED),
	[TCPWATCH_MIB_SYNCOOKIESFAILED] = BIT(TCPWATCH_KNOCK_COOKIES_FAILED),
};

static void add_counts(struct tcpwatch_reconciled *sums, const struct tcpwatch_counts *counts)
{
	int mib, i;

	for (mib = 0; mib < TCPWATCH_MIB_COUNT; mib++) {
		for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++) {
			if (knocks_of[mib] & BIT(i))
				sums[mib].ours += atomic_long_read(&counts->of[i]);
		}
	}
}

void tcpwatch_listeners_reconcile(struct tcpwatch_reconciled *sums, struct net *net)
{
	const struct listeners_net *mine = net_generic(net, net_id);
	unsigned int i;

	memset(sums, 0, TCPWATCH_MIB_COUNT * sizeof(*sums));
	add_counts(sums, &mine->gone);
	for (i = 0; i < listeners; i++) {
		if (READ_ONCE(rows[i].sk) &&
		    READ_ONCE(rows[i].netns_cookie) == net->net_cookie)
			add_counts(sums, &rows[i].counts);
	}
	for (i = 0; i < TCPWATCH_MIB_COUNT; i++)
		sums[i].kernel = count_mib(net, i) - mine->base[i];
}

struct tcpwatch_counts *tcpwatch_listeners_gone(struct net *net)
{
	struct listeners_net *mine = net_generic(net, net_id);

	return &mine->gone;
}

static int __net_init listeners_net_init(struct net *net)
{
	struct listeners_net *mine = net_generic(net, net_id);
	int i;

	for (i = 0; i < TCPWATCH_MIB_COUNT; i++)
		mine->base[i] = count_mib(net, i);
	return 0;
}

static struct pernet_operations listeners_net_ops = {
	.init = listeners_net_init,
	.id = &net_id,
	.size = sizeof(struct listeners_net),
};

int tcpwatch_listeners_init(void)
{
	unsigned int i;
	int err;

	if (listeners < 16 || listeners > MOST) {
		pr_err("listeners=%u: from 16 to %u\n", listeners, MOST);
		return -EINVAL;
	}
	chain_bits = ilog2(roundup_pow_of_two(listeners)) + 1;
	rows = vcalloc(listeners, sizeof(*rows));
	chains = vcalloc(BIT(chain_bits), sizeof(*chains));
	err = -ENOMEM;
	if (!rows || !chains)
		goto free;
	multiplier = get_random_u64() | 1;
	for (i = 0; i < listeners; i++)
		give_place(&rows[i], get_completed_synchronize_rcu());
	err = register_pernet_subsys(&listeners_net_ops);
	if (err)
		goto free;
	return 0;

free:
	vfree(chains);
	vfree(rows);
	return err;
}

void tcpwatch_listeners_exit(void)
{
	unregister_pernet_subsys(&listeners_net_ops);
	vfree(chains);
	vfree(rows);
}
