// SPDX-License-Identifier: GPL-2.0
#include <net/inet6_hashtables.h>
#include <net/l3mdev.h>
#include <net/tcp.h>

#include "rules.h"
#include "sock.h"
#include "tuple.h"

/**
 * struct tuple - a four-tuple that is looked for
 * @net: its namespace
 * @want: both its ends
 * @ports: both ports, as a socket keeps them
 * @sdif: index of the l3mdev of the device, or 0
 */
struct tuple {
	struct net *net;
	const struct tcpwatch_sock *want;
	__portpair ports;
	int sdif;
};

static bool is_v6(const struct tcpwatch_sock *want)
{
	return want->bind.family == AF_INET6 && !ipv6_addr_v4mapped(&want->peer);
}

unsigned int tcpwatch_tuple_hash(const struct tcpwatch_sock *want, const struct net *net)
{
	__be16 to = htons(want->peer_port);

	if (is_v6(want))
		return inet6_ehashfn(net, &want->bind.addr, want->port, &want->peer, to);
	return inet_ehashfn(net, want->bind.addr.s6_addr32[3], want->port,
			    want->peer.s6_addr32[3], to);
}

static bool has_tuple4(const struct sock *sk, const struct tuple *tuple, __be32 from, __be32 to)
{
	INET_ADDR_COOKIE(cookie, to, from);

	return inet_match(tuple->net, sk, cookie, tuple->ports, tuple->want->bind.dev, tuple->sdif);
}

static bool has_tuple(const struct sock *sk, const struct tuple *tuple)
{
	const struct tcpwatch_sock *want = tuple->want;
	const __be32 from = want->bind.addr.s6_addr32[3], to = want->peer.s6_addr32[3];

	if (is_v6(want))
		return inet6_match(tuple->net, sk, &want->peer, &want->bind.addr, tuple->ports,
				   want->bind.dev, tuple->sdif);
	return has_tuple4(sk, tuple, from, to);
}

static bool takes_over(const struct sock *sk, bool bound)
{
	struct tcpwatch_timewait tw;

	tcpwatch_sock_timewait(&tw, sk);
	return tcpwatch_rules_takeover(&tw, bound,
				       READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_tw_reuse)) ==
	       TCPWATCH_REASON_NONE;
}

/*
 * Sockets come and go meanwhile and their memory is used again at once: one that
 * moves to another chain takes us along, which the nulls tell.
 */
static const struct sock *find_tuple(const struct tuple *tuple, const struct sock *asker)
{
	struct inet_hashinfo *hashinfo = tuple->net->ipv4.tcp_death_row.hashinfo;
	unsigned int hash = tcpwatch_tuple_hash(tuple->want, tuple->net);
	unsigned int slot = hash & hashinfo->ehash_mask;
	const struct hlist_nulls_node *node;
	unsigned int tries = 3;
	struct sock *sk;

	do {
		sk_nulls_for_each_rcu(sk, node, &hashinfo->ehash[slot].chain) {
			if (sk->sk_hash == hash && sk != asker && has_tuple(sk, tuple))
				return sk;
		}
	} while (get_nulls_value(node) != slot && --tries);
	return NULL;
}

void tcpwatch_tuple_judge(struct tcpwatch_facts *facts, struct net *net,
			  const struct sock *sk, bool bound)
{
	const struct tcpwatch_sock *want = &facts->want;
	struct tuple tuple = {
		.net = net,
		.want = want,
		.ports = INET_COMBINED_PORTS(htons(want->peer_port), want->port),
	};
	const struct sock *other;

	rcu_read_lock();
	tuple.sdif = l3mdev_master_ifindex_by_index(net, want->bind.dev);
	other = find_tuple(&tuple, sk);
	if (other && (READ_ONCE(other->sk_state) != TCP_TIME_WAIT || !takes_over(other, bound))) {
		tcpwatch_sock_bind(&facts->holder.bind, other);
		tcpwatch_sock_complete(&facts->holder, other, NULL);
		/* else it was freed and used again while it was copied */
		facts->holders = has_tuple(other, &tuple);
		facts->frees_ms = tcpwatch_sock_frees_ms(other);
		facts->fixes = facts->frees_ms ? BIT(TCPWATCH_FIX_WAIT) : 0;
		facts->rule = tcpwatch_rules_tuple(facts->holder.bind.state);
	}
	rcu_read_unlock();
}
