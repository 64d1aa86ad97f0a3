// SPDX-License-Identifier: GPL-2.0
/*
 * inet_csk_get_port() tells that a bind or listen is refused, when the bucket
 * locks are gone. The two predicates that refuse it return while they are still
 * held: there the owners of the port are looked at, exactly as they were judged.
 *
 * The two are joined by a slot: claimed for the socket when get_port is entered,
 * found by the predicates, given back when get_port returns. lock_sock() makes
 * the socket unique among the calls under way.
 */
#include <linux/ktime.h>
#include <net/tcp.h>

#include "compat.h"
#include "conflict.h"
#include "hooks.h"
#include "resolve.h"
#include "ring.h"
#include "rules.h"
#include "slot.h"
#include "sock.h"
#include "stats.h"

/* Owners looked at after the first conflicting one, to count the others. */
#define LOOK_AFTER	256

/**
 * struct call - one inet_csk_get_port() under way, in its probe's instance
 * @sk: the requester
 * @port: the port asked for, 0: any
 * @slot: by which the predicates can find it, or NULL
 * @asked: a predicate was asked
 * @judged: a predicate refused it
 * @missed: what the predicates' probes had missed when it began
 * @rule: why it was refused, valid if @holders
 * @fixes: as in struct tcpwatch_event
 * @frees_ms: likewise
 * @holders: likewise
 * @capped: likewise
 * @want: likewise, valid if @judged
 * @holder: likewise
 */
struct call {
	struct sock *sk;
	u16 port;
	struct tcpwatch_slot *slot;
	bool asked;
	bool judged;
	unsigned long missed;
	enum tcpwatch_rule rule;
	unsigned int fixes;
	u32 frees_ms;
	u32 holders;
	bool capped;
	struct tcpwatch_sock want;
	struct tcpwatch_sock holder;
};

enum { BIND_CONFLICT, ANY_CONFLICT, GET_PORT, ROWS };
static struct tcpwatch_hook rows[ROWS];

/* Set for good at exit: refusals can no longer be explained, so none is recorded. */
static bool leaving;

/* listen() sets the state before it asks for the port. */
static enum tcpwatch_call call_kind(const struct sock *sk)
{
	return sk->sk_state == TCP_LISTEN ? TCPWATCH_CALL_LISTEN : TCPWATCH_CALL_BIND;
}

/**
 * struct walk - the owners of a port, looked at under its lock
 * @call: the call that was refused
 * @tb: the port's bucket
 * @raced: take every owner that may have been a listener for one
 * @looked: owners looked at since the first conflicting one
 */
struct walk {
	struct call *call;
	const struct inet_bind_bucket *tb;
	bool raced;
	unsigned int looked;
};

static bool look(struct sock *sk, void *arg)
{
	struct walk *walk = arg;
	struct call *call = walk->call;
	struct tcpwatch_bind own;

	if (sk == call->sk)
		return false;
	if (call->holders && walk->looked++ == LOOK_AFTER) {
		call->capped = true;
		return true;
	}
	tcpwatch_sock_bind(&own, sk);
	if (walk->raced) {
		/* what a listener is once it has ceased to be one */
		if (own.state != TCP_CLOSE || sk->sk_dport)
			return false;
		own.state = TCP_LISTEN;
	}
	if (!tcpwatch_rules_conflict(&call->want.bind, &own))
		return false;
	if (!call->holders++ ||
	    tcpwatch_rules_weight(&own) > tcpwatch_rules_weight(&call->holder.bind)) {
		tcpwatch_sock_copy(&call->holder, sk, walk->tb);
		/* as it was judged: its state may have moved on */
		call->holder.bind = own;
		if (own.state != TCP_TIME_WAIT)
			call->holder.substate = own.state;
	}
	call->fixes &= tcpwatch_rules_fixes(&call->want.bind, &own);
	call->frees_ms = max(call->frees_ms, tcpwatch_sock_frees_ms(sk));
	return false;
}

/* In the return of a predicate that saw a conflict: the bhash lock is held. */
static void explain(struct call *call, const struct inet_bind_bucket *tb)
{
	struct walk walk = { .call = call, .tb = tb };

	call->judged = true;
	call->fixes = ~0U;
	tcpwatch_sock_copy(&call->want, call->sk, NULL);
	if (!tb)
		return;
	compat_walk_owners(tb, look, &walk);
	if (!call->holders) {
		/*
		 * The lock guards who owns the port, not what state and options
		 * the owners have. Above all a listener that closes, or whose
		 * listen() fails now, has just left LISTEN.
		 */
		walk.raced = true;
		compat_walk_owners(tb, look, &walk);
		if (!call->holders)
			return;
		tcpwatch_stat_add(TCPWATCH_STAT_RACED, 1);
	}
	/* free at a known time only when nothing but TIME-WAIT holds it */
	if (!(call->fixes & BIT(TCPWATCH_FIX_WAIT)))
		call->frees_ms = 0;
	call->rule = tcpwatch_rules_name(call_kind(call->sk), &call->want.bind, &call->holder);
}

/**
 * struct question - what a predicate was asked
 * @call: the call on whose behalf
 * @tb: the bucket, for inet_csk_bind_conflict()
 * @port: the port, for inet_bhash2_addr_any_conflict(), which has no bucket
 * @l3mdev: likewise
 */
struct question {
	struct call *call;
	const struct inet_bind_bucket *tb;
	u16 port;
	int l3mdev;
};

/*
 * Both predicates take reuseport_ok as their fifth argument. It is false while
 * a port is chosen, and then a conflict refuses nothing.
 */
static struct call *call_of(struct pt_regs *regs)
{
	struct call *call;

	if (!(u8)regs_get_kernel_argument(regs, 4))
		return NULL;
	call = tcpwatch_slot_find((struct sock *)regs_get_kernel_argument(regs, 0));
	if (call)
		call->asked = true;
	return call;
}

static int tcpwatch_hook_bind_conflict_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct question *question = (struct question *)ri->data;

	tcpwatch_hook_hit(&rows[BIND_CONFLICT]);
	question->call = call_of(regs);
	question->tb = (struct inet_bind_bucket *)regs_get_kernel_argument(regs, 1);
	return !question->call;
}

static int tcpwatch_hook_bind_conflict_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct question *question = (struct question *)ri->data;

	if ((u8)regs_return_value(regs))
		explain(question->call, question->tb);
	return 0;
}

static int tcpwatch_hook_any_conflict_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct question *question = (struct question *)ri->data;

	tcpwatch_hook_hit(&rows[ANY_CONFLICT]);
	question->call = call_of(regs);
	question->port = regs_get_kernel_argument(regs, 1);
	question->l3mdev = regs_get_kernel_argument(regs, 2);
	return !question->call;
}

static const struct inet_bind_bucket *find_bucket(const struct question *question)
{
	const struct net *net = sock_net(question->call->sk);
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	const struct inet_bind_hashbucket *head;
	const struct inet_bind_bucket *tb;

	head = &hashinfo->bhash[inet_bhashfn(net, question->port, hashinfo->bhash_size)];
	hlist_for_each_entry(tb, &head->chain, node) {
		if (net_eq(ib_net(tb), net) && tb->port == question->port &&
		    tb->l3mdev == question->l3mdev)
			return tb;
	}
	return NULL;
}

static int tcpwatch_hook_any_conflict_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct question *question = (struct question *)ri->data;

	if ((u8)regs_return_value(regs))
		explain(question->call, find_bucket(question));
	return 0;
}

static unsigned long predicates_missed(void)
{
	struct tcpwatch_missed bind = tcpwatch_hook_missed(&rows[BIND_CONFLICT]);
	struct tcpwatch_missed any = tcpwatch_hook_missed(&rows[ANY_CONFLICT]);

	return bind.nested + bind.full + any.nested + any.full;
}

static int tcpwatch_hook_get_port_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	struct call *call = (struct call *)ri->data;

	tcpwatch_hook_hit(&rows[GET_PORT]);
	/* DCCP, where the kernel has it, shares the function */
	if (sk->sk_protocol != IPPROTO_TCP)
		return 1;
	call->sk = sk;
	call->port = regs_get_kernel_argument(regs, 1);
	call->asked = false;
	call->judged = false;
	call->holders = 0;
	call->capped = false;
	call->frees_ms = 0;
	call->missed = predicates_missed();
	call->slot = tcpwatch_slot_claim(sk, call);
	return 0;
}

static enum tcpwatch_rule rule_of(const struct call *call)
{
	if (call->judged) {
		if (call->holders)
			return call->rule;
		tcpwatch_stat_add(TCPWATCH_STAT_DISAGREED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	if (!call->port)
		return TCPWATCH_RULE_RANGE_EXHAUSTED;
	if (!call->slot) {
		tcpwatch_stat_add(TCPWATCH_STAT_CROWDED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	if (!rows[BIND_CONFLICT].armed || !rows[ANY_CONFLICT].armed ||
	    call->missed != predicates_missed() ||
	    (!call->asked && !tcpwatch_hook_hits(&rows[BIND_CONFLICT]))) {
		tcpwatch_stat_add(TCPWATCH_STAT_UNEXPLAINED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	/*
	 * The predicates are reached on this kernel, and none of them refused
	 * it: what is left is the allocation of a bucket.
	 */
	return TCPWATCH_RULE_NO_MEMORY;
}

static void record(const struct call *call, int error)
{
	struct tcpwatch_event event = {
		.time = ktime_get_real_ns(),
		.netns = sock_net(call->sk)->ns.inum,
		.netns_cookie = sock_net(call->sk)->net_cookie,
		.call = call_kind(call->sk),
		.rule = rule_of(call),
		.error = error,
	};

	if (call->judged && call->holders) {
		event.want = call->want;
		event.holder = call->holder;
		event.holders = call->holders;
		event.holders_capped = call->capped;
		event.fixes = call->fixes;
		event.frees_ms = call->frees_ms;
	} else {
		tcpwatch_sock_copy(&event.want, call->sk, NULL);
	}
	event.want.port = call->port;
	tcpwatch_task_copy(&event.task, current);
	event.task_cgroup = tcpwatch_task_cgroup();

	tcpwatch_stat_add(TCPWATCH_STAT_CONFLICTS, 1);
	tcpwatch_stat_rule(event.rule);
	tcpwatch_resolve_kick(tcpwatch_ring_push(&event));
}

static int tcpwatch_hook_get_port_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	int err = regs_return_value(regs);

	tcpwatch_slot_release(call->slot);
	if (err && !READ_ONCE(leaving))
		record(call, -err);
	return 0;
}

/*
 * The predicates first, planted and pulled: a call that is counted can then be
 * explained, and when get_port's probe goes, which drops the returns under way
 * and leaves their slots behind, nobody looks for a slot any more.
 */
static struct tcpwatch_hook rows[ROWS] = {
	[BIND_CONFLICT] = {
		.symbol = "inet_csk_bind_conflict",
		.lost = "holder and rule of a refusal, save by a wildcard holder",
		.entry = tcpwatch_hook_bind_conflict_entry,
		.ret = tcpwatch_hook_bind_conflict_return,
		.data_size = sizeof(struct question),
	},
	[ANY_CONFLICT] = {
		.symbol = "inet_bhash2_addr_any_conflict",
		.lost = "holder and rule when a wildcard holder refuses a specific address",
		.entry = tcpwatch_hook_any_conflict_entry,
		.ret = tcpwatch_hook_any_conflict_return,
		.data_size = sizeof(struct question),
	},
	[GET_PORT] = {
		.symbol = "inet_csk_get_port",
		.lost = "record of refused bind and listen",
		.required = true,
		.entry = tcpwatch_hook_get_port_entry,
		.ret = tcpwatch_hook_get_port_return,
		.data_size = sizeof(struct call),
	},
};

static struct tcpwatch_hooks hooks = { .rows = rows, .count = ROWS };

int tcpwatch_conflict_init(void)
{
	return tcpwatch_hooks_plant(&hooks);
}

void tcpwatch_conflict_exit(void)
{
	WRITE_ONCE(leaving, true);
	tcpwatch_hooks_pull(&hooks);
}
