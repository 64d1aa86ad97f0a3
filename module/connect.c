// SPDX-License-Identifier: GPL-2.0
/*
 * A connect() that succeeds must cost nothing, so the probe sits where only those
 * that fail come by: inet_bhash2_reset_saddr(), called while the socket still has
 * its destination. There the errno is not known. But what __inet_hash_connect()
 * does to a socket is: it notes the port and the hash of the four-tuple in it when
 * it succeeds, and neither when it does not.
 */
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "compat.h"
#include "connect.h"
#include "hooks.h"
#include "record.h"
#include "slot.h"
#include "sock.h"
#include "stats.h"
#include "tuple.h"
#include "verdict.h"

enum { RESET_SADDR, V6_CONNECT, ROWS };
static struct tcpwatch_hook rows[ROWS];
static struct tcpwatch_slots slots;

/* Set for good at exit: how far a call has come can no longer be told. */
static bool leaving;

/**
 * struct v6_call - one tcp_v6_connect() without a source address under way
 * @sk: the socket
 * @slot: by which the other probe finds it
 * @late: it came as far as to ask for a port, and was refused: @facts tell
 * @facts: of the refusal
 * @to: the destination
 */
struct v6_call {
	struct sock *sk;
	struct tcpwatch_slot *slot;
	bool late;
	struct tcpwatch_facts facts;
	struct sockaddr_in6 to;
};

static void start_facts(struct tcpwatch_facts *facts, const struct sock *sk)
{
	tcpwatch_verdict_init(facts);
	facts->call = TCPWATCH_CALL_CONNECT;
	facts->error = EADDRNOTAVAIL;
	tcpwatch_sock_want(&facts->want, sk);
}

/* The exhausted range, in the words of the socket: it may have one for itself. */
static void exhausted(struct tcpwatch_facts *facts, const struct sock *sk)
{
	int lo, hi;

	compat_port_range(sk, &lo, &hi);
	facts->rule = TCPWATCH_RULE_NO_SOURCE_PORT;
	facts->range_lo = lo;
	facts->range_hi = hi;
	facts->want.port = 0;
}

/* The four-tuple of a bound port: who has it now? */
static bool refused_tuple(struct tcpwatch_facts *facts, const struct sock *sk, bool had_it)
{
	tcpwatch_tuple_judge(facts, sock_net(sk), sk, true);
	if (facts->holders)
		return true;
	/* it failed later, now or the last time */
	if (had_it)
		return false;
	/* who had it has gone meanwhile */
	tcpwatch_stat_add(TCPWATCH_STAT_RACED, 1);
	return true;
}

/*
 * Was the socket refused its four-tuple, or a port? A port that bind() has chosen
 * is given back by now; its number stays noted as the source port. So does that of
 * an earlier connection, but who had one has had a hash.
 */
static bool refused(struct tcpwatch_facts *facts, const struct sock *sk)
{
	bool had_it;

	facts->want.port = ntohs(inet_sk(sk)->inet_sport);
	had_it = facts->want.port &&
		 sk->sk_hash == tcpwatch_tuple_hash(&facts->want, sock_net(sk));
	if (sk->sk_num || (facts->want.port && !sk->sk_hash))
		return refused_tuple(facts, sk, had_it);
	if (had_it) {
		/* the last time, if another has it now; else it may be this time */
		tcpwatch_tuple_judge(facts, sock_net(sk), sk, true);
		if (!facts->holders)
			return false;
		tcpwatch_verdict_init(facts);
	}
	exhausted(facts, sk);
	return true;
}

static int tcpwatch_hook_reset_saddr(struct kprobe *kp, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	struct tcpwatch_facts facts;
	struct v6_call *outer;

	tcpwatch_hook_hit(&rows[RESET_SADDR]);
	/* disconnect() comes by too, its destination wiped already */
	if (sk->sk_protocol != IPPROTO_TCP || !sk->sk_dport)
		return 0;
	start_facts(&facts, sk);
	if (!refused(&facts, sk)) {
		tcpwatch_stat_add(TCPWATCH_STAT_CONNECTS_OTHER, 1);
		return 0;
	}
	outer = tcpwatch_slot_find(&slots, sk);
	if (outer) {
		/* its return knows the errno */
		outer->facts = facts;
		outer->late = true;
	} else {
		tcpwatch_record_conflict(&facts, sk);
	}
	return 0;
}

static int tcpwatch_hook_v6_connect_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	struct v6_call *call = (struct v6_call *)ri->data;

	tcpwatch_hook_hit(&rows[V6_CONNECT]);
	if (!ipv6_addr_any(&sk->sk_v6_rcv_saddr) ||
	    (u32)regs_get_kernel_argument(regs, 2) < sizeof(call->to))
		return 1;
	call->to = *(struct sockaddr_in6 *)regs_get_kernel_argument(regs, 1);
	if (ipv6_addr_v4mapped(&call->to.sin6_addr))
		return 1;
	call->sk = sk;
	call->late = false;
	call->slot = tcpwatch_slot_claim(&slots, sk, call);
	return 0;
}

static int tcpwatch_hook_v6_connect_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct v6_call *call = (struct v6_call *)ri->data;

	tcpwatch_slot_release(call->slot);
	if ((int)regs_return_value(regs) != -EADDRNOTAVAIL || READ_ONCE(leaving))
		return 0;
	if (!call->slot) {
		/* the other probe may have recorded it */
		tcpwatch_stat_add(TCPWATCH_STAT_CROWDED, 1);
		return 0;
	}
	if (!call->late) {
		start_facts(&call->facts, call->sk);
		call->facts.want.peer = call->to.sin6_addr;
		call->facts.want.peer_port = ntohs(call->to.sin6_port);
		if (rows[RESET_SADDR].armed)
			call->facts.rule = TCPWATCH_RULE_NO_SOURCE_ADDR;
		else
			tcpwatch_stat_add(TCPWATCH_STAT_UNEXPLAINED, 1);
	}
	tcpwatch_record_conflict(&call->facts, call->sk);
	return 0;
}

/*
 * The inner one first, planted and pulled: when the outer one goes, which drops the
 * returns under way and leaves their slots behind, nobody looks for them any more.
 */
static struct tcpwatch_hook rows[ROWS] = {
	[RESET_SADDR] = {
		.symbol = "inet_bhash2_reset_saddr",
		.lost = "record of connect() that is refused its four-tuple or a source port",
		.pre = tcpwatch_hook_reset_saddr,
	},
	[V6_CONNECT] = {
		.symbol = "tcp_v6_connect",
		.lost = "record of connect() that finds no IPv6 source address",
		.entry = tcpwatch_hook_v6_connect_entry,
		.ret = tcpwatch_hook_v6_connect_return,
		.data_size = sizeof(struct v6_call),
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = rows, .count = ROWS };

int tcpwatch_connect_init(void)
{
	return tcpwatch_hooks_plant(&hooks);
}

void tcpwatch_connect_exit(void)
{
	WRITE_ONCE(leaving, true);
	tcpwatch_hooks_pull(&hooks);
}
