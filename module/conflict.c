// SPDX-License-Identifier: GPL-2.0
/*
 * __inet_bind(), __inet6_bind() and inet_csk_listen_start() tell that a bind or
 * listen is refused, when the bucket locks are gone. The two predicates that refuse
 * it in inet_csk_get_port() run while they are still held: there the owners of the
 * port are looked at, exactly as they are judged.
 *
 * inet_csk_bind_conflict() is seen to return. inet_bhash2_addr_any_conflict() is
 * asked of every specific address, mostly in vain: of it only the step is probed that
 * is taken when the port has a wildcard, and how it goes on we judge by ourselves.
 *
 * They are joined by a slot: claimed when the outer function is entered, found by
 * the inner ones, given back when it returns.
 */
#include <net/ip.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "bound.h"
#include "compat.h"
#include "conflict.h"
#include "hooks.h"
#include "listening.h"
#include "pulse.h"
#include "range.h"
#include "record.h"
#include "slot.h"
#include "sock.h"
#include "stats.h"
#include "verdict.h"

/**
 * struct call - one bind or listen under way, in its probe's instance
 * @sk: the requester
 * @kind: which it is
 * @addr: the address asked for, an IPv4 one as v4-mapped
 * @port: the port asked for, 0: any
 * @slot: by which the predicates can find it, or NULL
 * @judged: a predicate refused it
 * @suspected: a wildcard is not in its way unless it has begun to listen since
 * @missed: what the predicates' probes had missed when it began
 * @before: how often they had been entered on this CPU, if @port is 0
 * @migrations: how often the task had changed CPUs, likewise
 * @facts: of the refusal; call, want and the verdict are valid if @judged or @suspected
 */
struct call {
	struct sock *sk;
	enum tcpwatch_call kind;
	struct in6_addr addr;
	u16 port;
	struct tcpwatch_slot *slot;
	bool judged;
	bool suspected;
	unsigned long missed;
	u64 before;
	u64 migrations;
	struct tcpwatch_facts facts;
};

enum { MATCH_ANY, BIND_CONFLICT, BIND4, BIND6, LISTEN, ROWS };
static struct tcpwatch_hook rows[ROWS];
static struct tcpwatch_slots slots;

/* Set for good at exit: refusals can no longer be explained, so none is recorded. */
static bool leaving;

static void start_facts(struct call *call)
{
	tcpwatch_verdict_init(&call->facts);
	call->facts.call = call->kind;
	tcpwatch_sock_want(&call->facts.want, call->sk);
	call->facts.want.port = call->port;
}

/* A socket that was refused has been stripped of its address. */
static void restore_address(struct call *call)
{
	struct tcpwatch_bind *want = &call->facts.want.bind;

	want->addr = call->addr;
	want->addr4 = call->addr.s6_addr32[3];
	if (ipv6_addr_v4mapped(&call->addr) || ipv6_addr_any(&call->addr))
		return;
	/* as __inet6_bind() makes it */
	want->addr4 = LOOPBACK4_IPV6;
	want->v6only = true;
}

/*
 * A predicate refuses the call, whose facts are started: the bhash lock is held and, if the
 * kernel has looked into the bucket of one address, the bhash2 lock of that.
 */
static void explain(struct call *call, const struct inet_bind_bucket *tb,
		    const struct inet_bind2_bucket *tb2)
{
	struct tcpwatch_facts *facts = &call->facts;

	call->judged = true;
	if (!tb)
		return;
	tcpwatch_verdict_owners(facts, call->sk, tb, tb2, TCPWATCH_PICK_EXPLICIT, false);
	if (facts->holders)
		return;
	/*
	 * The lock guards who owns the port, not what state and options the owners
	 * have. Above all a listener that closes, or whose listen() fails now, has
	 * just left LISTEN.
	 */
	tcpwatch_verdict_owners(facts, call->sk, tb, tb2, TCPWATCH_PICK_EXPLICIT, true);
	if (facts->holders)
		tcpwatch_stat_add(TCPWATCH_STAT_RACED, 1);
}

/**
 * struct question - what inet_csk_bind_conflict() was asked
 * @call: the call on whose behalf
 * @tb: the port's bucket
 * @tb2: that of the address asked for and the port, or NULL
 */
struct question {
	struct call *call;
	const struct inet_bind_bucket *tb;
	const struct inet_bind2_bucket *tb2;
};

static int tcpwatch_hook_bind_conflict_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	struct question *question = (struct question *)ri->data;

	tcpwatch_hook_hit(&rows[BIND_CONFLICT]);
	/* reuseport_ok: false while a port is chosen, and then a conflict refuses nothing */
	if (!(u8)regs_get_kernel_argument(regs, 4))
		return 1;
	question->tb = (struct inet_bind_bucket *)regs_get_kernel_argument(regs, 1);
	/* it is asked of a port that is new or the socket's own, as most are, as well */
	if (!compat_is_shared(question->tb, sk))
		return 1;
	question->tb2 = (struct inet_bind2_bucket *)regs_get_kernel_argument(regs, 2);
	question->call = tcpwatch_slot_find(&slots, sk);
	return !question->call;
}

static int tcpwatch_hook_bind_conflict_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct question *question = (struct question *)ri->data;

	if ((u8)regs_return_value(regs)) {
		start_facts(question->call);
		explain(question->call, question->tb, question->tb2);
	}
	return 0;
}

/* Called for each bucket on the chain of the port's wildcard, other ports' too. */
static int tcpwatch_hook_match_any(struct kprobe *kp, struct pt_regs *regs)
{
	struct inet_bind2_bucket *tb2 = (void *)regs_get_kernel_argument(regs, 0);
	const struct net *net = (struct net *)regs_get_kernel_argument(regs, 1);
	u16 port = regs_get_kernel_argument(regs, 2);
	int l3mdev = regs_get_kernel_argument(regs, 3);
	const struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 4);
	struct inet_bind_bucket *tb;
	struct call *call;

	tcpwatch_hook_hit(&rows[MATCH_ANY]);
	if (tb2->port != port || !net_eq(ib2_net(tb2), net) || tb2->l3mdev != l3mdev)
		return 0;
	call = tcpwatch_slot_find(&slots, sk);
	/* while a port is chosen a conflict refuses nothing */
	if (!call || !call->port || call->judged)
		return 0;
	tb = tcpwatch_sock_find_bucket(net, port, l3mdev);
	if (!call->suspected)
		start_facts(call);
	if (tcpwatch_verdict_bucket(&call->facts.want.bind, sk, tb2, false)) {
		tcpwatch_verdict_init(&call->facts);
		explain(call, tb, tb2);
	} else if (!call->suspected &&
		   tcpwatch_verdict_bucket(&call->facts.want.bind, sk, tb2, true)) {
		/* the kernel has yet to look */
		tcpwatch_verdict_owners(&call->facts, sk, tb, tb2, TCPWATCH_PICK_EXPLICIT,
					true);
		call->suspected = call->facts.holders;
	}
	return 0;
}

static unsigned long predicates_missed(void)
{
	const struct kretprobe *bind = &rows[BIND_CONFLICT].rp;

	return READ_ONCE(bind->nmissed) + READ_ONCE(bind->kp.nmissed) +
	       READ_ONCE(rows[MATCH_ANY].kp.nmissed);
}

/* On this CPU. */
static u64 predicates_entered(void)
{
	return __this_cpu_read(*rows[BIND_CONFLICT].hits) +
	       __this_cpu_read(*rows[MATCH_ANY].hits);
}

/*
 * Are both there, and have they missed nothing since the call began? Who disarms all probes
 * does so one by one.
 */
static bool predicates_reliable(const struct call *call)
{
	return rows[BIND_CONFLICT].armed && rows[MATCH_ANY].armed &&
	       call->missed == predicates_missed() && !tcpwatch_pulse_missed();
}

/* Begins a call whose sk, kind, addr and port are set. */
static int start_call(struct call *call)
{
	/* the same functions serve UDP and, where the kernel has it, DCCP */
	if (call->sk->sk_protocol != IPPROTO_TCP)
		return 1;
	call->judged = false;
	call->suspected = false;
	call->missed = predicates_missed();
	if (!call->port) {
		call->before = predicates_entered();
		call->migrations = current->se.nr_migrations;
	}
	call->slot = tcpwatch_slot_claim(&slots, call->sk, call);
	return 0;
}

static int tcpwatch_hook_bind4_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct sockaddr_in *to = (struct sockaddr_in *)regs_get_kernel_argument(regs, 1);
	struct call *call = (struct call *)ri->data;

	tcpwatch_hook_hit(&rows[BIND4]);
	call->sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	call->kind = TCPWATCH_CALL_BIND;
	ipv6_addr_set_v4mapped(to->sin_addr.s_addr, &call->addr);
	call->port = ntohs(to->sin_port);
	return start_call(call);
}

static int tcpwatch_hook_bind6_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct sockaddr_in6 *to = (struct sockaddr_in6 *)regs_get_kernel_argument(regs, 1);
	struct call *call = (struct call *)ri->data;

	tcpwatch_hook_hit(&rows[BIND6]);
	call->sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	call->kind = TCPWATCH_CALL_BIND;
	call->addr = to->sin6_addr;
	call->port = ntohs(to->sin6_port);
	return start_call(call);
}

static int tcpwatch_hook_listen_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;

	tcpwatch_hook_hit(&rows[LISTEN]);
	call->sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	call->kind = TCPWATCH_CALL_LISTEN;
	call->addr = tcpwatch_sock_local(call->sk);
	call->port = call->sk->sk_num;
	return start_call(call);
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
	    asked + tcpwatch_range_reserved(sock_net(call->sk), lo, hi) < tried)
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
	if (!predicates_reliable(call) || !tcpwatch_hook_hits(&rows[BIND_CONFLICT])) {
		tcpwatch_stat_add(TCPWATCH_STAT_UNEXPLAINED, 1);
		return TCPWATCH_RULE_UNKNOWN;
	}
	if (call->suspected) {
		tcpwatch_stat_add(TCPWATCH_STAT_RACED, 1);
		return call->facts.rule;
	}
	/*
	 * The predicates are reached on this kernel, and none of them refused
	 * it: what is left is the allocation of a bucket.
	 */
	return TCPWATCH_RULE_NO_MEMORY;
}

static void record_in_use(struct call *call)
{
	struct tcpwatch_facts *facts = &call->facts;
	int lo, hi;

	if (!call->judged && !call->suspected) {
		start_facts(call);
		restore_address(call);
	}
	facts->error = EADDRINUSE;
	if (!call->port) {
		compat_port_range(call->sk, &lo, &hi);
		facts->range_lo = lo;
		facts->range_hi = hi;
	}
	facts->rule = rule_of(call);
	if (facts->rule != TCPWATCH_RULE_RANGE_EXHAUSTED) {
		facts->range_lo = 0;
		facts->range_hi = 0;
	}
	tcpwatch_record_conflict(facts, call->sk);
}

static void record_not_there(struct call *call)
{
	struct tcpwatch_facts *facts = &call->facts;

	start_facts(call);
	restore_address(call);
	facts->error = EADDRNOTAVAIL;
	facts->rule = tcpwatch_verdict_address(sock_net(call->sk), &call->addr);
	facts->fixes = BIT(TCPWATCH_FIX_FREEBIND);
	tcpwatch_record_conflict(facts, call->sk);
}

static int tcpwatch_hook_call_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	int err = regs_return_value(regs);

	tcpwatch_slot_release(call->slot);
	if (!err && call->sk->sk_num) {
		tcpwatch_bound_note(call->sk);
		if (call->kind == TCPWATCH_CALL_LISTEN)
			tcpwatch_listening_note(call->sk, READ_ONCE(call->sk->sk_max_ack_backlog));
	} else if (err == -EADDRINUSE && !READ_ONCE(leaving)) {
		record_in_use(call);
	} else if (err == -EADDRNOTAVAIL && call->kind == TCPWATCH_CALL_BIND) {
		record_not_there(call);
	}
	return 0;
}

/*
 * The predicates first, planted and pulled: a call that is counted can then be
 * explained, and when the outer probes go, which drops the returns under way and
 * leaves their slots behind, nobody looks for a slot any more.
 */
static struct tcpwatch_hook rows[ROWS] = {
	[MATCH_ANY] = {
		.symbol = "inet_bind2_bucket_match_addr_any",
		.lost = "holder and rule when a wildcard holder refuses a specific address",
		.pre = tcpwatch_hook_match_any,
	},
	[BIND_CONFLICT] = {
		.symbol = "inet_csk_bind_conflict",
		.lost = "holder and rule of a refusal, save by a wildcard holder",
		.entry = tcpwatch_hook_bind_conflict_entry,
		.ret = tcpwatch_hook_bind_conflict_return,
		.data_size = sizeof(struct question),
	},
	[BIND4] = {
		.symbol = "__inet_bind",
		.lost = "record of refused bind to IPv4, and of who binds",
		.required = true,
		.entry = tcpwatch_hook_bind4_entry,
		.ret = tcpwatch_hook_call_return,
		.data_size = sizeof(struct call),
	},
	[BIND6] = {
		.symbol = "__inet6_bind",
		.lost = "record of refused bind to IPv6, and of who binds",
		.entry = tcpwatch_hook_bind6_entry,
		.ret = tcpwatch_hook_call_return,
		.data_size = sizeof(struct call),
	},
	[LISTEN] = {
		.symbol = "inet_csk_listen_start",
		.lost = "record of refused listen, of who listens, and of the backlog asked for",
		.entry = tcpwatch_hook_listen_entry,
		.ret = tcpwatch_hook_call_return,
		.data_size = sizeof(struct call),
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
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
