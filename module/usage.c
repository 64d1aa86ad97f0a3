// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/request_sock.h>

#include "cells.h"
#include "compat.h"
#include "exhaust.h"
#include "netns.h"
#include "sock.h"
#include "usage.h"
#include "walk.h"

const char *const tcpwatch_role_names[] = { TCPWATCH_ROLES(TCPWATCH_NAME) };
const char *const tcpwatch_state_names[] = { TCPWATCH_STATES(TCPWATCH_NAME) };
static const char *const wrong_names[] = { TCPWATCH_WRONGS(TCPWATCH_NAME) };

#define STATE(group, item, ...)	\
	[TCP_##item] = TCPWATCH_##group##_##item,

static const u8 states[TCP_MAX_STATES] = {
	TCPWATCH_STATES(STATE)
	[TCP_NEW_SYN_RECV] = TCPWATCH_STATE_SYN_RECV,
};

/* A listener tells most of whose a port is, then a socket that somebody has open. */
enum { RANK_NONE, RANK_CLOSED, RANK_OPEN, RANK_LISTENING };

/*
 * A handshake leaves the device it came by in a field that else only options for datagrams
 * set, which TCP refuses: tcp_v4_syn_recv_sock(), tcp_v6_syn_recv_sock(). Over IPv6 packets
 * do so as well, if the socket has asked for their device: tcp_v6_do_rcv(). But the port of
 * one that was accepted was neither bound nor chosen by connect().
 */
static bool is_accepted(const struct sock *sk, const struct inet_bind_bucket *tb)
{
	if (READ_ONCE(inet_sk(sk)->mc_index))
		return true;
	return sk->sk_family == AF_INET6 && READ_ONCE(inet6_sk(sk)->mcast_oif) &&
	       /* bind() may be about to set the bit of the address */
	       !data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK) && !compat_connect_bound(sk, tb);
}

bool tcpwatch_usage_role(enum tcpwatch_role *role, const struct sock *sk,
			 const struct inet_bind_bucket *tb)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_LISTEN:
		*role = TCPWATCH_ROLE_LISTENING;
		return true;
	case TCP_CLOSE:
		*role = TCPWATCH_ROLE_BOUND;
		return true;
	case TCP_TIME_WAIT:
		*role = TCPWATCH_ROLE_INITIATED;
		return compat_tw_connect_bound(sk, tb);
	}
	*role = is_accepted(sk, tb) ? TCPWATCH_ROLE_ACCEPTED : TCPWATCH_ROLE_INITIATED;
	return true;
}

static void copy(struct tcpwatch_usage *usage, const struct sock *sk,
		 const struct inet_bind_bucket *tb, u8 rank)
{
	usage->rank = rank;
	tcpwatch_sock_bind(&usage->is.bind, sk);
	tcpwatch_sock_complete(&usage->is, sk, tb);
}

static void visit_time_wait(struct tcpwatch_usage *usage, const struct sock *sk)
{
	enum tcpwatch_state state = states[READ_ONCE(inet_twsk(sk)->tw_substate)];

	usage->states[state]++;
	/* it is nobody's any more */
	if (state == TCPWATCH_STATE_FIN_WAIT2)
		usage->orphans++;
	usage->last_ms = max(usage->last_ms, tcpwatch_sock_frees_ms(sk));
	tcpwatch_peers_add(&usage->peers, sk);
}

static void visit_listener(struct tcpwatch_usage *usage, const struct sock *sk)
{
	u32 requests = reqsk_queue_len(&inet_csk(sk)->icsk_accept_queue);

	usage->states[TCPWATCH_STATE_LISTEN]++;
	usage->states[TCPWATCH_STATE_SYN_RECV] += requests;
	usage->roles[TCPWATCH_ROLE_ACCEPTED] += requests;
	usage->backlog += READ_ONCE(sk->sk_max_ack_backlog);
}

static void visit_connection(struct tcpwatch_usage *usage, const struct sock *sk,
			     enum tcpwatch_state state)
{
	usage->states[state]++;
	if (state == TCPWATCH_STATE_SYN_SENT)
		tcpwatch_peers_add(&usage->unanswered, sk);
	if (state == TCPWATCH_STATE_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD))
		usage->orphans++;
	tcpwatch_peers_add(&usage->peers, sk);
}

static void visit(struct sock *sk, const struct inet_bind_bucket *tb, void *arg)
{
	struct tcpwatch_usage *usage = arg;
	u8 number = READ_ONCE(sk->sk_state), rank = RANK_OPEN;
	enum tcpwatch_role role;

	if (number == TCP_TIME_WAIT) {
		visit_time_wait(usage, sk);
		rank = RANK_CLOSED;
	} else if (number == TCP_LISTEN) {
		visit_listener(usage, sk);
		rank = RANK_LISTENING;
	} else if (number == TCP_CLOSE) {
		usage->states[TCPWATCH_STATE_CLOSE]++;
	} else {
		visit_connection(usage, sk, states[number]);
		if (sock_flag(sk, SOCK_DEAD))
			rank = RANK_CLOSED;
	}
	if (tcpwatch_usage_role(&role, sk, tb))
		usage->roles[role]++;
	else
		usage->unclear++;
	if (rank > usage->rank)
		copy(usage, sk, tb, rank);
}

static void begin(void *arg)
{
	struct tcpwatch_usage *usage = arg;
	struct tcpwatch_peers peers = usage->peers, unanswered = usage->unanswered;

	*usage = (struct tcpwatch_usage){ .peers = peers, .unanswered = unanswered };
	tcpwatch_peers_begin(&usage->peers);
	tcpwatch_peers_begin(&usage->unanswered);
}

static int make_room(void *arg, unsigned int few)
{
	struct tcpwatch_usage *usage = arg;

	tcpwatch_peers_grow(&usage->peers, few);
	tcpwatch_peers_grow(&usage->unanswered, few);
	return 0;
}

static const struct tcpwatch_visitor visitor = {
	.begin = begin, .room = make_room, .visit = visit,
};

static u32 sum(const u32 *counts, unsigned int count)
{
	u32 all = 0;

	while (count--)
		all += counts[count];
	return all;
}

static void judge(struct tcpwatch_usage *usage)
{
	const u32 *of = usage->states;
	u32 connections = sum(of, TCPWATCH_STATE_COUNT) - of[TCPWATCH_STATE_LISTEN] -
			  of[TCPWATCH_STATE_CLOSE];
	const struct tcpwatch_peer *top = usage->peers.top;

	if (of[TCPWATCH_STATE_CLOSE_WAIT] >= TCPWATCH_PILE)
		usage->wrongs |= BIT(TCPWATCH_WRONG_CLOSE_WAIT);
	if (usage->orphans >= TCPWATCH_PILE)
		usage->wrongs |= BIT(TCPWATCH_WRONG_FIN_WAIT2);
	if (of[TCPWATCH_STATE_SYN_SENT] >= TCPWATCH_PILE)
		usage->wrongs |= BIT(TCPWATCH_WRONG_SYN_SENT);
	if (usage->backlog && of[TCPWATCH_STATE_SYN_RECV] &&
	    of[TCPWATCH_STATE_SYN_RECV] >= usage->backlog / 2)
		usage->wrongs |= BIT(TCPWATCH_WRONG_SYN_RECV);
	if (top && connections >= TCPWATCH_MANY && top->count > connections / 2)
		usage->wrongs |= BIT(TCPWATCH_WRONG_ONE_PEER);
}

/* What no socket has told by itself. */
static void conclude(struct tcpwatch_usage *usage, const struct tcpwatch_port *port)
{
	bool listened;

	usage->bound_known = tcpwatch_bound_find_now(&usage->bound, &usage->is,
						     port->netns_cookie);
	listened = usage->states[TCPWATCH_STATE_LISTEN] || usage->roles[TCPWATCH_ROLE_ACCEPTED] ||
		   !usage->bound_known || usage->bound.listened;
	usage->roles[listened ? TCPWATCH_ROLE_ACCEPTED : TCPWATCH_ROLE_INITIATED] +=
		usage->unclear;
	judge(usage);
}

long tcpwatch_usage_take(struct tcpwatch_usage *usage, const struct tcpwatch_port *port)
{
	int err = tcpwatch_walk(port, &visitor, usage);

	if (err)
		return err;
	if (usage->rank)
		conclude(usage, port);
	return sum(usage->states, TCPWATCH_STATE_COUNT);
}

void tcpwatch_sum_begin(struct tcpwatch_sum *sum, u64 netns_cookie)
{
	struct net *net = tcpwatch_netns_get(netns_cookie);

	begin(&sum->usage);
	sum->netns_cookie = netns_cookie;
	sum->lo = 0;
	sum->hi = -1;
	sum->used = 0;
	if (!net)
		return;
	inet_get_local_port_range(net, &sum->lo, &sum->hi);
	put_net(net);
}

void tcpwatch_sum_add(struct tcpwatch_sum *sum, const struct tcpwatch_usage *usage,
		      const struct tcpwatch_port *port)
{
	struct tcpwatch_usage *all = &sum->usage;
	unsigned int i;

	for (i = 0; i < TCPWATCH_STATE_COUNT; i++)
		all->states[i] += usage->states[i];
	for (i = 0; i < TCPWATCH_ROLE_COUNT; i++)
		all->roles[i] += usage->roles[i];
	all->orphans += usage->orphans;
	all->backlog += usage->backlog;
	all->last_ms = max(all->last_ms, usage->last_ms);
	tcpwatch_peers_merge(&all->unanswered, &usage->unanswered);
	sum->used += port->netns_cookie == sum->netns_cookie &&
		     port->port >= sum->lo && port->port <= sum->hi;
}

void tcpwatch_sum_judge(struct tcpwatch_sum *sum)
{
	unsigned int percent = tcpwatch_exhaust_percent(), ports = sum->hi - sum->lo + 1;

	judge(&sum->usage);
	if (percent && ports && sum->used * 100 >= ports * percent)
		sum->usage.wrongs |= BIT(TCPWATCH_WRONG_EPHEMERAL);
}

int tcpwatch_usage_init(struct tcpwatch_usage *usage)
{
	*usage = (struct tcpwatch_usage){};
	return tcpwatch_peers_init(&usage->peers) ?: tcpwatch_peers_init(&usage->unanswered);
}

void tcpwatch_usage_free(struct tcpwatch_usage *usage)
{
	tcpwatch_peers_free(&usage->peers);
	tcpwatch_peers_free(&usage->unanswered);
}

void tcpwatch_usage_wrongs(struct seq_file *m, const char *before,
			   const struct tcpwatch_usage *usage)
{
	tcpwatch_cell_names(m, before, usage->wrongs, wrong_names, TCPWATCH_WRONG_COUNT);
}

void tcpwatch_usage_roles(struct seq_file *m, const char *before,
			  const struct tcpwatch_usage *usage)
{
	unsigned int i;
	u32 mask = 0;

	for (i = 0; i < TCPWATCH_ROLE_COUNT; i++) {
		if (usage->roles[i])
			mask |= BIT(i);
	}
	tcpwatch_cell_names(m, before, mask, tcpwatch_role_names, TCPWATCH_ROLE_COUNT);
}
