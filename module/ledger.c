// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_update_metrics() is where both ends of a connection that is closed in order come
 * by, once each, on their way out: the one that has been in TIME-WAIT's place from
 * tcp_time_wait(), the other from LAST-ACK. The state tells who closed first, and who
 * has its TIME-WAIT is in the table of connections no more, so that one that still is
 * was refused it. All connections pay for this, so a row is found without a lock.
 */
#include <linux/cgroup.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <net/inet_connection_sock.h>
#include <net/ipv6.h>

#include "compat.h"
#include "hooks.h"
#include "ledger.h"
#include "record.h"
#include "sock.h"
#include "stats.h"
#include "verdict.h"

/* Rows among which an account has its place. */
#define WAYS	8
#define SETS	(TCPWATCH_LEDGER_ROWS / WAYS)

/* A row so long at rest has no TIME-WAIT any more, and may be given to another. */
#define REST	(120 * HZ)

const char *const tcpwatch_tally_names[] = { TCPWATCH_TALLIES(TCPWATCH_NAME) };

enum { UPDATE_METRICS, ROWS };
static struct tcpwatch_hook hook_rows[ROWS];

static struct tcpwatch_ledger_row *rows;

/* Random and odd: nobody can choose a set, or an account. */
static u64 multiplier, mixer;

/* When something found no place last. */
static unsigned long turned_away;

/* Guards the making of rows, and the owners in them. */
static DEFINE_RAW_SPINLOCK(lock);

/* Below all that is made of an address, which has the highest bit set. */
static u64 local_account(const struct net *net, u16 port)
{
	return net->net_cookie << 16 | port;
}

/* An IPv6 socket that is connected over IPv4 has the same destination as one of IPv4. */
static __always_inline bool is_v6(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
}

/* That two destinations have the same is as likely as that they guess the mixer. */
static __always_inline u64 peer_account(const struct sock *sk)
{
	u64 account = local_account(sock_net(sk), ntohs(sk->sk_dport)) * mixer;

	if (is_v6(sk)) {
		const u64 *peer = (const u64 *)&sk->sk_v6_daddr;

		account = (account ^ peer[0]) * mixer;
		account = (account ^ account >> 32 ^ peer[1]) * mixer;
	} else {
		account = (account ^ account >> 32 ^ (__force u32)sk->sk_daddr) * mixer;
	}
	return account | BIT_ULL(63);
}

/* The first of the places that it may have, which it mostly has. */
static __always_inline struct tcpwatch_ledger_row *first_place(u64 account)
{
	return rows + (account * multiplier >> (64 - ilog2(SETS))) * WAYS;
}

static struct tcpwatch_ledger_row *find(u64 account)
{
	struct tcpwatch_ledger_row *row = first_place(account), *end;

	for (end = row + WAYS; row < end; row++) {
		/* pairs with the release of who made it */
		if (smp_load_acquire(&row->account) == account)
			return row;
	}
	return NULL;
}

/* The place for another row: a free one, or that of the one that rests longest. */
static struct tcpwatch_ledger_row *find_place(u64 account)
{
	struct tcpwatch_ledger_row *row, *oldest, *end;

	row = first_place(account);
	oldest = row;
	for (end = row + WAYS; row < end; row++) {
		if (!row->account)
			return row;
		if (time_before(READ_ONCE(row->touched), READ_ONCE(oldest->touched)))
			oldest = row;
	}
	if (jiffies - READ_ONCE(oldest->touched) < REST)
		return NULL;
	/* who has found it just now counts for the wrong one */
	tcpwatch_stat_add(TCPWATCH_STAT_LEDGER_FORGOTTEN, 1);
	return oldest;
}

/* For a destination with its socket, for a local port without. */
static noinline struct tcpwatch_ledger_row *make(u64 account, const struct net *net, u16 port,
						 const struct sock *sk)
{
	struct tcpwatch_ledger_row *row;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	row = find(account) ?: find_place(account);
	if (row && row->account != account) {
		WRITE_ONCE(row->account, 0);
		/* nobody finds it while it is another's in part */
		smp_wmb();
		/* who has found it just before may count still */
		data_race(memset(row, 0, sizeof(*row)));
		/* who makes it has still to say who it is */
		WRITE_ONCE(row->touched, jiffies - 1);
		WRITE_ONCE(row->netns_cookie, net->net_cookie);
		row->netns = net->ns.inum;
		row->port = port;
		row->uid = INVALID_UID;
		if (sk) {
			WRITE_ONCE(row->family, is_v6(sk) ? AF_INET6 : AF_INET);
			row->peer = tcpwatch_sock_peer(sk);
		}
		/* all of it before who finds it */
		smp_store_release(&row->account, account);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	if (!row) {
		tcpwatch_stat_add(TCPWATCH_STAT_LEDGER_FULL, 1);
		WRITE_ONCE(turned_away, jiffies);
	}
	return row;
}

static struct tcpwatch_ledger_row *local_row(const struct net *net, u16 port)
{
	u64 account = local_account(net, port);

	return find(account) ?: make(account, net, port, NULL);
}

static struct tcpwatch_ledger_row *peer_row(const struct sock *sk)
{
	u64 account = peer_account(sk);

	return find(account) ?: make(account, sock_net(sk), ntohs(sk->sk_dport), sk);
}

static void add(struct tcpwatch_ledger_row *row, enum tcpwatch_tally tally)
{
	if (!row)
		return;
	atomic_long_inc(&row->tallies[tally]);
	WRITE_ONCE(row->touched, jiffies);
}

void tcpwatch_ledger_local(const struct net *net, u16 port, enum tcpwatch_tally tally)
{
	add(local_row(net, port), tally);
}

static struct tcpwatch_ledger_row *row_of(const struct sock *sk, bool chosen)
{
	return chosen ? peer_row(sk) : local_row(sock_net(sk), sk->sk_num);
}

void tcpwatch_ledger_sock(const struct sock *sk, bool chosen, enum tcpwatch_tally tally)
{
	add(row_of(sk, chosen), tally);
}

int tcpwatch_ledger_index(const struct sock *sk, bool chosen, bool may_make)
{
	struct tcpwatch_ledger_row *row;

	if (may_make)
		row = row_of(sk, chosen);
	else
		row = find(chosen ? peer_account(sk) : local_account(sock_net(sk), sk->sk_num));
	return row ? row - rows : -1;
}

static u32 count_made(const struct tcpwatch_ledger_row *row)
{
	return atomic_long_read(&row->tallies[TCPWATCH_TALLY_ACTIVE]) +
	       atomic_long_read(&row->tallies[TCPWATCH_TALLY_SIMULTANEOUS]) -
	       atomic_long_read(&row->tallies[TCPWATCH_TALLY_OVERFLOW]);
}

u32 tcpwatch_ledger_most(u64 netns_cookie)
{
	/* how many there had been at the beginning of this turn and of the one before */
	static struct { u64 account; u32 made; } then[2][TCPWATCH_LEDGER_ROWS];
	static unsigned long turned;
	static bool turn;
	bool over = !turned || jiffies - turned > TCPWATCH_LEDGER_LAST;
	u32 made, most = 0;
	unsigned int i;
	u64 account;

	/* not all that is there has been seen */
	if (!hook_rows[UPDATE_METRICS].armed ||
	    jiffies - READ_ONCE(turned_away) < 2 * TCPWATCH_LEDGER_LAST)
		return U32_MAX;
	if (over) {
		turn = !turn;
		turned = jiffies;
	}
	for (i = 0; i < TCPWATCH_LEDGER_ROWS; i++) {
		/* pairs with the release of who made it */
		account = smp_load_acquire(&rows[i].account);
		if (!account || !READ_ONCE(rows[i].family))
			continue;
		made = count_made(&rows[i]);
		if (READ_ONCE(rows[i].netns_cookie) == netns_cookie)
			/* a row that was given away has begun anew */
			most = max(most, made - (then[!turn][i].account == account &&
						 then[!turn][i].made <= made ?
						 then[!turn][i].made : 0));
		if (over) {
			then[turn][i].account = account;
			then[turn][i].made = made;
		}
	}
	return most;
}

void tcpwatch_ledger_copy(struct tcpwatch_ledger_row *copy, unsigned int index)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	/* what is counted meanwhile is in the copy, or not */
	data_race(memcpy(copy, &rows[index], sizeof(*copy)));
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* A namespace goes: whoever comes next has the places of its rows. */
static void __net_exit forget(struct net *net)
{
	struct tcpwatch_ledger_row *row;

	for (row = rows; row < rows + TCPWATCH_LEDGER_ROWS; row++) {
		if (READ_ONCE(row->netns_cookie) != net->net_cookie)
			continue;
		raw_spin_lock_irq(&lock);
		if (row->netns_cookie == net->net_cookie)
			WRITE_ONCE(row->account, 0);
		raw_spin_unlock_irq(&lock);
	}
}

static struct pernet_operations net_ops = { .exit = forget };

/* In whose name a connection was closed; the process only if it is at it itself. */
static void touch(struct tcpwatch_ledger_row *row, const struct sock *sk)
{
	unsigned long flags;

	WRITE_ONCE(row->touched, jiffies);
	if (!READ_ONCE(row->family))
		return;
	raw_spin_lock_irqsave(&lock, flags);
	if (!uid_eq(row->uid, READ_ONCE(sk->sk_uid)))
		row->task.pid = 0;
	row->uid = READ_ONCE(sk->sk_uid);
	row->cgroup = tcpwatch_sock_cgroup(sk);
	/* who has locked it is in close(); a packet that is received meanwhile waits for it */
	if (sock_owned_by_user_nocheck(sk))
		tcpwatch_task_copy(&row->task, current);
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* As inet_twsk_alloc() asks, a moment later. */
static bool is_full(const struct net *net)
{
	const struct inet_timewait_death_row *row = &net->ipv4.tcp_death_row;

	return compat_tw_count(net) >= READ_ONCE(row->sysctl_max_tw_buckets);
}

static void overflow(struct tcpwatch_ledger_row *row, const struct sock *sk,
		     const struct inet_bind_bucket *tb)
{
	struct tcpwatch_facts facts;

	if (row)
		atomic_long_inc(&row->tallies[TCPWATCH_TALLY_OVERFLOW]);
	tcpwatch_stat_add(TCPWATCH_STAT_TW_OVERFLOW, 1);
	if (!tcpwatch_record_may(TCPWATCH_KIND_OVERFLOW, sock_net(sk)))
		return;
	tcpwatch_verdict_init(&facts);
	facts.kind = TCPWATCH_KIND_OVERFLOW;
	facts.error = 0;
	facts.call = TCPWATCH_CALL_NONE;
	facts.reason = is_full(sock_net(sk)) ? TCPWATCH_REASON_MAX_TW_BUCKETS :
					       TCPWATCH_REASON_NO_MEMORY;
	facts.holders = 1;
	tcpwatch_sock_bind(&facts.holder.bind, sk);
	tcpwatch_sock_complete(&facts.holder, sk, NULL);
	facts.holder.connect_bound = tb && compat_connect_bound(sk, tb);
	facts.want = facts.holder;
	tcpwatch_record(&facts, sock_net(sk));
}

/* By the state of who closes; all others have closed first. */
static const u8 tally_of[TCP_MAX_STATES] = {
	[TCP_LAST_ACK] = TCPWATCH_TALLY_PASSIVE,
	[TCP_CLOSING] = TCPWATCH_TALLY_SIMULTANEOUS,
};

/* Was it refused its place in TIME-WAIT? Else it is not found by its four-tuple any more. */
static __always_inline bool is_refused(const struct sock *sk)
{
	return sk_hashed(sk) && sk->sk_state != TCP_LAST_ACK;
}

static noinline void closed(const struct sock *sk, const struct inet_bind_bucket *tb)
{
	struct tcpwatch_ledger_row *row = row_of(sk, tb && compat_connect_bound(sk, tb));

	if (row) {
		atomic_long_inc(&row->tallies[tally_of[sk->sk_state]]);
		if (time_before(READ_ONCE(row->touched), jiffies))
			touch(row, sk);
	}
	if (is_refused(sk))
		overflow(row, sk, tb);
}

/* What is done for every connection that ends; all that is seldom is left to closed(). */
static notrace void tcpwatch_hook_closed(unsigned long ip, unsigned long parent_ip,
					 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sock *sk = (struct sock *)compat_trace_argument(fregs, 0);
	const struct inet_bind_bucket *tb = inet_csk(sk)->icsk_bind_hash;
	struct tcpwatch_ledger_row *row;
	u64 account;

	tcpwatch_hook_hit(&hook_rows[UPDATE_METRICS]);
	if (tb && compat_connect_bound(sk, tb))
		account = peer_account(sk);
	else
		account = local_account(sock_net(sk), sk->sk_num);
	row = first_place(account);
	/* pairs with the release of who made it */
	if (likely(smp_load_acquire(&row->account) == account &&
		   !time_before(READ_ONCE(row->touched), jiffies) && !is_refused(sk)))
		atomic_long_inc(&row->tallies[tally_of[sk->sk_state]]);
	else
		closed(sk, tb);
}

static struct tcpwatch_hook hook_rows[ROWS] = {
	[UPDATE_METRICS] = {
		.symbol = "tcp_update_metrics",
		.lost = "record of who closed first, and of TIME-WAIT that was refused its place",
		.trace = tcpwatch_hook_closed,
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = hook_rows, .count = ROWS };

int tcpwatch_ledger_init(void)
{
	int err;

	rows = vcalloc(TCPWATCH_LEDGER_ROWS, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	turned_away = jiffies - 2 * TCPWATCH_LEDGER_LAST;
	multiplier = get_random_u64() | 1;
	mixer = get_random_u64() | 1;
	err = register_pernet_subsys(&net_ops);
	if (err)
		goto free;
	err = tcpwatch_hooks_plant(&hooks);
	if (err)
		goto unregister;
	return 0;

unregister:
	unregister_pernet_subsys(&net_ops);
free:
	vfree(rows);
	return err;
}

void tcpwatch_ledger_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
	unregister_pernet_subsys(&net_ops);
	vfree(rows);
}
