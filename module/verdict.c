// SPDX-License-Identifier: GPL-2.0
#include <net/addrconf.h>
#include <net/inet6_hashtables.h>
#include <net/tcp.h>

#include "compat.h"
#include "sock.h"
#include "verdict.h"

/*
 * Owners looked at after the first conflicting one, to count the others: of which
 * more while nothing but TIME-WAIT is in the way, since until when depends on all.
 * And more of those of other addresses, which are let pass at first sight.
 */
#define LOOK_AFTER		5
#define LOOK_AFTER_TIME_WAIT	1000
#define LOOK_ELSEWHERE		1000

/* Listeners looked at on one chain of their table. */
#define LOOK_CHAIN	64

/**
 * struct walk - the owners of a port, looked at under its lock
 * @facts: the verdict
 * @sk: the requester
 * @tb: the port's bucket
 * @tb2: where one is in the way, or NULL
 * @pick: how the port was picked
 * @raced: see tcpwatch_verdict_owners()
 * @wildcard: the request is for all addresses
 * @asked: the table of listeners was asked
 * @listener: one in the way that it has told of
 * @holder: the holder so far
 * @last: what was judged last
 * @traits: its traits, 0: none
 * @conflicts: and how
 * @after: owners looked at after the first conflicting one
 * @elsewhere: those of other addresses, after that or if there is @tb2
 */
struct walk {
	struct tcpwatch_facts *facts;
	const struct sock *sk;
	const struct inet_bind_bucket *tb;
	const struct inet_bind2_bucket *tb2;
	enum tcpwatch_pick pick;
	bool raced;
	bool wildcard;
	bool asked;
	const struct sock *listener;
	const struct sock *holder;
	struct tcpwatch_bind last;
	u64 traits;
	bool conflicts;
	unsigned int after;
	unsigned int elsewhere;
};

void tcpwatch_verdict_init(struct tcpwatch_facts *facts)
{
	facts->kind = TCPWATCH_KIND_CONFLICT;
	facts->reason = TCPWATCH_REASON_NONE;
	facts->rule = TCPWATCH_RULE_UNKNOWN;
	facts->relation = TCPWATCH_RELATION_SAME;
	facts->fixes = 0;
	facts->holders = 0;
	facts->holders_capped = false;
	facts->frees_ms = 0;
	facts->range_lo = 0;
	facts->range_hi = 0;
}

/* Under the bhash lock, which keeps the socket's buckets. */
static void copy_owner(struct tcpwatch_bind *own, const struct sock *sk)
{
	tcpwatch_sock_bind(own, sk);
	own->bucket_family = compat_bucket_family(sk);
}

/* What a listener is before it is one, and once it has ceased to be one. */
static bool may_be_listener(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_CLOSE && !sk->sk_dport;
}

/**
 * struct asked - a request of one address and port
 * @want: the request
 * @sk: the requester
 * @raced: see tcpwatch_verdict_owners()
 * @refused: an owner is in the way
 */
struct asked {
	const struct tcpwatch_bind *want;
	const struct sock *sk;
	bool raced;
	bool refused;
};

static bool ask_owner(struct sock *sk, void *arg)
{
	struct tcpwatch_bind own;
	struct asked *asked = arg;

	if (sk == asked->sk || (asked->raced && !may_be_listener(sk)))
		return false;
	copy_owner(&own, sk);
	if (asked->raced)
		own.state = TCP_LISTEN;
	asked->refused = tcpwatch_rules_conflict(asked->want, &own, TCPWATCH_PICK_EXPLICIT);
	return asked->refused;
}

bool tcpwatch_verdict_bucket(const struct tcpwatch_bind *want, const struct sock *sk,
			     const struct inet_bind2_bucket *tb2, bool raced)
{
	struct asked asked = { .want = want, .sk = sk, .raced = raced };

	compat_walk_bucket2(tb2, ask_owner, &asked);
	return asked.refused;
}

/* Family, state, options and device, which lie together, at one look. */
static u64 traits(const struct sock *sk)
{
	static_assert(offsetofend(struct sock_common, skc_bound_dev_if) -
		      offsetof(struct sock_common, skc_family) == sizeof(u64));

	return READ_ONCE(*(u64 *)&sk->__sk_common.skc_family);
}

/* Copies what is judged next. */
static void copy_last(struct walk *walk, const struct sock *sk)
{
	u64 before = traits(sk);

	copy_owner(&walk->last, sk);
	/* of a socket that was changing none, which is like no other's */
	walk->traits = before == traits(sk) ? before : 0;
}

/* To the rules the same as the last; mostly owners are many connections of one listener. */
static bool is_alike(const struct walk *walk, const struct sock *sk)
{
	const struct tcpwatch_bind *last = &walk->last;

	if (traits(sk) != walk->traits || sk->sk_rcv_saddr != last->addr4 ||
	    compat_bucket_family(sk) != last->bucket_family)
		return false;
	if (last->family == AF_INET6 && !ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &last->addr))
		return false;
	return last->state == TCP_TIME_WAIT || uid_eq(compat_sk_rule_uid(sk), last->uid);
}

/* One more that is in the way. */
static void count(struct tcpwatch_facts *facts, const struct sock *sk)
{
	facts->holders++;
	if (READ_ONCE(sk->sk_state) == TCP_TIME_WAIT)
		facts->frees_ms = max(facts->frees_ms, tcpwatch_sock_frees_ms(sk));
}

/* Is sk, as it was copied last, in the way? Then it counts. */
static bool judge(struct walk *walk, const struct sock *sk)
{
	const struct tcpwatch_bind *own = &walk->last;
	struct tcpwatch_facts *facts = walk->facts;

	walk->conflicts = tcpwatch_rules_conflict(&facts->want.bind, own, walk->pick);
	if (!walk->conflicts)
		return false;
	/* what does not help with one of them does not help */
	if (!facts->holders)
		facts->fixes = tcpwatch_rules_fixes(&facts->want.bind, own);
	else if (facts->fixes)
		facts->fixes &= tcpwatch_rules_fixes(&facts->want.bind, own);
	if (!facts->holders ||
	    tcpwatch_rules_weight(own) > tcpwatch_rules_weight(&facts->holder.bind)) {
		walk->holder = sk;
		/* as it is judged: its state may move on */
		facts->holder.bind = *own;
	}
	count(facts, sk);
	return true;
}

/* A listener of this bucket, on the chain of one address, that is in the way. */
static void ask_chain(struct walk *walk, const struct in6_addr *addr)
{
	const struct net *net = ib_net(walk->tb);
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct inet_listen_hashbucket *chain;
	const struct hlist_nulls_node *node;
	unsigned int looked = 0;
	struct sock *sk;

	/* IPv4 and v4-mapped addresses, and both wildcards, hash alike */
	chain = inet_lhash2_bucket(hashinfo, ipv6_portaddr_hash(net, addr, walk->tb->port));
	/* BH is off, which is as good as the RCU read lock */
	sk_nulls_for_each_rcu(sk, node, &chain->nulls_head) {
		if (looked++ == LOOK_CHAIN)
			break;
		/* one that has gone on to connect has led us to what may be no full sockets */
		if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
			continue;
		/* a listener keeps its bucket, and that is locked */
		if (sk == walk->sk || READ_ONCE(inet_csk(sk)->icsk_bind_hash) != walk->tb)
			continue;
		copy_last(walk, sk);
		if (walk->last.state != TCP_LISTEN) {
			/* not judged: nobody is like it */
			walk->traits = 0;
			continue;
		}
		if (judge(walk, sk)) {
			walk->listener = sk;
			break;
		}
	}
}

/* met: an owner that may be a connection of the listener */
static void ask_listeners(struct walk *walk, const struct sock *met)
{
	const struct tcpwatch_facts *facts = walk->facts;
	struct in6_addr addr;

	walk->asked = true;
	ask_chain(walk, &in6addr_any);
	if (!walk->listener && !walk->wildcard)
		ask_chain(walk, &facts->want.bind.addr);
	if (walk->listener)
		return;
	addr = tcpwatch_sock_local(met);
	ask_chain(walk, &addr);
}

static bool is_listener(const struct tcpwatch_facts *facts)
{
	return facts->holders && facts->holder.bind.state == TCP_LISTEN;
}

/* Is it time to ask for a listener? It may be the last of very many. */
static bool wants_listener(const struct walk *walk, const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return !walk->asked && !walk->raced && !is_listener(walk->facts) &&
	       state != TCP_LISTEN && state != TCP_CLOSE;
}

static unsigned int look_after(const struct walk *walk)
{
	return walk->facts->holder.bind.state == TCP_TIME_WAIT ? LOOK_AFTER_TIME_WAIT : LOOK_AFTER;
}

/* Of another address, so that it is not in the way? */
static bool is_elsewhere(struct sock *sk, void *arg)
{
	const struct walk *walk = arg;
	struct in6_addr addr;

	if (walk->wildcard)
		return false;
	addr = tcpwatch_sock_local(sk);
	return !ipv6_addr_equal(&addr, &walk->facts->want.bind.addr) &&
	       !tcpwatch_rules_wildcard(&addr);
}

static bool look(struct sock *sk, void *arg)
{
	struct walk *walk = arg;
	struct tcpwatch_facts *facts = walk->facts;

	if (sk == walk->sk)
		return false;
	if (is_elsewhere(sk, walk)) {
		if ((facts->holders || walk->tb2) && walk->elsewhere++ >= LOOK_ELSEWHERE)
			facts->holders_capped = true;
		return facts->holders_capped;
	}
	if (wants_listener(walk, sk))
		ask_listeners(walk, sk);
	if (sk == walk->listener)
		return false;
	if (facts->holders && walk->after++ >= look_after(walk)) {
		facts->holders_capped = true;
		return true;
	}
	if (walk->raced && !may_be_listener(sk))
		return false;
	/* what lets most owners pass, before more of them is copied */
	if (walk->pick == TCPWATCH_PICK_EXPLICIT && !walk->raced &&
	    tcpwatch_rules_reuse(facts->want.bind.reuse,
				 /* it may be about to change, as when the kernel reads it */
				 data_race((bool)sk->sk_reuse), READ_ONCE(sk->sk_state)))
		return false;
	if (!walk->raced && is_alike(walk, sk)) {
		if (walk->conflicts)
			count(facts, sk);
		return false;
	}
	copy_last(walk, sk);
	if (walk->raced)
		walk->last.state = TCP_LISTEN;
	judge(walk, sk);
	return false;
}

void tcpwatch_verdict_owners(struct tcpwatch_facts *facts, const struct sock *sk,
			     const struct inet_bind_bucket *tb,
			     const struct inet_bind2_bucket *tb2, enum tcpwatch_pick pick,
			     bool raced)
{
	const struct tcpwatch_bind *want = &facts->want.bind;
	struct walk walk = {
		.facts = facts, .sk = sk, .tb = tb, .pick = pick, .raced = raced,
		.wildcard = tcpwatch_rules_wildcard(&want->addr),
	};

	facts->holders_capped = false;
	/* of a v4-mapped address older kernels ask all owners */
	if (want->family == AF_INET || !ipv6_addr_v4mapped(&want->addr))
		walk.tb2 = tb2;
	compat_walk_owners_but(tb, is_elsewhere, look, &walk);
	if (facts->holders_capped && !facts->holders) {
		/* the kernel, which asks the wildcard first, has passed all others */
		facts->holders_capped = false;
		compat_walk_bucket2(tb2, look, &walk);
		facts->holders_capped |= facts->holders &&
					 tcpwatch_rules_wildcard(&facts->holder.bind.addr);
	}
	if (!facts->holders)
		return;
	if (facts->holders_capped && !raced && !is_listener(facts))
		ask_listeners(&walk, walk.holder);
	tcpwatch_sock_complete(&facts->holder, walk.holder, tb);
	/* somebody else may be among those not looked at */
	if (facts->holders_capped)
		facts->fixes &= ~BIT(TCPWATCH_FIX_WAIT);
	/* free at a known time only when nothing but TIME-WAIT holds it */
	if (!(facts->fixes & BIT(TCPWATCH_FIX_WAIT)))
		facts->frees_ms = 0;
	facts->rule = tcpwatch_rules_name(facts->call, &facts->want.bind, &facts->holder);
	facts->relation = tcpwatch_rules_relation(&facts->want.bind, &facts->holder.bind);
}

enum tcpwatch_rule tcpwatch_verdict_address(struct net *net, const struct in6_addr *addr)
{
	if (ipv6_addr_v4mapped(addr) || !ipv6_chk_addr_and_flags(net, addr, NULL, true, 0, 0))
		return TCPWATCH_RULE_ADDR_NOT_LOCAL;
	/* it is there; if not only tentatively, then on another device */
	return ipv6_chk_addr(net, addr, NULL, 0) ? TCPWATCH_RULE_ADDR_NOT_LOCAL
						 : TCPWATCH_RULE_ADDR_TENTATIVE;
}
