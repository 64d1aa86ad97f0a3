// SPDX-License-Identifier: GPL-2.0
/*
 * A TIME-WAIT socket gives way to three: to a bind that is let pass over it, seen
 * when the kernel brings the bucket up to date for who has passed; to a connect(),
 * which asks tcp_twsk_unique(); and to a new SYN from its peer, of which the kernel
 * keeps no count. There tcp_v4_rcv() and tcp_v6_rcv() end it, and nobody else ends
 * one that is past FIN-WAIT-2 from there: who called inet_twsk_deschedule_put()
 * tells it from the rest.
 */
#include <linux/kallsyms.h>
#include <linux/string.h>
#include <net/inet_timewait_sock.h>
#include <net/tcp.h>

#include "compat.h"
#include "hooks.h"
#include "ledger.h"
#include "record.h"
#include "rules.h"
#include "sock.h"
#include "stats.h"
#include "timewait.h"
#include "verdict.h"

/* Owners of a port that are looked at for one in TIME-WAIT. */
#define LOOK	64

enum { FASTREUSE, DESCHEDULE, UNIQUE, ROWS };
static struct tcpwatch_hook rows[ROWS];

/**
 * struct over - a bind and what it passes over
 * @facts: of the reuse; no holder: there is none
 * @looked: owners looked at
 */
struct over {
	struct tcpwatch_facts facts;
	unsigned int looked;
};

/* What refuses it without the options that let it pass, it passes over. */
static bool look(struct sock *sk, void *arg)
{
	struct over *over = arg;
	struct tcpwatch_facts *facts = &over->facts;
	struct tcpwatch_bind bare, own;

	if (over->looked++ == LOOK) {
		facts->holders_capped = true;
		return true;
	}
	if (READ_ONCE(sk->sk_state) != TCP_TIME_WAIT)
		return false;
	tcpwatch_sock_bind(&own, sk);
	own.bucket_family = compat_bucket_family(sk);
	bare = facts->want.bind;
	bare.reuse = false;
	bare.reuseport = false;
	if (!tcpwatch_rules_conflict(&bare, &own, TCPWATCH_PICK_EXPLICIT))
		return false;
	if (!facts->holders++) {
		facts->holder.bind = own;
		tcpwatch_sock_complete(&facts->holder, sk, NULL);
		facts->thanks = facts->want.bind.reuse && own.reuse ? TCPWATCH_THANKS_REUSEADDR :
								      TCPWATCH_THANKS_REUSEPORT;
	}
	facts->frees_ms = max(facts->frees_ms, tcpwatch_sock_frees_ms(sk));
	return false;
}

/* The bhash lock is held, and the bind can fail no more. */
static void tcpwatch_hook_fastreuse(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct inet_bind_bucket *tb = compat_fastreuse_bucket(fregs);
	const struct sock *sk = compat_fastreuse_sock(fregs);
	struct over over;

	tcpwatch_hook_hit(&rows[FASTREUSE]);
	/* listen() comes by again, and a connection that a transparent proxy accepts */
	if (!compat_is_shared(tb, sk) || sk->sk_protocol != IPPROTO_TCP ||
	    sk->sk_state != TCP_CLOSE)
		return;
	over.looked = 0;
	tcpwatch_verdict_init(&over.facts);
	tcpwatch_sock_want(&over.facts.want, sk);
	over.facts.want.port = tb->port;
	compat_walk_owners(tb, look, &over);
	if (!over.facts.holders)
		return;
	tcpwatch_stat_add(TCPWATCH_STAT_TW_BIND_OVER, 1);
	tcpwatch_ledger_local(sock_net(sk), tb->port, TCPWATCH_TALLY_BIND_OVER);
	if (!tcpwatch_record_may(TCPWATCH_KIND_REUSE, sock_net(sk)))
		return;
	over.facts.kind = TCPWATCH_KIND_REUSE;
	over.facts.error = 0;
	over.facts.call = TCPWATCH_CALL_BIND;
	over.facts.cause = TCPWATCH_CAUSE_BIND_OVER;
	over.facts.sysctl_tw_reuse = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_tw_reuse);
	tcpwatch_record(&over.facts, sock_net(sk));
}

/* The TIME-WAIT socket, and both its ends as those of who wants to take over. */
static void start_facts(struct tcpwatch_facts *facts, enum tcpwatch_kind kind,
			const struct sock *tw)
{
	tcpwatch_verdict_init(facts);
	facts->kind = kind;
	facts->error = 0;
	facts->holders = 1;
	tcpwatch_sock_bind(&facts->holder.bind, tw);
	tcpwatch_sock_complete(&facts->holder, tw, NULL);
	facts->frees_ms = tcpwatch_sock_frees_ms(tw);
	facts->sysctl_tw_reuse = READ_ONCE(sock_net(tw)->ipv4.sysctl_tcp_tw_reuse);
	facts->want = facts->holder;
}

/**
 * struct question - what tcp_twsk_unique() was asked last
 * @tw: who has the four-tuple; NULL: it has gone, or there was no question
 * @asker: who connects
 * @may: we would let it
 * @reuse: SO_REUSEADDR of the socket
 * @reuseport: and SO_REUSEPORT
 */
struct question {
	const struct sock *tw;
	const struct task_struct *asker;
	bool may;
	bool reuse;
	bool reuseport;
};

/*
 * BH is off from the question until the TIME-WAIT socket goes, which on RT does not keep
 * others from the CPU: then it may be lost who asked, not that it went.
 */
static DEFINE_PER_CPU(struct question, question);

static const enum tcpwatch_stat refused_stats[TCPWATCH_REASON_COUNT] = {
	[TCPWATCH_REASON_OFF] = TCPWATCH_STAT_TW_OFF,
	[TCPWATCH_REASON_FIN_WAIT2] = TCPWATCH_STAT_TW_FIN_WAIT2,
	[TCPWATCH_REASON_NOT_LOOPBACK] = TCPWATCH_STAT_TW_NOT_LOOPBACK,
	[TCPWATCH_REASON_NO_TIMESTAMPS] = TCPWATCH_STAT_TW_NO_TIMESTAMPS,
	[TCPWATCH_REASON_TOO_YOUNG] = TCPWATCH_STAT_TW_TOO_YOUNG,
};

static enum tcpwatch_reason ask(const struct sock *tw, bool bound)
{
	int sysctl = READ_ONCE(sock_net(tw)->ipv4.sysctl_tcp_tw_reuse);
	struct tcpwatch_timewait copy;

	/* a connect() that finds no port asks for each of them */
	if (!bound && !sysctl)
		return TCPWATCH_REASON_OFF;
	tcpwatch_sock_timewait(&copy, tw);
	return tcpwatch_rules_takeover(&copy, bound, sysctl);
}

static void refused(const struct sock *sk, const struct sock *tw, bool bound,
		    enum tcpwatch_reason reason)
{
	struct tcpwatch_facts facts;

	tcpwatch_stat_add(refused_stats[reason], 1);
	tcpwatch_ledger_sock(tw, !bound, TCPWATCH_TALLY_REFUSED);
	if (!tcpwatch_record_may(TCPWATCH_KIND_REFUSAL, sock_net(sk)))
		return;
	start_facts(&facts, TCPWATCH_KIND_REFUSAL, tw);
	facts.want.bind.reuse = sk->sk_reuse;
	facts.want.bind.reuseport = sk->sk_reuseport;
	facts.call = TCPWATCH_CALL_CONNECT;
	facts.reason = reason;
	if (reason == TCPWATCH_REASON_TOO_YOUNG)
		facts.aged_ms = compat_tw_aged_ms(tw);
	tcpwatch_record(&facts, sock_net(sk));
}

/* The lock of the chain is held, which keeps the TIME-WAIT socket. */
static void tcpwatch_hook_unique(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sock *sk = (struct sock *)compat_trace_argument(fregs, 0);
	const struct sock *tw = (struct sock *)compat_trace_argument(fregs, 1);
	bool bound = !compat_trace_argument(fregs, 2);
	struct question *asked = this_cpu_ptr(&question);
	enum tcpwatch_reason reason = ask(tw, bound);

	tcpwatch_hook_hit(&rows[UNIQUE]);
	/* the last one was answered otherwise */
	if (asked->tw && asked->may && asked->asker == current)
		tcpwatch_stat_add(TCPWATCH_STAT_TW_RACED, 1);
	asked->tw = tw;
	asked->asker = current;
	asked->may = reason == TCPWATCH_REASON_NONE;
	asked->reuse = sk->sk_reuse;
	asked->reuseport = sk->sk_reuseport;
	if (!asked->may)
		refused(sk, tw, bound, reason);
}

static void taken_by_connect(const struct sock *tw, bool bound)
{
	struct question *asked = this_cpu_ptr(&question);
	bool known = asked->tw == tw && asked->asker == current;
	struct tcpwatch_facts facts;

	/* it came of age between our look and the kernel's */
	if (known && !asked->may)
		tcpwatch_stat_add(TCPWATCH_STAT_TW_RACED, 1);
	if (known)
		asked->tw = NULL;
	tcpwatch_stat_add(TCPWATCH_STAT_TW_CONNECT, 1);
	tcpwatch_ledger_sock(tw, !bound, TCPWATCH_TALLY_CONNECT);
	if (!tcpwatch_record_may(TCPWATCH_KIND_REUSE, sock_net(tw)))
		return;
	start_facts(&facts, TCPWATCH_KIND_REUSE, tw);
	facts.want.bind.reuse = known && asked->reuse;
	facts.want.bind.reuseport = known && asked->reuseport;
	facts.call = TCPWATCH_CALL_CONNECT;
	facts.cause = TCPWATCH_CAUSE_CONNECT;
	facts.thanks = bound ? TCPWATCH_THANKS_BOUND : TCPWATCH_THANKS_TW_REUSE;
	tcpwatch_record(&facts, sock_net(tw));
}

static void taken_by_syn(const struct sock *tw)
{
	struct tcpwatch_facts facts;

	tcpwatch_stat_add(TCPWATCH_STAT_TW_SYN, 1);
	tcpwatch_ledger_local(sock_net(tw), inet_twsk(tw)->tw_num, TCPWATCH_TALLY_SYN);
	if (!tcpwatch_record_may(TCPWATCH_KIND_REUSE, sock_net(tw)))
		return;
	start_facts(&facts, TCPWATCH_KIND_REUSE, tw);
	facts.call = TCPWATCH_CALL_NONE;
	facts.cause = TCPWATCH_CAUSE_SYN;
	facts.thanks = TCPWATCH_THANKS_NEWER;
	tcpwatch_record(&facts, sock_net(tw));
}

/* Where TIME-WAIT sockets are ended. */
enum place { OTHERWISE, RECEIVED, CONNECTED, CONNECTED_BOUND };

/**
 * struct caller - a place from which TIME-WAIT sockets are ended
 * @at: return address, 0: a free entry
 * @place: which place that is
 */
struct caller {
	unsigned long at;
	enum place place;
};

/* There are a dozen in the kernel; a name costs much, so each is asked for once. */
static struct caller callers[32];
static DEFINE_RAW_SPINLOCK(callers_lock);	/* of who adds one */

static enum place find_name(unsigned long at)
{
	static const struct { const char *name; enum place place; } known[] = {
		{ "tcp_v4_rcv", RECEIVED },
		{ "tcp_v6_rcv", RECEIVED },
		{ "__inet_hash_connect", CONNECTED },
		{ "__inet_check_established", CONNECTED_BOUND },
		{ "__inet6_check_established", CONNECTED_BOUND },
	};
	enum place place = OTHERWISE;
	char name[KSYM_SYMBOL_LEN];
	unsigned int i;

	snprintf(name, sizeof(name), "%ps", (void *)(at - 1));
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strstarts(name, known[i].name))
			place = known[i].place;
	}
	return place;
}

static void add_caller(unsigned long at, enum place place)
{
	struct caller *caller = callers;
	unsigned long flags;

	raw_spin_lock_irqsave(&callers_lock, flags);
	while (caller < callers + ARRAY_SIZE(callers) && caller->at && caller->at != at)
		caller++;
	if (caller < callers + ARRAY_SIZE(callers)) {
		caller->place = place;
		/* the place first: whoever finds the entry finds it complete */
		smp_store_release(&caller->at, at);
	}
	raw_spin_unlock_irqrestore(&callers_lock, flags);
}

static enum place place_of(unsigned long at)
{
	enum place place;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		/* pairs with the release of who adds one */
		if (smp_load_acquire(&callers[i].at) == at)
			return callers[i].place;
	}
	place = find_name(at);
	add_caller(at, place);
	return place;
}

static void tcpwatch_hook_deschedule(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sock *tw = (struct sock *)compat_trace_argument(fregs, 0);

	tcpwatch_hook_hit(&rows[DESCHEDULE]);
	switch (place_of(parent_ip)) {
	case RECEIVED:
		/* a packet resets one in FIN-WAIT-2 from the same function */
		if (READ_ONCE(inet_twsk(tw)->tw_substate) == TCP_TIME_WAIT)
			taken_by_syn(tw);
		break;
	case CONNECTED:
		taken_by_connect(tw, false);
		break;
	case CONNECTED_BOUND:
		taken_by_connect(tw, true);
		break;
	default:
		break;
	}
}

static struct tcpwatch_hook rows[ROWS] = {
	[FASTREUSE] = {
		.symbol = "inet_csk_update_fastreuse",
		.lost = "record of binds over TIME-WAIT",
		.trace = tcpwatch_hook_fastreuse,
	},
	[DESCHEDULE] = {
		.symbol = "inet_twsk_deschedule_put",
		.lost = "record of TIME-WAIT that gives way to SYNs and to connect()",
		.trace = tcpwatch_hook_deschedule,
	},
	[UNIQUE] = {
		.symbol = "tcp_twsk_unique",
		.lost = "record of TIME-WAIT that connect() takes, or may not take",
		.trace = tcpwatch_hook_unique,
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = rows, .count = ROWS };

int tcpwatch_timewait_init(void)
{
	return tcpwatch_hooks_plant(&hooks);
}

void tcpwatch_timewait_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
}
