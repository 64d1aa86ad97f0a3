// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel drops a SYN or the last ACK of a handshake deep inside of a function, and
 * all that is left of it is a counter of the network namespace. Those counters are per
 * CPU, and a CPU deals with one packet at a time. So when a listener is entered, they are
 * noted; by what they have risen when the CPU enters the next, or when somebody looks,
 * was this listener's. No return need be probed, which costs ten times as much, and the
 * sums are the kernel's own. Whatever else makes them rise is probed as well, lest it be
 * put down to the listener before it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/if_ether.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/bit_spinlock.h>	/* does not stand by itself */
#include <net/inet_connection_sock.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include <net/request_sock.h>
#include <net/route.h>

#include "backlog.h"
#include "compat.h"
#include "hooks.h"
#include "pending.h"

/* What a CPU has stored, all others see by then, in whatever order. */
#define LATE_US	1

DEFINE_PER_CPU(struct tcpwatch_pending, tcpwatch_pendings);

static __always_inline unsigned long value(const struct tcpwatch_pending *pending,
					   enum tcpwatch_mib mib)
{
	return READ_ONCE(pending->mib[tcpwatch_mib_item(mib)]);
}

/*
 * Without one of these nothing else rises, but for what comes with others. And as they only
 * rise, their sum does if one of them does.
 */
#define SUM(of) \
	(of(TCPWATCH_MIB_LISTENDROPS) + of(TCPWATCH_MIB_LISTENOVERFLOWS) + \
	 of(TCPWATCH_MIB_TCPREQQFULLDOCOOKIES) + of(TCPWATCH_MIB_SYNCOOKIESSENT))
#define NOW(mib)	value(pending, mib)
#define SEEN(mib)	pending->seen[mib]

static __always_inline bool has_risen(const struct tcpwatch_pending *pending)
{
	return SUM(NOW) != pending->sum;
}

/* By how much it has risen since it was seen. Order matters for who reads another CPU's. */
static __always_inline unsigned long see(struct tcpwatch_pending *pending, enum tcpwatch_mib mib)
{
	unsigned long now = value(pending, mib), rise = now - pending->seen[mib];

	pending->seen[mib] = now;
	return rise;
}

static void count(struct tcpwatch_pending *pending, enum tcpwatch_knock knock, unsigned long n)
{
	if (n)
		atomic_long_add(n, &pending->counts->of[knock]);
}

/* A drop that has no counter of its own. */
static enum tcpwatch_knock classify(const struct tcpwatch_pending *pending)
{
	if (pending->matter != TCPWATCH_SYN || !pending->unicast)
		return TCPWATCH_KNOCK_OTHER;
	/* noted before the drop was counted: see count_change() */
	if (READ_ONCE(pending->reserved))
		return TCPWATCH_KNOCK_SYN_RESERVE;
	/* there was a request, so it was not for want of memory */
	return READ_ONCE(pending->freed) ? TCPWATCH_KNOCK_OTHER : TCPWATCH_KNOCK_SYN_NO_MEMORY;
}

/*
 * The kernel counts a drop after its cause. In the midst of a packet there may be a cause
 * whose drop is still to come, and it waits for that. After one there is none, but for
 * what helpers of BPF count without dropping anything, which is not this listener's.
 */
static noinline void count_drops(struct tcpwatch_pending *pending, unsigned long drops,
				 unsigned long overflowed, unsigned long filled, bool midst)
{
	unsigned long overflows = min(overflowed, drops);
	unsigned long full = min(filled, drops - overflows);

	if (midst) {
		pending->seen[TCPWATCH_MIB_LISTENOVERFLOWS] -= overflowed - overflows;
		pending->seen[TCPWATCH_MIB_TCPREQQFULLDROP] -= filled - full;
	}
	count(pending, pending->matter == TCPWATCH_SYN ? TCPWATCH_KNOCK_SYN_ACCEPT_FULL :
						TCPWATCH_KNOCK_ACK_ACCEPT_FULL, overflows);
	count(pending, TCPWATCH_KNOCK_SYN_DROP, full);
	count(pending, classify(pending), drops - overflows - full);
}

static noinline void count_change(struct tcpwatch_pending *pending, bool midst)
{
	unsigned long drops, overflowed, filled;

	drops = see(pending, TCPWATCH_MIB_LISTENDROPS);
	/* one that is seen has its cause seen as well: pairs with those of who notes one */
	smp_rmb();
	overflowed = see(pending, TCPWATCH_MIB_LISTENOVERFLOWS);
	filled = see(pending, TCPWATCH_MIB_TCPREQQFULLDROP);
	if (midst && drops > overflowed + filled) {
		/* but the kernel does not order its counters: a cause that is late is at hand */
		udelay(LATE_US);
		overflowed += see(pending, TCPWATCH_MIB_LISTENOVERFLOWS);
		filled += see(pending, TCPWATCH_MIB_TCPREQQFULLDROP);
	}
	if (drops | overflowed | filled)
		count_drops(pending, drops, overflowed, filled, midst);
	count(pending, TCPWATCH_KNOCK_SYN_COOKIE,
	      see(pending, TCPWATCH_MIB_TCPREQQFULLDOCOOKIES));
	count(pending, TCPWATCH_KNOCK_COOKIES_SENT, see(pending, TCPWATCH_MIB_SYNCOOKIESSENT));
	count(pending, TCPWATCH_KNOCK_COOKIES_RECEIVED,
	      see(pending, TCPWATCH_MIB_SYNCOOKIESRECV));
	count(pending, TCPWATCH_KNOCK_COOKIES_FAILED,
	      see(pending, TCPWATCH_MIB_SYNCOOKIESFAILED));
	pending->sum = SUM(SEEN);
	/* whatever it was, it is not in the SYN queue */
	pending->syn = 0;
}

static u32 syn_queue(const struct sock *sk)
{
	return reqsk_queue_len(&inet_csk(sk)->icsk_accept_queue);
}

static __always_inline void settle(struct tcpwatch_pending *pending, bool midst)
{
	struct tcpwatch_listener *row = pending->row;

	if (unlikely(pending->matter == TCPWATCH_OTHER || has_risen(pending))) {
		count_change(pending, midst);
	} else if (pending->matter == TCPWATCH_SYN && row &&
		   pending->syn > READ_ONCE(row->syn_max)) {
		/* nothing became of it but a request, or will become */
		if (midst && syn_queue(pending->sk) < pending->syn)
			return;
		tcpwatch_listener_raise(&row->syn_max, &row->syn_max_at, pending->syn);
	}
}

static unsigned long lock(struct tcpwatch_pending *pending)
	__acquires(bitlock)
{
	unsigned long flags;

	local_irq_save(flags);
	bit_spin_lock(0, &pending->lock);
	return flags;
}

static void unlock(struct tcpwatch_pending *pending, unsigned long flags)
	__releases(bitlock)
{
	bit_spin_unlock(0, &pending->lock);
	local_irq_restore(flags);
}

/* Look at what every CPU is at, one after the other. */
static void each_pending(void (*visit)(struct tcpwatch_pending *pending, void *arg), void *arg)
{
	struct tcpwatch_pending *pending;
	unsigned long flags;
	int cpu;

	for_each_possible_cpu(cpu) {
		pending = per_cpu_ptr(&tcpwatch_pendings, cpu);
		flags = lock(pending);
		visit(pending, arg);
		unlock(pending, flags);
	}
}

static void settle_one(struct tcpwatch_pending *pending, void *unused)
{
	if (pending->counts)
		settle(pending, true);
}

void tcpwatch_backlog_settle(void)
{
	each_pending(settle_one, NULL);
}

/**
 * struct farewell - a listener ceases to be one
 * @row: its row
 * @gone: where what a CPU is in the midst of is counted, or NULL
 */
struct farewell {
	const struct tcpwatch_listener *row;
	struct tcpwatch_counts *gone;
};

static void leave_row(struct tcpwatch_pending *pending, void *arg)
{
	const struct farewell *farewell = arg;

	if (pending->row != farewell->row)
		return;
	settle(pending, true);
	pending->row = NULL;
	pending->sk = NULL;
	pending->counts = farewell->gone;
}

/* Nobody tells us when a namespace that is dead is freed: see leave_net(). */
static struct tcpwatch_counts *find_gone(struct net *net)
{
	return check_net(net) ? tcpwatch_listeners_gone(net) : NULL;
}

void tcpwatch_backlog_leave(const struct tcpwatch_listener *row, struct net *net)
{
	struct farewell farewell = { .row = row, .gone = find_gone(net) };

	each_pending(leave_row, &farewell);
}

static void leave_gone(struct tcpwatch_pending *pending, void *gone)
{
	if (pending->counts == gone)
		pending->counts = NULL;
}

/* Whoever is about to enter a listener of it has done so: the namespace is long dead. */
static void __net_exit leave_net(struct net *net)
{
	each_pending(leave_gone, tcpwatch_listeners_gone(net));
}

static struct pernet_operations net_ops = { .exit = leave_net };

static noinline void turn_to(struct tcpwatch_pending *pending, const struct sock *sk)
{
	struct tcpwatch_listener *row;
	struct net *net = sock_net(sk);
	enum tcpwatch_mib mib;

	row = tcpwatch_listener_adopt(sk);
	if (!check_net(net))
		row = NULL;
	pending->row = row;
	pending->sk = row ? sk : NULL;
	pending->counts = row ? &row->counts : find_gone(net);
	if (!pending->counts)
		return;
	pending->mib = this_cpu_ptr(net->mib.net_statistics)->mibs;
	for (mib = 0; mib < TCPWATCH_MIB_COUNT; mib++)
		see(pending, mib);
	pending->sum = SUM(SEEN);
}

/* What has come before is counted, and what comes now is this listener's. */
static __always_inline struct tcpwatch_pending *enter(const struct sock *sk,
						      enum tcpwatch_matter matter)
	__acquires(bitlock)
{
	struct tcpwatch_pending *pending = this_cpu_ptr(&tcpwatch_pendings);

	bit_spin_lock(0, &pending->lock);
	if (likely(pending->counts))
		settle(pending, false);
	if (unlikely(pending->sk != sk))
		turn_to(pending, sk);
	pending->matter = matter;
	return pending;
}

static void leave(struct tcpwatch_pending *pending)
	__releases(bitlock)
{
	bit_spin_unlock(0, &pending->lock);
}

static __always_inline void enter_syn(const struct sock *sk, bool unicast)
{
	struct tcpwatch_pending *pending = enter(sk, TCPWATCH_SYN);

	pending->unicast = unicast;
	pending->freed = false;
	pending->reserved = false;
	pending->syn = syn_queue(sk) + 1;
	leave(pending);
}

static notrace void tcpwatch_hook_syn_v4(unsigned long ip, unsigned long parent_ip,
					 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sk_buff *skb = (struct sk_buff *)compat_trace_argument(fregs, 1);
	const struct rtable *route = skb_rtable(skb);

	tcpwatch_hook_hit_ops(ops);
	/* the kernel does not ask whether there is one: that is not for us to find out */
	enter_syn((struct sock *)compat_trace_argument(fregs, 0),
		  !route || !(route->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)));
}

/* Over IPv4 it calls the other, which is probed as well. */
static bool is_v4(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IP);
}

static notrace void tcpwatch_hook_syn_v6(unsigned long ip, unsigned long parent_ip,
					 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sk_buff *skb = (struct sk_buff *)compat_trace_argument(fregs, 1);

	tcpwatch_hook_hit_ops(ops);
	if (!is_v4(skb))
		enter_syn((struct sock *)compat_trace_argument(fregs, 0),
			  !skb_dst(skb) || ipv6_unicast_destination(skb));
}

/*
 * A packet that has waited for the socket's owner can be dealt with in a process with BH
 * on, where a softirq would wait for our lock for ever.
 */
static bool may_enter(void)
{
	return likely(softirq_count());
}

static __always_inline void enter_ack(struct ftrace_regs *fregs)
{
	if (!may_enter())
		return;
	/* of Fast Open, in the midst of a SYN that is not in the SYN queue */
	if (!compat_trace_argument(fregs, 4))
		this_cpu_write(tcpwatch_pendings.syn, 0);
	leave(enter((struct sock *)compat_trace_argument(fregs, 0), TCPWATCH_ACK));
}

static notrace void tcpwatch_hook_ack(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	enter_ack(fregs);
}

static notrace void tcpwatch_hook_ack_v6(unsigned long ip, unsigned long parent_ip,
					 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	if (!is_v4((struct sk_buff *)compat_trace_argument(fregs, 1)))
		enter_ack(fregs);
}

/* An ACK to the listener itself: that of a cookie, or of nothing. */
static notrace void tcpwatch_hook_cookie(unsigned long ip, unsigned long parent_ip,
					 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	if (may_enter())
		leave(enter((struct sock *)compat_trace_argument(fregs, 0), TCPWATCH_OTHER));
}

static notrace void tcpwatch_hook_icmp(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct request_sock *req = inet_reqsk((struct sock *)
						    compat_trace_argument(fregs, 0));

	tcpwatch_hook_hit_ops(ops);
	if (req->rsk_listener)
		leave(enter(req->rsk_listener, TCPWATCH_OTHER));
}

static notrace void tcpwatch_hook_reserved(unsigned long ip, unsigned long parent_ip,
					   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	this_cpu_write(tcpwatch_pendings.reserved, true);
	/* before the drop that comes of it: see count_change() */
	smp_wmb();
}

#define LOST_KNOCKS	"record of what listeners drop"

static struct tcpwatch_hook hook_rows[] = {
	{ .symbol = "tcp_v4_conn_request", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_syn_v4 },
	{ .symbol = "tcp_v6_conn_request", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_syn_v6 },
	{ .symbol = "subflow_v4_conn_request", .lost = LOST_KNOCKS " of MPTCP",
	  .trace = tcpwatch_hook_syn_v4 },
	{ .symbol = "subflow_v6_conn_request", .lost = LOST_KNOCKS " of MPTCP",
	  .trace = tcpwatch_hook_syn_v6 },
	{ .symbol = "tcp_v4_syn_recv_sock", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_ack },
	{ .symbol = "tcp_v6_syn_recv_sock", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_ack_v6 },
	{ .symbol = "cookie_v4_check", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_cookie },
	{ .symbol = "cookie_v6_check", .lost = LOST_KNOCKS, .trace = tcpwatch_hook_cookie },
	{ .symbol = "tcp_req_err", .lost = LOST_KNOCKS " on an ICMP error",
	  .trace = tcpwatch_hook_icmp },
	{ .symbol = "tcp_peer_is_proven", .lost = "cause syn_reserve",
	  .trace = tcpwatch_hook_reserved },
};

static_assert(ARRAY_SIZE(hook_rows) <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = hook_rows, .count = ARRAY_SIZE(hook_rows) };

int tcpwatch_backlog_init(void)
{
	int err = register_pernet_subsys(&net_ops);

	if (err)
		return err;
	err = tcpwatch_hooks_plant(&hooks);
	if (err)
		unregister_pernet_subsys(&net_ops);
	return err;
}

void tcpwatch_backlog_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
	unregister_pernet_subsys(&net_ops);
}
