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
#include <net/ip.h>
#include <net/tcp.h>

#include "bound.h"
#include "compat.h"
#include "conflict.h"
#include "hooks.h"
#include "record.h"
#include "slot.h"
#include "sock.h"
#include "stats.h"
#include "verdict.h"

/**
 * struct call - one inet_csk_get_port() under way, in its probe's instance
 * @sk: the requester
 * @port: the port asked for, 0: any
 * @slot: by which the predicates can find it, or NULL
 * @asked: a predicate was asked
 * @judged: a predicate refused it
 * @missed: what the predicates' probes had missed when it began
 * @before: how often they had been entered on this CPU
 * @migrations: how often the task had changed CPUs
 * @facts: of the refusal; call, want and the verdict are valid if @judged
 */
struct call {
	struct sock *sk;
	u16 port;
	struct tcpwatch_slot *slot;
	bool asked;
	bool judged;
	unsigned long missed;
	u64 before;
	u64 migrations;
	struct tcpwatch_facts facts;
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

static void start_facts(struct call *call)
{
	tcpwatch_verdict_init(&call->facts);
	call->facts.call = call_kind(call->sk);
	tcpwatch_sock_copy(&call->facts.want, call->sk, NULL);
	call->facts.want.port = call->port;
}

/* In the return of a predicate that saw a conflict: the bhash lock is held. */
static void explain(struct call *call, const struct inet_bind_bucket *tb)
{
	struct tcpwatch_facts *facts = &call->facts;

	start_facts(call);
	call->judged = true;
	if (!tb)
		return;
	tcpwatch_verdict_owners(facts, call->sk, tb, TCPWATCH_PICK_EXPLICIT, false);
	if (facts->holders)
		return;
	/*
	 * The lock guards who owns the port, not what state and options the owners
	 * have. Above all a listener that closes, or whose listen() fails now, has
	 * just left LISTEN.
	 */
	tcpwatch_verdict_owners(facts, call->sk, tb, TCPWATCH_PICK_EXPLICIT, true);
	if (facts->holders)
		tcpwatch_stat_add(TCPWATCH_STAT_RACED, 1);
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

/* On this CPU. */
static u64 predicates_entered(void)
{
	return __this_cpu_read(*rows[BIND_CONFLICT].hits) +
	       __this_cpu_read(*rows[ANY_CONFLICT].hits);
}

/* Are both there, and have they missed nothing since the call began? */
static bool predicates_reliable(const struct call *call)
{
	return rows[BIND_CONFLICT].armed && rows[ANY_CONFLICT].armed &&
	       call->missed == predicates_missed();
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
	call->missed = predicates_missed();
	call->before = predicates_entered();
	call->migrations = current->se.nr_migrations;
	call->slot = tcpwatch_slot_claim(sk, call);
	return 0;
}

static unsigned int count_reserved(const struct net *net, unsigned int lo, unsigned int hi)
{
	const unsigned long *reserved = net->ipv4.sysctl_local_reserved_ports;
	unsigned int count = 0;

	if (!reserved)
		return 0;
	for_each_set_bit_from(lo, reserved, hi + 1)
		count++;
	return count;
}

/*
 * No port found, or no memory for one that was? A port is given up only after a
 * predicate was asked about it: fewer questions than ports tell that one was found.
 */
static enum tcpwatch_rule no_port(const struct call *call)
{
	unsigned int lo = call->facts.range_lo, hi = call->facts.range_hi;
	unsigned int tried = hi - lo + 1;
	u64 asked = predicates_entered() - call->before;

	/* of an odd number one is left out */
	if (tried > 1)
		tried &= ~1U;
	if (predicates_reliable(call) && call->migrations == current->se.nr_migrations &&
	    asked + count_reserved(sock_net(call->sk), lo, hi) < tried)
		return TCPWATCH_RULE_NO_MEMORY;
	return TCPWATCH_RULE_RANGE_EXHAUSTED;
}

static enum tcpwatch_rule rule_of(const struct call *call)
{
	if (call->judged) {
		if (call->facts.holders)
			return call->facts.rule;
		tcpwatch_stat_add(TCPWATCH_STAT_DISAGREED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	if (!call->port)
		return no_port(call);
	if (!call->slot) {
		tcpwatch_stat_add(TCPWATCH_STAT_CROWDED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	if (!predicates_reliable(call) ||
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

static void record(struct call *call, int error)
{
	struct tcpwatch_facts *facts = &call->facts;
	int lo, hi;

	if (!call->judged)
		start_facts(call);
	facts->error = error;
	if (!call->port) {
		inet_sk_get_local_port_range(call->sk, &lo, &hi);
		facts->range_lo = lo;
		facts->range_hi = hi;
	}
	facts->rule = rule_of(call);
	if (facts->rule != TCPWATCH_RULE_RANGE_EXHAUSTED) {
		facts->range_lo = 0;
		facts->range_hi = 0;
	}
	tcpwatch_record_refusal(facts, call->sk);
}

static int tcpwatch_hook_get_port_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	int err = regs_return_value(regs);

	tcpwatch_slot_release(call->slot);
	if (!err)
		tcpwatch_bound_note(call->sk);
	else if (!READ_ONCE(leaving))
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
