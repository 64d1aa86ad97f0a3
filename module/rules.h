/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stack's bind and reuse rules as pure functions: they read their arguments
 * only, take no lock and may be called anywhere. Whoever wants to know what the
 * kernel decides, or would decide, asks here.
 */
#ifndef _TCPWATCH_RULES_H
#define _TCPWATCH_RULES_H

#include "event.h"

/**
 * enum tcpwatch_pick - how the port of a bind was picked
 * @TCPWATCH_PICK_EXPLICIT: the caller named it: relax and reuseport_ok
 * @TCPWATCH_PICK_AUTO: the kernel chooses: neither
 * @TCPWATCH_PICK_AUTO_REUSE: likewise, in the second round that ip_autobind_reuse
 *	allows: relax only
 *
 * What inet_csk_find_open_port() and inet_csk_get_port() pass to the predicates.
 */
enum tcpwatch_pick {
	TCPWATCH_PICK_EXPLICIT,
	TCPWATCH_PICK_AUTO,
	TCPWATCH_PICK_AUTO_REUSE,
};

/**
 * struct tcpwatch_bucket - what a port's bucket remembers of its owners
 * @reuse: positive: all of them have SO_REUSEADDR and none listens; negative:
 *	connect() alone has filled it
 * @reuseport: positive: all have SO_REUSEPORT, of one uid
 * @strict: and only the last of them, @last, is known not to conflict
 * @last: the one whose address and uid it remembers
 */
struct tcpwatch_bucket {
	s8 reuse;
	s8 reuseport;
	bool strict;
	struct tcpwatch_bind last;
};

/**
 * struct tcpwatch_timewait - what decides whether connect() may take a TIME-WAIT
 * @substate: TCP_TIME_WAIT or TCP_FIN_WAIT2
 * @timestamps: the connection used TCP timestamps
 * @loopback: it went over the loopback, as far as the kernel sees
 * @aged: it is old enough for tcp_tw_reuse
 */
struct tcpwatch_timewait {
	u8 substate;
	bool timestamps;
	bool loopback;
	bool aged;
};

/**
 * tcpwatch_rules_conflict() - may two sockets not share a port?
 * @want: the requester
 * @own: an owner of the same port in the same netns and l3mdev
 * @pick: how the port was picked
 *
 * Mirrors inet_bind_conflict() together with the comparison of addresses: for a
 * wildcard request inet_rcv_saddr_equal(match_wildcard = true), for a specific
 * one inet_bhash2_addr_any_conflict() and inet_bind2_bucket_match().
 *
 * Context: any.
 * Return: true when @own is reason enough to refuse @want.
 */
bool tcpwatch_rules_conflict(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own,
			     enum tcpwatch_pick pick);

/**
 * tcpwatch_rules_reuse() - do both have SO_REUSEADDR, and does it count?
 * @want_reuse: SO_REUSEADDR of the requester
 * @own_reuse: of the owner
 * @own_state: its state
 *
 * The first thing that inet_bind_conflict() asks, and with an explicit port all.
 *
 * Context: any.
 * Return: true when it lets them share an explicit port.
 */
static inline bool tcpwatch_rules_reuse(bool want_reuse, bool own_reuse, u8 own_state)
{
	return want_reuse && own_reuse && own_state != TCP_LISTEN;
}

/**
 * tcpwatch_rules_shortcut() - does the bucket let the requester in unasked?
 * @want: the requester of an explicit port
 * @listening: it is in listen()
 * @bucket: the port's bucket, which has owners
 *
 * Mirrors what inet_csk_get_port() tries before the predicates, with
 * sk_reuseport_match().
 *
 * Context: any.
 * Return: true when no owner is looked at.
 */
bool tcpwatch_rules_shortcut(const struct tcpwatch_bind *want, bool listening,
			     const struct tcpwatch_bucket *bucket);

/**
 * tcpwatch_rules_name() - which rule makes two sockets conflict
 * @call: what the requester called
 * @want: the requester
 * @own: an owner for which tcpwatch_rules_conflict() is true
 *
 * Context: any.
 * Return: the rule.
 */
enum tcpwatch_rule tcpwatch_rules_name(enum tcpwatch_call call,
				       const struct tcpwatch_bind *want,
				       const struct tcpwatch_sock *own);

/**
 * tcpwatch_rules_relation() - how the addresses of two conflicting sockets meet
 * @want: the requester
 * @own: the owner
 *
 * Context: any.
 * Return: the relation.
 */
enum tcpwatch_relation tcpwatch_rules_relation(const struct tcpwatch_bind *want,
					       const struct tcpwatch_bind *own);

/**
 * tcpwatch_rules_weight() - how hard it is to make way for a requester
 * @own: an owner
 *
 * Of several holders the heaviest tells what has to change: while a listener is
 * there, it is no use to close its connections or to wait for TIME-WAIT.
 *
 * Context: any.
 * Return: more for a listener than for a live socket than for TIME-WAIT.
 */
int tcpwatch_rules_weight(const struct tcpwatch_bind *own);

/**
 * tcpwatch_rules_fixes() - what would have let the requester pass this owner
 * @want: the requester
 * @own: an owner for which tcpwatch_rules_conflict() is true
 *
 * A change helps a call when it helps with every owner: and the results.
 *
 * Context: any.
 * Return: BIT(enum tcpwatch_fix) for each single change that is enough.
 */
unsigned int tcpwatch_rules_fixes(const struct tcpwatch_bind *want,
				  const struct tcpwatch_bind *own);

/**
 * tcpwatch_rules_wildcard() - is this an address that stands for all?
 * @addr: the address, an IPv4 one as v4-mapped
 *
 * Mirrors inet_use_hash2_on_bind(), negated.
 *
 * Context: any.
 * Return: true for 0.0.0.0, [::] and [::ffff:0.0.0.0].
 */
bool tcpwatch_rules_wildcard(const struct in6_addr *addr);

/**
 * tcpwatch_rules_tuple() - which rule keeps connect() from a four-tuple
 * @state: state of the socket that has it
 *
 * Context: any.
 * Return: the rule.
 */
enum tcpwatch_rule tcpwatch_rules_tuple(u8 state);

/**
 * tcpwatch_rules_takeover() - may connect() take a four-tuple from TIME-WAIT?
 * @tw: what has it
 * @bound: the source port was bound before
 * @sysctl: net.ipv4.tcp_tw_reuse
 *
 * Mirrors tcp_twsk_unique(). Of several reasons why not, the one to change first.
 *
 * Context: any.
 * Return: TCPWATCH_REASON_NONE if it may.
 */
enum tcpwatch_reason tcpwatch_rules_takeover(const struct tcpwatch_timewait *tw, bool bound,
					     int sysctl);

#endif /* _TCPWATCH_RULES_H */
