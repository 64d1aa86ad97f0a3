// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sched/signal.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/tcp.h>

#include "compat.h"
#include "dryrun.h"
#include "request.h"
#include "sock.h"
#include "tuple.h"
#include "verdict.h"

/* Ports looked at before others get the CPU. */
#define BREATH	128

/**
 * struct trial - a request being judged
 * @facts: the verdict
 * @request: the request
 * @net: its namespace
 * @sk: the socket that would make it, or NULL
 * @l3mdev: the l3mdev of its device, by which buckets are told apart
 */
struct trial {
	struct tcpwatch_facts *facts;
	const struct tcpwatch_request *request;
	struct net *net;
	struct sock *sk;
	int l3mdev;
};

static bool refuse(struct trial *trial, int error)
{
	trial->facts->error = error;
	return false;
}

static bool may_have_port(struct trial *trial)
{
	u16 port = trial->facts->want.port;

	if (!port || !inet_port_requires_bind_service(trial->net, port) ||
	    file_ns_capable(trial->request->file, trial->net->user_ns, CAP_NET_BIND_SERVICE))
		return true;
	trial->facts->rule = TCPWATCH_RULE_PORT_PRIVILEGED;
	return refuse(trial, EACCES);
}

/* inet_can_nonlocal_bind() and ipv6_can_nonlocal_bind() */
static bool may_be_elsewhere(const struct trial *trial, bool v6)
{
	const struct net *net = trial->net;

	if (v6 ? READ_ONCE(net->ipv6.sysctl.ip_nonlocal_bind)
	       : READ_ONCE(net->ipv4.sysctl_ip_nonlocal_bind))
		return true;
	return trial->sk && compat_can_nonlocal(trial->sk);
}

static bool is_here4(const struct trial *trial, __be32 addr)
{
	int dev = trial->facts->want.bind.dev;
	u32 table = RT_TABLE_LOCAL;
	unsigned int type;

	if (dev)
		table = l3mdev_fib_table_by_index(trial->net, dev) ?: table;
	type = inet_addr_type_table(trial->net, addr, table);
	return !addr || type == RTN_LOCAL || type == RTN_MULTICAST || type == RTN_BROADCAST;
}

static bool is_here6(const struct trial *trial, const struct in6_addr *addr)
{
	int index = trial->facts->want.bind.dev;
	struct net_device *dev;
	bool here;

	rcu_read_lock();
	dev = index ? dev_get_by_index_rcu(trial->net, index) : NULL;
	here = ipv6_chk_addr(trial->net, addr, dev, 0);
	rcu_read_unlock();
	return here;
}

static bool may_have_address(struct trial *trial)
{
	const struct in6_addr *addr = &trial->facts->want.bind.addr;
	bool v6 = !ipv6_addr_v4mapped(addr);

	if (ipv6_addr_any(addr) || may_be_elsewhere(trial, v6) ||
	    (v6 ? is_here6(trial, addr) : is_here4(trial, addr->s6_addr32[3])))
		return true;
	trial->facts->rule = tcpwatch_verdict_address(trial->net, addr);
	trial->facts->fixes = BIT(TCPWATCH_FIX_FREEBIND);
	return refuse(trial, EADDRNOTAVAIL);
}

static struct inet_bind_hashbucket *chain_of(const struct trial *trial, u16 port)
{
	struct inet_hashinfo *hashinfo = trial->net->ipv4.tcp_death_row.hashinfo;

	return &hashinfo->bhash[inet_bhashfn(trial->net, port, hashinfo->bhash_size)];
}

/* An explicit port, for bind() or for listen() on it. */
static bool may_share(struct trial *trial, enum tcpwatch_call call)
{
	struct tcpwatch_facts *facts = trial->facts;
	struct inet_bind_hashbucket *head = chain_of(trial, facts->want.port);
	bool listening = call == TCPWATCH_CALL_LISTEN;
	struct tcpwatch_bucket bucket;
	struct inet_bind_bucket *tb;

	facts->call = call;
	spin_lock_bh(&head->lock);
	tb = tcpwatch_sock_find_bucket(trial->net, facts->want.port, trial->l3mdev);
	if (tb)
		tcpwatch_sock_bucket(&bucket, tb);
	if (tb && !tcpwatch_rules_shortcut(&facts->want.bind, listening, &bucket))
		tcpwatch_verdict_owners(facts, trial->sk, tb, NULL, TCPWATCH_PICK_EXPLICIT,
					false);
	spin_unlock_bh(&head->lock);
	return !facts->holders || refuse(trial, EADDRINUSE);
}

/* The range in force, as inet_sk_get_local_port_range() puts it together. */
static void find_range(struct trial *trial, int *lo, int *hi)
{
	const struct tcpwatch_request *request = trial->request;
	int low, high;

	if (trial->sk && !request->range_lo) {
		inet_sk_get_local_port_range(trial->sk, lo, hi);
		return;
	}
	inet_get_local_port_range(trial->net, &low, &high);
	*lo = request->range_lo >= low && request->range_lo <= high ? request->range_lo : low;
	*hi = request->range_lo && request->range_hi >= low && request->range_hi <= high ?
		request->range_hi : high;
}

static bool is_free_for_bind(struct trial *trial, u16 port, enum tcpwatch_pick pick)
{
	struct tcpwatch_facts *facts = trial->facts;
	struct inet_bind_hashbucket *head = chain_of(trial, port);
	struct inet_bind_bucket *tb;

	tcpwatch_verdict_init(facts);
	spin_lock_bh(&head->lock);
	tb = tcpwatch_sock_find_bucket(trial->net, port, trial->l3mdev);
	if (tb)
		tcpwatch_verdict_owners(facts, trial->sk, tb, NULL, pick, false);
	spin_unlock_bh(&head->lock);
	return !facts->holders;
}

/* connect() shares a port with others that connect() has chosen, and with no one else. */
static bool is_free_for_connect(struct trial *trial, u16 port)
{
	struct tcpwatch_facts *facts = trial->facts;
	struct inet_bind_hashbucket *head = chain_of(trial, port);
	struct inet_bind_bucket *tb;
	bool bound;

	tcpwatch_verdict_init(facts);
	spin_lock_bh(&head->lock);
	tb = tcpwatch_sock_find_bucket(trial->net, port, trial->l3mdev);
	bound = tb && (tb->fastreuse >= 0 || tb->fastreuseport >= 0);
	spin_unlock_bh(&head->lock);
	if (!tb || bound)
		return !bound;
	facts->want.port = port;
	tcpwatch_tuple_judge(facts, trial->net, trial->sk, false);
	facts->want.port = 0;
	return !facts->holders;
}

/*
 * How many ports of a range can be chosen. They are tried in pairs: of three the
 * last one never is, and of a larger odd number one is left out that depends on where
 * the kernel begins, so that another try may find it. SO_REUSEADDR has bind() try
 * the range in two parts.
 */
static int count_tried(const struct trial *trial, int count)
{
	bool parts = !trial->request->connect && trial->facts->want.bind.reuse && count >= 4;
	int last = parts ? count - ((count >> 2) << 1) : count;

	return last == 3 ? count - 1 : count;
}

static bool find_port(struct trial *trial, enum tcpwatch_pick pick, bool whole)
{
	struct tcpwatch_facts *facts = trial->facts;
	int lo, hi, count, i;
	bool found = false;

	find_range(trial, &lo, &hi);
	count = hi - lo + 1;
	if (!whole)
		count = count_tried(trial, count);
	for (i = 0; i < count && !found && !fatal_signal_pending(current); i++) {
		if (!(i % BREATH))
			cond_resched();
		if (inet_is_local_reserved_port(trial->net, lo + i))
			continue;
		found = trial->request->connect ? is_free_for_connect(trial, lo + i)
						: is_free_for_bind(trial, lo + i, pick);
	}
	tcpwatch_verdict_init(facts);
	if (found)
		return true;
	facts->range_lo = lo;
	facts->range_hi = hi;
	return false;
}

static bool may_choose(struct trial *trial)
{
	struct tcpwatch_facts *facts = trial->facts;

	if (find_port(trial, TCPWATCH_PICK_AUTO, false))
		return true;
	if (READ_ONCE(trial->net->ipv4.sysctl_ip_autobind_reuse) &&
	    find_port(trial, TCPWATCH_PICK_AUTO_REUSE, false))
		return true;
	facts->rule = TCPWATCH_RULE_RANGE_EXHAUSTED;
	return refuse(trial, EADDRINUSE);
}

static bool is_own_range(const struct trial *trial)
{
	return trial->request->range_lo || (trial->sk && compat_own_range(trial->sk));
}

static bool may_connect(struct trial *trial)
{
	struct tcpwatch_facts *facts = trial->facts;

	facts->call = TCPWATCH_CALL_CONNECT;
	if (facts->want.port) {
		tcpwatch_tuple_judge(facts, trial->net, trial->sk, true);
		return !facts->holders || refuse(trial, EADDRNOTAVAIL);
	}
	if (find_port(trial, TCPWATCH_PICK_AUTO, COMPAT_CONNECT_WHOLE_RANGE && is_own_range(trial)))
		return true;
	facts->rule = TCPWATCH_RULE_NO_SOURCE_PORT;
	return refuse(trial, EADDRNOTAVAIL);
}

static bool may_bind(struct trial *trial)
{
	const struct tcpwatch_request *request = trial->request;

	if (trial->facts->want.port)
		return may_share(trial, TCPWATCH_CALL_BIND);
	/* without a port connect() chooses it, not bind() */
	return request->connect || may_choose(trial);
}

/*
 * After a bind that shares by SO_REUSEPORT the bucket remembers the socket, and
 * lets it in again unasked.
 */
static bool may_listen(struct trial *trial, bool bound)
{
	if (!trial->facts->want.port || (!bound && trial->facts->want.bind.reuseport))
		return true;
	return may_share(trial, TCPWATCH_CALL_LISTEN);
}

static int l3mdev_of(struct net *net, int dev)
{
	if (!dev || READ_ONCE(net->ipv4.sysctl_tcp_l3mdev_accept))
		return 0;
	return l3mdev_master_ifindex_by_index(net, dev);
}

void tcpwatch_dryrun(struct tcpwatch_facts *facts, const struct tcpwatch_request *request)
{
	struct sock *sk = request->socket ? request->socket->sk : NULL;
	struct trial trial = {
		.facts = facts,
		.request = request,
		.net = request->net,
		.sk = sk,
		.l3mdev = l3mdev_of(request->net, request->want.bind.dev),
	};
	bool bound = sk && sk->sk_num;

	tcpwatch_verdict_init(facts);
	/* a socket of the caller's that has no port gets one in listen() itself */
	facts->call = sk && request->listen && !request->want.port ? TCPWATCH_CALL_LISTEN
								    : TCPWATCH_CALL_BIND;
	facts->error = 0;
	facts->want = request->want;
	if (!bound && !(may_have_port(&trial) && may_have_address(&trial) && may_bind(&trial)))
		return;
	if (request->connect)
		may_connect(&trial);
	else if (request->listen)
		may_listen(&trial, bound);
}
