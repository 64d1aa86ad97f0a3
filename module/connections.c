// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/request_sock.h>
#include <net/tcp.h>

#include "bound.h"
#include "compat.h"
#include "connections.h"
#include "netns.h"
#include "sock.h"
#include "usage.h"
#include "walk.h"

const char *const tcpwatch_timer_names[] = { TCPWATCH_TIMERS(TCPWATCH_NAME) };

/* Buckets passed before others get the CPU. */
#define BREATH	256

/* Requests that there is room for, at least, when a bucket is looked at. */
#define FEW	64

static u32 left_ms(unsigned long when)
{
	long left = when - jiffies;

	return left > 0 ? jiffies_to_msecs(left) : 0;
}

/* As get_tcp4_sock() tells it. */
static void copy_timer(struct tcpwatch_connection *to, const struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);

	switch (READ_ONCE(icsk->icsk_pending)) {
	case ICSK_TIME_RETRANS:
	case ICSK_TIME_REO_TIMEOUT:
	case ICSK_TIME_LOSS_PROBE:
		to->timer = TCPWATCH_TIMER_RETRANSMIT;
		to->timer_ms = left_ms(compat_timeout(sk));
		to->retries = READ_ONCE(icsk->icsk_retransmits);
		break;
	case ICSK_TIME_PROBE0:
		to->timer = TCPWATCH_TIMER_PROBE;
		to->timer_ms = left_ms(compat_timeout(sk));
		to->retries = READ_ONCE(icsk->icsk_probes_out);
		break;
	default:
		to->retries = READ_ONCE(icsk->icsk_probes_out);
		if (!timer_pending(&icsk->icsk_keepalive_timer))
			break;
		to->timer = TCPWATCH_TIMER_KEEPALIVE;
		to->timer_ms = left_ms(READ_ONCE(icsk->icsk_keepalive_timer.expires));
	}
}

static void copy_connected(struct tcpwatch_connection *to, const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s32 received = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);
	u32 sent = READ_ONCE(tp->lsndtime), got = READ_ONCE(inet_csk(sk)->icsk_ack.lrcvtime);
	s32 idle = min_t(s32, tcp_jiffies32 - sent, tcp_jiffies32 - got);

	to->connected = true;
	/* a FIN counts as a byte that is never read */
	to->received = max(received, 0);
	to->unacked = READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_una);
	/* neither is set before the handshake is complete */
	to->idle_known = to->is.bind.state != TCP_SYN_SENT;
	to->idle_ms = jiffies_to_msecs(max(idle, 0));
	copy_timer(to, sk);
}

static void copy(struct tcpwatch_connection *to, const struct sock *sk,
		 const struct inet_bind_bucket *tb)
{
	*to = (struct tcpwatch_connection){};
	tcpwatch_sock_bind(&to->is.bind, sk);
	tcpwatch_sock_complete(&to->is, sk, tb);
	switch (to->is.bind.state) {
	case TCP_TIME_WAIT:
		to->timer = TCPWATCH_TIMER_TIME_WAIT;
		to->timer_ms = tcpwatch_sock_frees_ms(sk);
		if (to->is.substate == TCP_TIME_WAIT)
			to->age_ms = tcpwatch_sock_age_ms(sk);
		break;
	case TCP_LISTEN:
		to->received = READ_ONCE(sk->sk_ack_backlog);
		to->unacked = READ_ONCE(sk->sk_max_ack_backlog);
		break;
	case TCP_CLOSE:
		break;
	default:
		copy_connected(to, sk);
	}
}

static void begin(void *arg)
{
	struct tcpwatch_connections *connections = arg;

	connections->count = 0;
	connections->more = 0;
	connections->listened = false;
	connections->requests = 0;
}

static void visit(struct sock *sk, const struct inet_bind_bucket *tb, void *arg)
{
	struct tcpwatch_connections *connections = arg;
	struct tcpwatch_connection *to;
	enum tcpwatch_role role;
	bool known;

	known = tcpwatch_usage_role(&role, sk, tb);
	if (role == TCPWATCH_ROLE_LISTENING)
		connections->requests += reqsk_queue_len(&inet_csk(sk)->icsk_accept_queue);
	connections->listened |= role == TCPWATCH_ROLE_LISTENING || role == TCPWATCH_ROLE_ACCEPTED;
	if (connections->count == connections->room) {
		connections->more++;
		return;
	}
	to = &connections->list[connections->count++];
	copy(to, sk, tb);
	to->role = role;
	to->role_known = known;
}

/* Of TIME-WAIT that does not tell, as tcpwatch_usage_take() has it: one stands for all. */
static void conclude(struct tcpwatch_connections *connections, const struct tcpwatch_port *port)
{
	struct tcpwatch_connection *to, *end = connections->list + connections->count;
	bool listened = connections->listened, asked = listened;
	struct tcpwatch_bound bound;

	for (to = connections->list; to < end; to++) {
		if (to->role_known)
			continue;
		if (!asked) {
			asked = true;
			listened = !tcpwatch_bound_find_now(&bound, &to->is, port->netns_cookie) ||
				   bound.listened;
		}
		if (listened)
			to->role = TCPWATCH_ROLE_ACCEPTED;
	}
}

static int grow(struct tcpwatch_connections *connections, unsigned int by)
{
	unsigned int room = min_t(unsigned int, TCPWATCH_CONNECTIONS_MAX,
				  max(connections->room * 2, connections->count + by));
	struct tcpwatch_connection *list;

	if (connections->count + by <= connections->room || room == connections->room)
		return 0;
	list = kvmalloc_array(room, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list)
		return -ENOMEM;
	if (connections->count)
		memcpy(list, connections->list, connections->count * sizeof(*list));
	kvfree(connections->list);
	connections->list = list;
	connections->room = room;
	return 0;
}

static int make_room(void *connections, unsigned int few)
{
	return grow(connections, few);
}

static const struct tcpwatch_visitor visitor = {
	.begin = begin, .room = make_room, .visit = visit,
};

static void copy_request(struct tcpwatch_connection *to, const struct sock *sk)
{
	const struct request_sock *req = inet_reqsk((struct sock *)sk);

	*to = (struct tcpwatch_connection){
		.role = TCPWATCH_ROLE_ACCEPTED,
		.role_known = true,
		.timer = TCPWATCH_TIMER_RETRANSMIT,
		.timer_ms = left_ms(READ_ONCE(req->rsk_timer.expires)),
		.retries = req->num_timeout,
	};
	to->is.bind.family = sk->sk_family;
	to->is.bind.addr = tcpwatch_sock_local(sk);
	tcpwatch_sock_complete(&to->is, sk, NULL);
}

/* One bucket of the table of connections. */
static void add_requests(struct tcpwatch_connections *connections, struct inet_hashinfo *hashinfo,
			 unsigned int bucket, const struct tcpwatch_port *port)
{
	spinlock_t *lock = inet_ehash_lockp(hashinfo, bucket);
	struct hlist_nulls_node *node;
	struct sock *sk;

	spin_lock_bh(lock);
	sk_nulls_for_each(sk, node, &hashinfo->ehash[bucket].chain) {
		if (READ_ONCE(sk->sk_state) != TCP_NEW_SYN_RECV || sk->sk_num != port->port ||
		    sock_net(sk) != port->net)
			continue;
		/* it is in the table before its timer is armed */
		if (!refcount_read(&sk->sk_refcnt))
			continue;
		if (connections->count < connections->room)
			copy_request(&connections->list[connections->count++], sk);
		else
			connections->more++;
	}
	spin_unlock_bh(lock);
}

static int take_requests(struct tcpwatch_connections *connections,
			 const struct tcpwatch_port *port)
{
	struct net *net = tcpwatch_netns_get(port->netns_cookie);
	struct inet_hashinfo *hashinfo;
	unsigned int bucket;
	int err = 0;

	if (!net)
		return 0;
	hashinfo = net->ipv4.tcp_death_row.hashinfo;
	for (bucket = 0; bucket <= hashinfo->ehash_mask && !err; bucket++) {
		if (bucket % BREATH == 0) {
			cond_resched();
			if (fatal_signal_pending(current))
				err = -EINTR;
		}
		if (hlist_nulls_empty(&hashinfo->ehash[bucket].chain))
			continue;
		err = err ?: grow(connections, FEW);
		if (!err)
			add_requests(connections, hashinfo, bucket, port);
	}
	put_net(net);
	return err;
}

int tcpwatch_connections_take(struct tcpwatch_connections *connections,
			      const struct tcpwatch_port *port)
{
	int err;

	err = tcpwatch_walk(port, &visitor, connections);
	if (err)
		return err;
	conclude(connections, port);
	return connections->requests ? take_requests(connections, port) : 0;
}

void tcpwatch_connections_free(struct tcpwatch_connections *connections)
{
	kvfree(connections->list);
	*connections = (struct tcpwatch_connections){};
}
