// SPDX-License-Identifier: GPL-2.0
/*
 * The lists of owners are plain ones under a lock that every bind and every accepted
 * connection of the port takes. To go on after it was let go we keep references on the
 * last few that were visited: new ones come first, so that what follows one of them that
 * still is in the list is what has not been visited.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#include "compat.h"
#include "portset.h"
#include "walk.h"

/* Chains passed before others get the CPU. */
#define BREATH	256

/* The last few. */
#define KEPT	16

/*
 * Owners that are visited before the lock is let go: four times as many each time that the
 * place is lost, for which the last KEPT of them have to go in that moment. So the walk comes
 * to an end, and those that are left are no more than bind() itself looks at under the lock.
 */
#define FEW	64
#define LOST	6

static struct inet_bind_hashbucket *head_of(u32 chain)
{
	/* network namespaces may have a table of connections for themselves, but not of ports */
	return &init_net.ipv4.tcp_death_row.hashinfo->bhash[chain];
}

static u32 chain_of(const struct net *net, u16 port)
{
	return inet_bhashfn(net, port, init_net.ipv4.tcp_death_row.hashinfo->bhash_size);
}

static int by_port(const void *left, const void *right)
{
	const struct tcpwatch_port *a = left, *b = right;

	if (a->netns != b->netns)
		return a->netns < b->netns ? -1 : 1;
	if (a->netns_cookie != b->netns_cookie)
		return a->netns_cookie < b->netns_cookie ? -1 : 1;
	return (int)a->port - b->port;
}

static int grow(struct tcpwatch_in_use *in_use, unsigned int by)
{
	unsigned int room = max(in_use->room * 2, in_use->count + by + 64);
	struct tcpwatch_port *ports;

	ports = kvmalloc_array(room, sizeof(*ports), GFP_KERNEL_ACCOUNT);
	if (!ports)
		return -ENOMEM;
	if (in_use->count)
		memcpy(ports, in_use->ports, in_use->count * sizeof(*ports));
	kvfree(in_use->ports);
	in_use->ports = ports;
	in_use->room = room;
	return 0;
}

/* A port can have several buckets, by l3mdev. */
static bool is_there(const struct tcpwatch_in_use *in_use, unsigned int first,
		     const struct inet_bind_bucket *tb)
{
	for (; first < in_use->count; first++) {
		if (in_use->ports[first].net == ib_net(tb) && in_use->ports[first].port == tb->port)
			return true;
	}
	return false;
}

/* Returns how many more there are on this chain than there is room for. */
static unsigned int add_chain(struct tcpwatch_in_use *in_use, u32 chain, u64 netns_cookie,
			      const struct tcpwatch_portset *set)
{
	struct inet_bind_hashbucket *head = head_of(chain);
	unsigned int first = in_use->count, more = 0;
	struct inet_bind_bucket *tb;
	const struct net *net;

	spin_lock_bh(&head->lock);
	inet_bind_bucket_for_each(tb, &head->chain) {
		net = ib_net(tb);
		if ((netns_cookie && net->net_cookie != netns_cookie) ||
		    !tcpwatch_portset_has(set, tb->port) || is_there(in_use, first, tb))
			continue;
		if (in_use->count == in_use->room) {
			more++;
			continue;
		}
		in_use->ports[in_use->count++] = (struct tcpwatch_port){
			.net = net,
			.netns_cookie = net->net_cookie,
			.netns = net->ns.inum,
			.chain = chain,
			.port = tb->port,
		};
	}
	spin_unlock_bh(&head->lock);
	if (more)
		in_use->count = first;
	return more;
}

static int look_at(struct tcpwatch_in_use *in_use, u32 chain, u64 netns_cookie,
		   const struct tcpwatch_portset *set)
{
	unsigned int more;

	if (hlist_empty(&head_of(chain)->chain))
		return 0;
	while ((more = add_chain(in_use, chain, netns_cookie, set))) {
		if (grow(in_use, more))
			return -ENOMEM;
	}
	return 0;
}

static int breathe(unsigned int count)
{
	if (count % BREATH)
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int take_all(struct tcpwatch_in_use *in_use, u64 netns_cookie,
		    const struct tcpwatch_portset *set)
{
	unsigned int chains = init_net.ipv4.tcp_death_row.hashinfo->bhash_size;
	int err = 0;
	u32 chain;

	for (chain = 0; chain < chains && !err; chain++)
		err = breathe(chain) ?: look_at(in_use, chain, netns_cookie, set);
	return err;
}

static int take_range(struct tcpwatch_in_use *in_use, const struct net *net, u16 lo, u16 hi)
{
	struct tcpwatch_portset one;
	unsigned int port;
	int err = 0;

	for (port = lo; port <= hi && !err; port++) {
		tcpwatch_portset_one(&one, port);
		err = look_at(in_use, chain_of(net, port), net->net_cookie, &one);
	}
	return err;
}

/* Each by its own chain, in each network namespace. */
static int take_few(struct tcpwatch_in_use *in_use, u64 netns_cookie,
		    const struct tcpwatch_portset *set)
{
	unsigned int i, count = 0;
	struct net *net;
	int err = 0;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (netns_cookie && net->net_cookie != netns_cookie)
			continue;
		err = breathe(count++);
		for (i = 0; i < set->count && !err; i++)
			err = take_range(in_use, net, set->range[i].lo, set->range[i].hi);
		if (err)
			break;
	}
	up_read(&net_rwsem);
	return err;
}

/* A choice may name a port twice. */
static void sort_ports(struct tcpwatch_in_use *in_use)
{
	unsigned int i, count = 0;

	sort(in_use->ports, in_use->count, sizeof(*in_use->ports), by_port, NULL);
	for (i = 0; i < in_use->count; i++) {
		if (!count || by_port(&in_use->ports[count - 1], &in_use->ports[i]))
			in_use->ports[count++] = in_use->ports[i];
	}
	in_use->count = count;
}

int tcpwatch_in_use_take(struct tcpwatch_in_use *in_use, u64 netns_cookie,
			 const struct tcpwatch_portset *set)
{
	int err;

	*in_use = (struct tcpwatch_in_use){};
	if (tcpwatch_portset_is_small(set))
		err = take_few(in_use, netns_cookie, set);
	else
		err = take_all(in_use, netns_cookie, set);
	if (err)
		tcpwatch_in_use_free(in_use);
	else
		sort_ports(in_use);
	return err;
}

void tcpwatch_in_use_free(struct tcpwatch_in_use *in_use)
{
	kvfree(in_use->ports);
	*in_use = (struct tcpwatch_in_use){};
}

/**
 * struct kept - sockets that are kept by a reference
 * @sk: a ring of them, with gaps
 * @among: the owners of its address, among which each was; NULL: they are not told apart
 * @next: where the next goes
 */
struct kept {
	struct sock *sk[KEPT];
	const struct inet_bind2_bucket *among[KEPT];
	unsigned int next;
};

/**
 * struct walk - a walk under way
 * @port: of which port
 * @visitor: what is done with the owners
 * @arg: and its argument
 * @tb: the bucket that is walked
 * @left: how many may be visited before the lock is let go
 * @kept: those visited last, before the lock was taken
 * @fresh: and since then
 */
struct walk {
	const struct tcpwatch_port *port;
	const struct tcpwatch_visitor *visitor;
	void *arg;
	const struct inet_bind_bucket *tb;
	unsigned int left;
	struct kept kept;
	struct kept fresh;
};

/*
 * A socket that goes to TIME-WAIT stays in the list until a moment after it is gone from
 * the table of connections, and what it leaves comes to the list a moment before.
 */
static bool is_told(const struct sock *sk)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_TIME_WAIT:
		return refcount_read(&sk->sk_refcnt) && timer_pending(&inet_twsk(sk)->tw_timer);
	case TCP_LISTEN:
		return true;
	case TCP_CLOSE:
		/* bound, unless it is about to go */
		return !sock_flag(sk, SOCK_DEAD);
	default:
		return sk_hashed(sk);
	}
}

/* Not one of the kernel's own, which keeps no namespace. */
static void keep(struct kept *kept, struct sock *sk)
{
	if ((sk_fullsock(sk) && !sk->sk_net_refcnt) || !refcount_inc_not_zero(&sk->sk_refcnt))
		return;
	kept->sk[kept->next] = sk;
	kept->among[kept->next] = compat_owned_address(sk);
	kept->next = (kept->next + 1) % KEPT;
}

static bool visit(struct sock *sk, void *arg)
{
	struct walk *walk = arg;

	if (is_told(sk))
		walk->visitor->visit(sk, walk->tb, walk->arg);
	/* they are needed only if there are more to come */
	if (walk->left <= KEPT)
		keep(&walk->fresh, sk);
	return !--walk->left;
}

static void let_go(struct kept *kept)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++) {
		if (kept->sk[i])
			sock_gen_put(kept->sk[i]);
	}
}

static bool is_of(const struct inet_bind_bucket *tb, const struct tcpwatch_port *port)
{
	/* another namespace may have come to be where it was */
	return tb->port == port->port && ib_net(tb) == port->net &&
	       ib_net(tb)->net_cookie == port->netns_cookie;
}

/* The last one that is in the list still, with its bucket. */
static struct sock *find_place(struct walk *walk)
{
	struct inet_bind_bucket *tb;
	unsigned int i, at;
	struct sock *sk;

	for (i = 1; i <= KEPT; i++) {
		at = (walk->kept.next + KEPT - i) % KEPT;
		sk = walk->kept.sk[at];
		/* connect() may have moved it */
		if (!sk || walk->kept.among[at] != compat_owned_address(sk))
			continue;
		inet_bind_bucket_for_each(tb, &head_of(walk->port->chain)->chain) {
			if (tb != compat_owned(sk) || !is_of(tb, walk->port))
				continue;
			walk->tb = tb;
			return sk;
		}
	}
	return NULL;
}

/* Those after this one, or all. Returns true when none is left. */
static bool visit_few(struct walk *walk, struct sock *after)
{
	struct inet_bind_bucket *tb;

	if (after) {
		compat_walk_owners_after(walk->tb, after, visit, walk);
		tb = hlist_entry_safe(walk->tb->node.next, struct inet_bind_bucket, node);
	} else {
		tb = hlist_entry_safe(head_of(walk->port->chain)->chain.first,
				      struct inet_bind_bucket, node);
	}
	hlist_for_each_entry_from(tb, node) {
		if (!walk->left)
			return false;
		walk->tb = tb;
		if (is_of(tb, walk->port))
			compat_walk_owners(tb, visit, walk);
	}
	return walk->left;
}

/* Returns 1 when all have been visited, 0 if not, -EAGAIN when the place is lost. */
static int go_on(struct walk *walk, bool first)
{
	struct inet_bind_hashbucket *head = head_of(walk->port->chain);
	struct sock *after = NULL;
	int done = -EAGAIN;

	walk->fresh = (struct kept){};
	spin_lock_bh(&head->lock);
	if (!first)
		after = find_place(walk);
	if (first || after)
		done = visit_few(walk, after);
	spin_unlock_bh(&head->lock);
	let_go(&walk->kept);
	walk->kept = walk->fresh;
	return done;
}

int tcpwatch_walk(const struct tcpwatch_port *port, const struct tcpwatch_visitor *visitor,
		  void *arg)
{
	struct walk walk = { .port = port, .visitor = visitor, .arg = arg };
	unsigned int lost = 0;
	bool first = true;
	int done;

	do {
		if (first)
			visitor->begin(arg);
		walk.left = FEW << 2 * min(lost, LOST);
		done = visitor->room ? visitor->room(arg, walk.left) : 0;
		if (done)
			break;
		done = go_on(&walk, first);
		first = done == -EAGAIN;
		lost += first;
		cond_resched();
		if (fatal_signal_pending(current))
			done = -EINTR;
	} while (!done || done == -EAGAIN);
	let_go(&walk.kept);
	return min(done, 0);
}
