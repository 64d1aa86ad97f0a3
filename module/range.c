// SPDX-License-Identifier: GPL-2.0
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "compat.h"
#include "range.h"
#include "sock.h"

/* Ports looked at before others get the CPU. */
#define BREATH		128

/* Connections looked at on one port. */
#define LOOK_PORT	256

/* Destinations told apart. */
#define DESTS		128

struct dest {
	struct in6_addr addr;
	u16 family;
	u16 port;
	u16 last;	/* the port that was counted last */
	u32 ports;
};

/**
 * struct survey - a survey under way
 * @dests: destinations met, in no order
 * @count: how many
 * @port: the port that is looked at
 * @looked: sockets looked at on it
 * @live: one of them is not in TIME-WAIT
 */
struct survey {
	struct dest dests[DESTS];
	unsigned int count;
	u16 port;
	unsigned int looked;
	bool live;
};

/*
 * When the places run out everybody pays one, and who has none left goes: what
 * more than one in DESTS connections go to stays (Misra and Gries).
 */
static void make_room(struct survey *survey)
{
	unsigned int i;

	for (i = survey->count; i--; ) {
		if (!--survey->dests[i].ports)
			survey->dests[i] = survey->dests[--survey->count];
	}
}

static void count_dest(struct survey *survey, const struct sock *sk)
{
	struct dest dest = {
		.family = sk->sk_family,
		.port = ntohs(sk->sk_dport),
		.last = survey->port,
		.ports = 1,
	};
	unsigned int i;

	if (!dest.port)
		return;
	dest.addr = tcpwatch_sock_peer(sk);
	for (i = 0; i < survey->count; i++) {
		struct dest *known = &survey->dests[i];

		if (known->port != dest.port || !ipv6_addr_equal(&known->addr, &dest.addr))
			continue;
		known->ports += known->last != dest.last;
		known->last = dest.last;
		return;
	}
	if (survey->count == DESTS)
		make_room(survey);
	if (survey->count < DESTS)
		survey->dests[survey->count++] = dest;
}

static bool look(struct sock *sk, void *arg)
{
	struct survey *survey = arg;

	if (READ_ONCE(sk->sk_state) != TCP_TIME_WAIT)
		survey->live = true;
	count_dest(survey, sk);
	return ++survey->looked == LOOK_PORT;
}

static void look_at(struct tcpwatch_range *range, struct survey *survey, struct net *net, u16 port)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct inet_bind_hashbucket *head;
	struct inet_bind_bucket *tb;
	bool used = false, bound = false;

	survey->port = port;
	survey->live = false;
	head = &hashinfo->bhash[inet_bhashfn(net, port, hashinfo->bhash_size)];
	spin_lock_bh(&head->lock);
	inet_bind_bucket_for_each(tb, &head->chain) {
		if (!net_eq(ib_net(tb), net) || tb->port != port)
			continue;
		used = true;
		/* connect() alone leaves both negative */
		bound |= tb->fastreuse >= 0 || tb->fastreuseport >= 0;
		survey->looked = 0;
		compat_walk_owners(tb, look, survey);
	}
	spin_unlock_bh(&head->lock);

	range->used += used;
	range->bound += bound;
	range->time_wait += used && !survey->live;
	range->free += !used && !inet_is_local_reserved_port(net, port);
}

static void take_top(struct tcpwatch_range *range, struct survey *survey)
{
	struct dest *most;
	unsigned int i, n;

	for (n = 0; n < TCPWATCH_RANGE_TOP && survey->count; n++) {
		most = survey->dests;
		for (i = 1; i < survey->count; i++) {
			if (survey->dests[i].ports > most->ports)
				most = &survey->dests[i];
		}
		range->top[n].addr = most->addr;
		range->top[n].family = most->family;
		range->top[n].port = most->port;
		range->top[n].ports = most->ports;
		*most = survey->dests[--survey->count];
	}
}

unsigned int tcpwatch_range_reserved(const struct net *net, unsigned int lo, unsigned int hi)
{
	const unsigned long *reserved = net->ipv4.sysctl_local_reserved_ports;
	unsigned int count = 0;

	if (!reserved)
		return 0;
	for_each_set_bit_from(lo, reserved, hi + 1)
		count++;
	return count;
}

void tcpwatch_range_survey(struct tcpwatch_range *range, struct net *net)
{
	struct survey *survey = kzalloc(sizeof(*survey), GFP_KERNEL);
	unsigned int port;

	if (!survey)
		return;
	for (port = range->lo; port <= range->hi && !fatal_signal_pending(current); port++) {
		look_at(range, survey, net, port);
		if (!(port % BREATH))
			cond_resched();
	}
	range->reserved = tcpwatch_range_reserved(net, range->lo, range->hi);
	take_top(range, survey);
	range->known = true;
	kfree(survey);
}
