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
 * @sk: who binds
 * @facts: of the reuse; no holder: there is none
 * @looked: owners looked at
 */
struct over {
	const struct sock *sk;
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
	if (sk->sk_state != TCP_TIME_WAIT)
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
static int tcpwatch_hook_fastreuse(struct kprobe *kp, struct pt_regs *regs)
{
	const struct inet_bind_bucket *tb = compat_fastreuse_bucket(regs);
	const struct sock *sk = compat_fastreuse_sock(regs);
	struct over over;

	tcpwatch_hook_hit(&rows[FASTREUSE]);
	/* listen() comes by again, and a connection that a transparent proxy accepts */
	if (!compat_is_owned(tb) || sk->sk_protocol != IPPROTO_TCP || sk->sk_state != TCP_CLOSE)
		return 0;
	over.sk = sk;
	over.looked = 0;
	tcpwatch_verdict_init(&over.facts);
	tcpwatch_sock_want(&over.facts.want, sk);
	over.facts.want.port = tb->port;
	compat_walk_owners(tb, look, &over);
	if (!over.facts.holders)
		return 0;
	over.facts.call = TCPWATCH_CALL_BIND;
	over.facts.cause = TCPWATCH_CAUSE_BIND_OVER;
	over.facts.sysctl_tw_reuse = READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_tw_reuse);
	tcpwatch_record_reuse(&over.facts, sock_net(sk));
	return 0;
}

/* The TIME-WAIT socket that goes, and both its ends as those of who takes over. */
static void start_facts(struct tcpwatch_facts *facts, const struct sock *tw)
{
	tcpwatch_verdict_init(facts);
	facts->error = 0;
	facts->holders = 1;
	tcpwatch_sock_bind(&facts->holder.bind, tw);
	tcpwatch_sock_complete(&facts->holder, tw, NULL);
	facts->frees_ms = tcpwatch_sock_frees_ms(tw);
	facts->sysctl_tw_reuse = READ_ONCE(sock_net(tw)->ipv4.sysctl_tcp_tw_reuse);
	facts->want = facts->holder;
}

/**
 * struct question - what tcp_twsk_unique() was asked
 * @sk: who connects
 * @tw: who has the four-tuple
 * @takeover: what we would answer
 * @bound: bind() has named the source port
 */
struct question {
	const struct sock *sk;
	const struct sock *tw;
	enum tcpwatch_takeover takeover;
	bool bound;
};

static int tcpwatch_hook_unique_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct question *question = (struct question *)ri->data;
	struct tcpwatch_timewait tw;
	int sysctl;

	tcpwatch_hook_hit(&rows[UNIQUE]);
	question->sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	question->tw = (struct sock *)regs_get_kernel_argument(regs, 1);
	question->bound = !regs_get_kernel_argument(regs, 2);
	tcpwatch_sock_timewait(&tw, question->tw);
	sysctl = READ_ONCE(sock_net(question->sk)->ipv4.sysctl_tcp_tw_reuse);
	question->takeover = tcpwatch_rules_takeover(&tw, question->bound, sysctl);
	return 0;
}

/* The lock of the chain is still held, which keeps the TIME-WAIT socket. */
static int tcpwatch_hook_unique_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	static const enum tcpwatch_stat refused[TCPWATCH_TAKEOVER_COUNT] = {
		[TCPWATCH_TAKEOVER_YES] = TCPWATCH_STAT_TW_RACED,
		[TCPWATCH_TAKEOVER_OFF] = TCPWATCH_STAT_TW_OFF,
		[TCPWATCH_TAKEOVER_FIN_WAIT2] = TCPWATCH_STAT_TW_FIN_WAIT2,
		[TCPWATCH_TAKEOVER_NOT_LOOPBACK] = TCPWATCH_STAT_TW_NOT_LOOPBACK,
		[TCPWATCH_TAKEOVER_NO_TIMESTAMPS] = TCPWATCH_STAT_TW_NO_TIMESTAMPS,
		[TCPWATCH_TAKEOVER_TOO_YOUNG] = TCPWATCH_STAT_TW_TOO_YOUNG,
	};
	const struct question *question = (struct question *)ri->data;
	struct tcpwatch_facts facts;

	if (!(int)regs_return_value(regs)) {
		tcpwatch_stat_add(refused[question->takeover], 1);
		return 0;
	}
	start_facts(&facts, question->tw);
	facts.want.bind.reuse = question->sk->sk_reuse;
	facts.want.bind.reuseport = question->sk->sk_reuseport;
	facts.call = TCPWATCH_CALL_CONNECT;
	facts.cause = TCPWATCH_CAUSE_CONNECT;
	facts.thanks = question->bound ? TCPWATCH_THANKS_BOUND : TCPWATCH_THANKS_TW_REUSE;
	tcpwatch_record_reuse(&facts, sock_net(question->sk));
	return 0;
}

/**
 * struct caller - a place from which TIME-WAIT sockets are ended
 * @at: return address, 0: a free entry
 * @receives: it is where packets are received
 */
struct caller {
	unsigned long at;
	bool receives;
};

/* There are a dozen in the kernel; a name costs much, so each is asked for once. */
static struct caller callers[32];

static bool find_name(unsigned long at)
{
	char name[KSYM_SYMBOL_LEN];

	snprintf(name, sizeof(name), "%ps", (void *)(at - 1));
	return strstarts(name, "tcp_v4_rcv") || strstarts(name, "tcp_v6_rcv");
}

static bool receives(unsigned long at)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(callers); i++) {
		unsigned long known = READ_ONCE(callers[i].at);

		if (known == at)
			return READ_ONCE(callers[i].receives);
		if (known)
			continue;
		WRITE_ONCE(callers[i].receives, find_name(at));
		/* the answer first: whoever finds the place finds it answered */
		smp_store_release(&callers[i].at, at);
		return callers[i].receives;
	}
	return find_name(at);
}

static int tcpwatch_hook_deschedule(struct kprobe *kp, struct pt_regs *regs)
{
	const struct inet_timewait_sock *tw = (void *)regs_get_kernel_argument(regs, 0);
	struct tcpwatch_facts facts;

	tcpwatch_hook_hit(&rows[DESCHEDULE]);
	/* a packet resets one in FIN-WAIT-2 from the same function */
	if (READ_ONCE(tw->tw_substate) != TCP_TIME_WAIT || !receives(compat_return_address(regs)))
		return 0;
	start_facts(&facts, (struct sock *)tw);
	facts.call = TCPWATCH_CALL_NONE;
	facts.cause = TCPWATCH_CAUSE_SYN;
	facts.thanks = TCPWATCH_THANKS_NEWER;
	tcpwatch_record_reuse(&facts, twsk_net(tw));
	return 0;
}

static struct tcpwatch_hook rows[ROWS] = {
	[FASTREUSE] = {
		.symbol = "inet_csk_update_fastreuse",
		.lost = "record of binds over TIME-WAIT",
		.pre = tcpwatch_hook_fastreuse,
	},
	[DESCHEDULE] = {
		.symbol = "inet_twsk_deschedule_put",
		.lost = "record of SYNs accepted into TIME-WAIT",
		.pre = tcpwatch_hook_deschedule,
	},
	[UNIQUE] = {
		.symbol = "tcp_twsk_unique",
		.lost = "record of TIME-WAIT that connect() takes, or may not take",
		.entry = tcpwatch_hook_unique_entry,
		.ret = tcpwatch_hook_unique_return,
		.data_size = sizeof(struct question),
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
