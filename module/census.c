// SPDX-License-Identifier: GPL-2.0
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <net/inet_hashtables.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "bound.h"
#include "census.h"
#include "compat.h"
#include "netns.h"
#include "portset.h"
#include "sock.h"
#include "walk.h"

/* Lines there is memory for at first. */
#define ROOM	64

/**
 * struct count - a census under way
 * @census: the result
 * @netns_cookie: of whom; 0: of all
 * @peers: the TIME-WAIT sockets to each destination, by its row in the ledger
 * @seen: rows of the ledger that are told
 * @port: the port that is looked at
 * @begun: its owners are being visited
 * @again: for the second time
 * @line: its line; NULL: none of its sockets was in TIME-WAIT yet
 */
struct count {
	struct tcpwatch_census *census;
	u64 netns_cookie;
	struct tcpwatch_ages *peers;
	DECLARE_BITMAP(seen, TCPWATCH_LEDGER_ROWS);
	const struct tcpwatch_port *port;
	bool begun;
	bool again;
	struct tcpwatch_census_line *line;
};

static void add(struct tcpwatch_ages *ages, const struct sock *sk)
{
	u32 left = tcpwatch_sock_frees_ms(sk), age;

	if (!ages->time_wait && !ages->fin_wait2)
		ages->next_ms = left;
	ages->next_ms = min(ages->next_ms, left);
	ages->last_ms = max(ages->last_ms, left);
	if (READ_ONCE(inet_twsk(sk)->tw_substate) == TCP_FIN_WAIT2) {
		ages->fin_wait2++;
		return;
	}
	age = tcpwatch_sock_age_ms(sk);
	if (!ages->time_wait++)
		ages->newest_ms = age;
	ages->newest_ms = min(ages->newest_ms, age);
	ages->oldest_ms = max(ages->oldest_ms, age);
}

static struct tcpwatch_census_line *start_line(struct count *count, const struct sock *sk,
					       bool chosen)
{
	struct tcpwatch_census *census = count->census;
	struct tcpwatch_census_line *line = &census->lines[census->count++];

	*line = (struct tcpwatch_census_line){
		.kind = chosen ? TCPWATCH_CENSUS_CHOSEN : TCPWATCH_CENSUS_LOCAL,
		.family = sk->sk_family,
		.port = count->port->port,
		.netns = sock_net(sk)->ns.inum,
		.netns_cookie = sock_net(sk)->net_cookie,
		.row = -1,
	};
	line->addr = tcpwatch_sock_local(sk);
	if (chosen) {
		line->peer_port = ntohs(sk->sk_dport);
		line->peer = tcpwatch_sock_peer(sk);
	} else {
		line->row = tcpwatch_ledger_index(sk, false, !count->netns_cookie);
	}
	return line;
}

static void begin(void *arg)
{
	struct count *count = arg;

	if (count->line)
		count->census->count--;
	count->line = NULL;
	count->again = count->begun;
	count->begun = true;
}

static void look(struct sock *sk, const struct inet_bind_bucket *tb, void *arg)
{
	struct tcpwatch_census_line *line;
	struct count *count = arg;
	struct in6_addr peer;
	bool chosen;
	int row;

	if (READ_ONCE(sk->sk_state) != TCP_TIME_WAIT)
		return;
	/* newer kernels mark the socket too, in which the bucket agrees if nobody bound it since */
	chosen = tb->fastreuse == -1;
	if (!count->line)
		count->line = start_line(count, sk, chosen);
	line = count->line;
	add(&line->ages, sk);
	if (!chosen)
		return;
	peer = tcpwatch_sock_peer(sk);
	if (line->peer_port != ntohs(sk->sk_dport) || !ipv6_addr_equal(&line->peer, &peer))
		line->peer_port = 0;
	/* a destination has sockets on other ports too: what it was told of this one stays */
	if (count->again)
		return;
	row = tcpwatch_ledger_index(sk, true, !count->netns_cookie);
	if (row >= 0)
		add(&count->peers[row], sk);
}

static const struct tcpwatch_visitor visitor = { .begin = begin, .visit = look };

static int grow(struct tcpwatch_census *census, unsigned int by)
{
	unsigned int room = max(census->room * 2, census->count + by);
	struct tcpwatch_census_line *lines = kvmalloc_array(room, sizeof(*lines),
							    GFP_KERNEL_ACCOUNT);

	if (!lines)
		return -ENOMEM;
	if (census->count)
		memcpy(lines, census->lines, census->count * sizeof(*lines));
	kvfree(census->lines);
	census->lines = lines;
	census->room = room;
	return 0;
}

static int look_at_all(struct count *count)
{
	const struct tcpwatch_portset all = {};
	struct tcpwatch_in_use in_use;
	unsigned int i;
	int err;

	err = tcpwatch_in_use_take(&in_use, count->netns_cookie, &all);
	if (err)
		return err;
	for (i = 0; i < in_use.count && !err; i++) {
		if (count->census->count == count->census->room &&
		    grow(count->census, ROOM)) {
			err = -ENOMEM;
			break;
		}
		count->port = &in_use.ports[i];
		count->line = NULL;
		count->begun = false;
		err = tcpwatch_walk(count->port, &visitor, count);
		if (count->line && count->line->row >= 0)
			__set_bit(count->line->row, count->seen);
	}
	tcpwatch_in_use_free(&in_use);
	return err;
}

/* Is the namespace still there? Mostly it is the one asked of last. */
static bool is_alive(u64 netns_cookie, u64 *last)
{
	struct net *net;

	if (netns_cookie == *last)
		return true;
	net = tcpwatch_netns_get(netns_cookie);
	if (!net)
		return false;
	put_net(net);
	*last = netns_cookie;
	return true;
}

/*
 * The rows that no port has told: destinations, and what has no TIME-WAIT any more. Those
 * of a namespace that is gone would be taken for those of one with its number.
 */
static int add_rows(struct count *count)
{
	struct tcpwatch_census *census = count->census;
	struct tcpwatch_census_line *line;
	struct tcpwatch_ledger_row row;
	u64 alive = 0;
	unsigned int i;

	for (i = 0; i < TCPWATCH_LEDGER_ROWS; i++) {
		tcpwatch_ledger_copy(&row, i);
		if (!row.account || test_bit(i, count->seen) ||
		    (count->netns_cookie && row.netns_cookie != count->netns_cookie) ||
		    !is_alive(row.netns_cookie, &alive))
			continue;
		if (census->count == census->room && grow(census, ROOM))
			return -ENOMEM;
		line = &census->lines[census->count++];
		*line = (struct tcpwatch_census_line){
			.kind = row.family ? TCPWATCH_CENSUS_PEER : TCPWATCH_CENSUS_LOCAL,
			.family = row.family,
			.port = row.family ? 0 : row.port,
			.peer_port = row.family ? row.port : 0,
			.netns = row.netns,
			.netns_cookie = row.netns_cookie,
			.row = i,
			.peer = row.peer,
			.ages = count->peers[i],
		};
	}
	return 0;
}

int tcpwatch_census_take(struct tcpwatch_census *census, u64 netns_cookie)
{
	struct count *count = kvzalloc(sizeof(*count), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	*census = (struct tcpwatch_census){};
	if (count)
		count->peers = kvcalloc(TCPWATCH_LEDGER_ROWS, sizeof(*count->peers),
					GFP_KERNEL_ACCOUNT);
	if (count && count->peers) {
		count->census = census;
		count->netns_cookie = netns_cookie;
		err = look_at_all(count) ?: add_rows(count);
		kvfree(count->peers);
	}
	kvfree(count);
	if (err)
		tcpwatch_census_free(census);
	return err;
}

void tcpwatch_census_row(struct tcpwatch_ledger_row *row, const struct tcpwatch_census_line *line)
{
	if (line->row >= 0) {
		tcpwatch_ledger_copy(row, line->row);
		/* it may be another's by now */
		if (row->netns_cookie == line->netns_cookie && row->account &&
		    row->port == (line->port ?: line->peer_port))
			return;
	}
	*row = (struct tcpwatch_ledger_row){ .uid = INVALID_UID };
}

/* Who had the port when the oldest was left there, not who has come since. */
static bool find_bound(struct tcpwatch_bound *bound, const struct tcpwatch_census_line *line)
{
	const struct tcpwatch_sock sock = {
		.bind = { .family = line->family, .addr = line->addr },
		.port = line->port,
	};
	u64 then = ktime_get_ns() - (u64)line->ages.oldest_ms * NSEC_PER_MSEC;

	/* who bound it a tick before it was left may seem to have come later */
	return tcpwatch_bound_find(bound, &sock, line->netns_cookie, then,
				   ktime_get_boottime_ns()) ||
	       tcpwatch_bound_find_now(bound, &sock, line->netns_cookie);
}

void tcpwatch_census_find_owner(struct tcpwatch_census_owner *owner,
				const struct tcpwatch_census_line *line,
				const struct tcpwatch_ledger_row *row)
{
	struct tcpwatch_bound bound;

	*owner = (struct tcpwatch_census_owner){ .uid = INVALID_UID };
	if (line->kind == TCPWATCH_CENSUS_PEER) {
		owner->task = row->task;
		owner->uid = row->uid;
		owner->cgroup = row->cgroup;
	} else if (line->kind == TCPWATCH_CENSUS_LOCAL && find_bound(&bound, line)) {
		owner->task = bound.task;
		owner->uid = bound.task.uid;
		owner->cgroup = bound.cgroup;
		owner->exited = bound.exited;
	}
}

void tcpwatch_census_free(struct tcpwatch_census *census)
{
	kvfree(census->lines);
	*census = (struct tcpwatch_census){};
}
