/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stack's bind rules as pure functions: they read their arguments only,
 * take no lock and may be called anywhere. Whoever wants to know what the
 * kernel decides, or would decide, asks here.
 */
#ifndef _TCPWATCH_RULES_H
#define _TCPWATCH_RULES_H

#include "event.h"

/**
 * tcpwatch_rules_conflict() - may two sockets not share a port?
 * @want: the requester
 * @own: an owner of the same port in the same netns and l3mdev
 *
 * Mirrors inet_bind_conflict(relax = true, reuseport_ok = true), that is, an
 * explicit port, together with the comparison of addresses: for a wildcard
 * request inet_rcv_saddr_equal(match_wildcard = true), for a specific one
 * inet_bhash2_addr_any_conflict() and inet_bind2_bucket_match().
 *
 * Context: any.
 * Return: true when @own is reason enough to refuse @want.
 */
bool tcpwatch_rules_conflict(const struct tcpwatch_bind *want,
			     const struct tcpwatch_bind *own);

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

#endif /* _TCPWATCH_RULES_H */
