/* SPDX-License-Identifier: GPL-2.0 */
/* Who has the four-tuple that a connect() wants. */
#ifndef _TCPWATCH_TUPLE_H
#define _TCPWATCH_TUPLE_H

#include "event.h"

struct net;
struct sock;

/**
 * tcpwatch_tuple_judge() - judge a connect() by who has its four-tuple
 * @facts: want is set, with both ends; the verdict is filled in. Without a
 *	holder, the four-tuple is free.
 * @net: the network namespace
 * @sk: the requester, which is not in its own way, or NULL
 * @bound: the source port was bound before
 *
 * Mirrors __inet_check_established() and __inet6_check_established().
 *
 * Context: any; takes the RCU read lock.
 */
void tcpwatch_tuple_judge(struct tcpwatch_facts *facts, struct net *net,
			  const struct sock *sk, bool bound);

/**
 * tcpwatch_tuple_hash() - the hash that a socket with this four-tuple has
 * @want: both its ends
 * @net: the network namespace
 *
 * Context: any.
 * Return: as sk_hash.
 */
unsigned int tcpwatch_tuple_hash(const struct tcpwatch_sock *want, const struct net *net);

#endif /* _TCPWATCH_TUPLE_H */
