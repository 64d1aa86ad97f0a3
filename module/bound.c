// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing tells us that a socket is gone, since its end must cost nothing. So the
 * notes are kept until their places are needed, and then a worker looks which of
 * them are of ports that nobody owns any more.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "bound.h"
#include "compat.h"
#include "exits.h"
#include "netns.h"
#include "owner.h"
#include "sock.h"
#include "stats.h"

/* Sockets remembered, and chains of them by port. */
#define NOTES		8192
#define CHAIN_BITS	12

/* Fewer free places than this make the worker look for more. */
#define FREE_LOW	(NOTES / 8)

/* And it rests so long before it looks again. */
#define SWEEP_REST	(HZ / 5)

/* Places passed over, when all are taken, to spare the sockets that listen. */
#define SPARE		32

/* Notes of one port, after which the next takes the place of the oldest. */
#define PER_PORT	32

/**
 * struct note - a socket and who bound it
 * @next: index of the next on its chain, or on the list of free ones; NOTES: none
 * @port: local port, 0: a free place
 * @listened: it has been in listen()
 * @seeded: it was there before us
 * @id: address of the socket, to know it again
 * @ino: its inode, since memory is used again
 * @netns_cookie: cookie of its network namespace
 * @addr: local address, an IPv4 one as v4-mapped
 * @v6only: of a wildcard @addr
 * @time: when, CLOCK_BOOTTIME in nanoseconds
 * @mono: the same by CLOCK_MONOTONIC
 * @start: when the process was started, which tells it from the next with its pid
 * @task: the process
 * @cgroup: id of its control group
 */
struct note {
	u16 next;
	u16 port;
	bool listened;
	bool seeded;
	bool v6only;
	unsigned long id;
	u64 ino;
	u64 netns_cookie;
	struct in6_addr addr;
	u64 time;
	u64 mono;
	u64 start;
	struct tcpwatch_task task;
	u64 cgroup;
};

/* Guards all below; taken in probe handlers, outside of the lock of exits. */
static DEFINE_RAW_SPINLOCK(lock);
static struct note *notes;
static u16 chains[1 << CHAIN_BITS];
static u64 multiplier;	/* random and odd: nobody can choose a chain */
static u16 free_first;
static unsigned int free_count;
static unsigned long next_sweep;	/* not before then, in jiffies */
static unsigned int hand;	/* the next place to be taken from its note */

static void sweep(struct work_struct *work);
static DECLARE_WORK(sweeper, sweep);
static struct workqueue_struct *queue;

static u16 *chain_of(u64 netns_cookie, u16 port)
{
	return &chains[((netns_cookie << 16 | port) * multiplier) >> (64 - CHAIN_BITS)];
}

static void unlink_note(u16 at)
{
	u16 *link = chain_of(notes[at].netns_cookie, notes[at].port);

	while (*link != at)
		link = &notes[*link].next;
	*link = notes[at].next;
}

static void free_note(u16 at)
{
	notes[at].port = 0;
	notes[at].next = free_first;
	free_first = at;
	free_count++;
}

/* A place that is taken from another note: what listens is spared for a while. */
static u16 take_hand(void)
{
	unsigned int tries = SPARE;
	u16 at;

	do {
		at = hand++ % NOTES;
	} while (notes[at].listened && --tries);
	unlink_note(at);
	tcpwatch_stat_add(TCPWATCH_STAT_BOUND_FORGOTTEN, 1);
	return at;
}

static u16 take_place(void)
{
	u16 at = free_first;

	if (at == NOTES)
		return take_hand();
	free_first = notes[at].next;
	free_count--;
	return at;
}

/*
 * The link to the note of this address, be it of this socket or of one that was there
 * before; else NULL and, of a port that has as many notes as one may have, the link to the
 * oldest that does not listen, or that does. The newest come first.
 */
static u16 *find_note(u16 *chain, const struct sock *sk, u16 port, u64 netns_cookie,
		      u16 **surplus)
{
	u16 *link, *oldest = NULL, *oldest_idle = NULL;
	unsigned int count = 0;
	struct note *note;

	for (link = chain; *link != NOTES; link = &note->next) {
		note = &notes[*link];
		if (note->port != port || note->netns_cookie != netns_cookie)
			continue;
		if (note->id == (unsigned long)sk)
			return link;
		oldest = link;
		if (!note->listened)
			oldest_idle = link;
		count++;
	}
	*surplus = count < PER_PORT ? NULL : oldest_idle ?: oldest;
	return NULL;
}

/* Makes the note come first that was at a link. */
static struct note *renew_note(u16 *chain, u16 *link)
{
	u16 at = *link;

	*link = notes[at].next;
	notes[at].next = *chain;
	*chain = at;
	return &notes[at];
}

/* surplus: from find_note(): of one to take the place of, or NULL */
static struct note *make_note(u16 *chain, u16 port, u64 netns_cookie, u16 *surplus)
{
	u16 made;

	if (surplus) {
		tcpwatch_stat_add(TCPWATCH_STAT_BOUND_FORGOTTEN, 1);
		return renew_note(chain, surplus);
	}
	made = take_place();
	notes[made].port = port;
	notes[made].netns_cookie = netns_cookie;
	return renew_note(chain, &made);
}

static void fill(struct note *note, const struct sock *sk, struct task_struct *task)
{
	ktime_t now = ktime_get();

	note->id = (unsigned long)sk;
	note->ino = compat_sk_ino(sk);
	note->listened = tcpwatch_sock_listens(sk);
	note->v6only = ipv6_only_sock(sk);
	note->addr = tcpwatch_sock_local(sk);
	note->time = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	note->mono = ktime_to_ns(now);
	note->start = task->group_leader->start_time;
	tcpwatch_task_copy(&note->task, task);
	note->cgroup = tcpwatch_task_cgroup(task);
	tcpwatch_exits_watch(note->task.pid, note->start);
}

/* A server that was there before may have left TIME-WAIT: its note stays. */
static bool is_kept(const struct note *note, const struct sock *sk)
{
	return note->listened && note->ino != compat_sk_ino(sk);
}

void tcpwatch_bound_note(const struct sock *sk)
{
	u64 netns_cookie = sock_net(sk)->net_cookie;
	/* after bind() another thread may give it back, or have another */
	u16 port = READ_ONCE(sk->sk_num);
	u16 *chain = chain_of(netns_cookie, port);
	u16 *link, *surplus;
	struct note *note;
	bool low;

	if (!port)
		return;
	raw_spin_lock(&lock);
	link = find_note(chain, sk, port, netns_cookie, &surplus);
	if (link && is_kept(&notes[*link], sk)) {
		notes[*link].id = 0;
		link = find_note(chain, sk, port, netns_cookie, &surplus);
	}
	if (link && tcpwatch_sock_listens(sk) && notes[*link].ino == compat_sk_ino(sk)) {
		/* who bound it stays who bound it */
		notes[*link].listened = true;
	} else {
		note = link ? renew_note(chain, link) :
			      make_note(chain, port, netns_cookie, surplus);
		note->seeded = false;
		fill(note, sk, current);
	}
	low = free_count <= FREE_LOW && time_after_eq(jiffies, next_sweep);
	if (low)
		next_sweep = jiffies + SWEEP_REST;
	raw_spin_unlock(&lock);
	if (low)
		queue_work(queue, &sweeper);
}

static bool is_bound(const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return state == TCP_LISTEN || state == TCP_CLOSE ||
	       /* as it may change, so may what is bound */
	       data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK);
}

static void seed_one(struct task_struct *task, struct socket *sock, void *unused)
{
	const struct sock *sk = sock->sk;
	u16 *chain, *surplus;
	u64 netns_cookie;
	struct note *note;
	u16 port;

	if (!sk || sk->sk_protocol != IPPROTO_TCP || !sk_is_inet(sk) || !is_bound(sk))
		return;
	port = READ_ONCE(sk->sk_num);
	if (!port)
		return;
	netns_cookie = sock_net(sk)->net_cookie;
	chain = chain_of(netns_cookie, port);
	preempt_disable();
	raw_spin_lock(&lock);
	if (free_first != NOTES && !find_note(chain, sk, port, netns_cookie, &surplus)) {
		note = make_note(chain, port, netns_cookie, surplus);
		note->seeded = true;
		fill(note, sk, task);
	}
	raw_spin_unlock(&lock);
	preempt_enable();
}

void tcpwatch_bound_seed(void)
{
	tcpwatch_owner_each(seed_one, NULL);
}

/* Does anybody own the port? */
static bool is_owned(struct net *net, u16 port)
{
	struct inet_hashinfo *hashinfo = net->ipv4.tcp_death_row.hashinfo;
	struct inet_bind_hashbucket *head;
	struct inet_bind_bucket *tb;
	bool owned = false;

	head = &hashinfo->bhash[inet_bhashfn(net, port, hashinfo->bhash_size)];
	spin_lock_bh(&head->lock);
	inet_bind_bucket_for_each(tb, &head->chain)
		owned |= net_eq(ib_net(tb), net) && tb->port == port;
	spin_unlock_bh(&head->lock);
	return owned;
}

static void sweep(struct work_struct *work)
{
	u64 netns_cookie = 0;
	struct net *net = NULL;
	struct note note;
	unsigned int at;

	for (at = 0; at < NOTES; at++) {
		cond_resched();
		raw_spin_lock_irq(&lock);
		note = notes[at];
		raw_spin_unlock_irq(&lock);
		if (!note.port)
			continue;
		if (!net || note.netns_cookie != netns_cookie) {
			if (net)
				put_net(net);
			netns_cookie = note.netns_cookie;
			net = tcpwatch_netns_get(netns_cookie);
		}
		if (net && is_owned(net, note.port))
			continue;
		raw_spin_lock_irq(&lock);
		/* taken for another meanwhile? */
		if (notes[at].port == note.port && notes[at].time == note.time) {
			unlink_note(at);
			free_note(at);
		}
		raw_spin_unlock_irq(&lock);
	}
	if (net)
		put_net(net);
}

static bool covers(const struct note *note, const struct tcpwatch_sock *sock)
{
	const struct in6_addr *addr = &sock->bind.addr;

	if (ipv6_addr_equal(&note->addr, addr))
		return true;
	if (ipv6_addr_any(&note->addr))
		return !(note->v6only && ipv6_addr_v4mapped(addr));
	return ipv6_addr_v4mapped(&note->addr) && !note->addr.s6_addr32[3] &&
	       ipv6_addr_v4mapped(addr);
}

/*
 * An orphan has lost its inode. Then it is known by its address, if it has bound a
 * port itself, so that it is not a connection where another socket was before.
 */
static bool is_of(const struct note *note, const struct tcpwatch_sock *sock)
{
	if (note->id != sock->id)
		return false;
	return sock->ino ? note->ino == sock->ino : sock->self_bound;
}

/* Under the lock: the socket's own note, else the newest that it can come from. */
static const struct note *best_note(const struct tcpwatch_sock *sock, u64 netns_cookie, u64 mono)
{
	const struct note *best = NULL;
	u16 at;

	for (at = *chain_of(netns_cookie, sock->port); at != NOTES; at = notes[at].next) {
		const struct note *note = &notes[at];

		if (note->port != sock->port || note->netns_cookie != netns_cookie ||
		    note->mono > mono)
			continue;
		if (is_of(note, sock))
			return note;
		if (!sock->connect_bound && covers(note, sock) &&
		    (!best || note->mono > best->mono))
			best = note;
	}
	return best;
}

bool tcpwatch_bound_find(struct tcpwatch_bound *bound, const struct tcpwatch_sock *sock,
			 u64 netns_cookie, u64 mono, u64 now)
{
	const struct note *note;
	u64 start = 0;

	raw_spin_lock_irq(&lock);
	note = best_note(sock, netns_cookie, mono);
	if (note) {
		bound->task = note->task;
		bound->cgroup = note->cgroup;
		bound->time = note->time;
		start = note->start;
		bound->seeded = note->seeded;
		bound->listened = note->listened;
	}
	raw_spin_unlock_irq(&lock);
	if (!note)
		return false;
	bound->exited = tcpwatch_exits_before(bound->task.pid, start, now, &bound->exited_at);
	return true;
}

int tcpwatch_bound_init(void)
{
	unsigned int i;

	notes = vcalloc(NOTES, sizeof(*notes));
	queue = alloc_workqueue("tcpwatch_bound", WQ_UNBOUND, 1);
	if (!notes || !queue) {
		if (queue)
			destroy_workqueue(queue);
		vfree(notes);
		return -ENOMEM;
	}
	multiplier = get_random_u64() | 1;
	next_sweep = jiffies;
	memset16(chains, NOTES, ARRAY_SIZE(chains));
	free_first = NOTES;
	for (i = NOTES; i--; )
		free_note(i);
	return 0;
}

void tcpwatch_bound_exit(void)
{
	destroy_workqueue(queue);
	vfree(notes);
}
