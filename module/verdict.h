/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who stands in a requester's way, and by which rule: the rules asked of the
 * sockets that are there.
 */
#ifndef _TCPWATCH_VERDICT_H
#define _TCPWATCH_VERDICT_H

#include "rules.h"

struct inet_bind2_bucket;
struct inet_bind_bucket;
struct net;
struct sock;

/**
 * tcpwatch_verdict_init() - nobody is in the way yet
 * @facts: whose verdict is set to rule unknown, no holder
 *
 * Context: any.
 */
void tcpwatch_verdict_init(struct tcpwatch_facts *facts);

/**
 * tcpwatch_verdict_owners() - judge a request by the owners of its port
 * @facts: call and want are set; the verdict is filled in. Without a holder, the
 *	request passes.
 * @sk: the requester, which is not in its own way, or NULL
 * @tb: the port's bucket
 * @tb2: the bucket of one address and the port in which the kernel has found one in the
 *	way or, if @raced, one is that may have been a listener; or NULL
 * @pick: how the port was picked
 * @raced: take every owner that may have been a listener for one
 *
 * Looks at all owners up to the first in the way, but for very many of other addresses,
 * after which it goes on in @tb2; at a few more to count them, and asks the table of
 * listeners for one among the rest, so that a port with very many connections does not
 * make it long.
 *
 * Context: under the bucket's bhash lock and the bhash2 lock of @tb2, BH off; takes no lock.
 */
void tcpwatch_verdict_owners(struct tcpwatch_facts *facts, const struct sock *sk,
			     const struct inet_bind_bucket *tb,
			     const struct inet_bind2_bucket *tb2, enum tcpwatch_pick pick,
			     bool raced);

/**
 * tcpwatch_verdict_bucket() - is an owner of one address and port in the way?
 * @want: the request of an explicit port
 * @sk: the requester, which is not in its own way
 * @tb2: the bucket of the address and port
 * @raced: as of tcpwatch_verdict_owners()
 *
 * Mirrors inet_bhash2_conflict().
 *
 * Context: under the bucket's bhash and bhash2 locks, BH off; takes no lock.
 * Return: true if one is.
 */
bool tcpwatch_verdict_bucket(const struct tcpwatch_bind *want, const struct sock *sk,
			     const struct inet_bind2_bucket *tb2, bool raced);

/**
 * tcpwatch_verdict_address() - why an address cannot be bound
 * @net: the network namespace
 * @addr: the address that was refused, an IPv4 one as v4-mapped
 *
 * Context: any; takes the RCU read lock.
 * Return: the rule.
 */
enum tcpwatch_rule tcpwatch_verdict_address(struct net *net, const struct in6_addr *addr);

#endif /* _TCPWATCH_VERDICT_H */
