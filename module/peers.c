// SPDX-License-Identifier: GPL-2.0
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/once.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <net/ipv6.h>

#include "peers.h"
#include "sock.h"

#define BITS_MIN	8
#define BITS_MAX	(ilog2(TCPWATCH_PEERS_MAX) + 1)

/* Random and odd: nobody can choose a place. */
static u64 multipliers[2];

static unsigned int place_of(const struct tcpwatch_peers *peers, u64 high, u64 low)
{
	return (high * multipliers[0] + low * multipliers[1]) >> (64 - peers->bits);
}

/* The peer, or where it would be. There is always a free place. */
static struct tcpwatch_peer *find(const struct tcpwatch_peers *peers, u64 high, u64 low)
{
	unsigned int mask = BIT(peers->bits) - 1, i = place_of(peers, high, low);
	struct tcpwatch_peer *peer;

	for (;; i = (i + 1) & mask) {
		peer = &peers->places[i];
		if (peer->turn != peers->turn || (peer->low == low && peer->high == high))
			return peer;
	}
}

static struct tcpwatch_peer *alloc_places(unsigned int bits)
{
	return kvcalloc(BIT(bits), sizeof(struct tcpwatch_peer), GFP_KERNEL_ACCOUNT);
}

int tcpwatch_peers_init(struct tcpwatch_peers *peers)
{
	get_random_once(multipliers, sizeof(multipliers));
	multipliers[0] |= 1;
	multipliers[1] |= 1;
	*peers = (struct tcpwatch_peers){ .bits = BITS_MIN, .places = alloc_places(BITS_MIN) };
	return peers->places ? 0 : -ENOMEM;
}

void tcpwatch_peers_free(struct tcpwatch_peers *peers)
{
	kvfree(peers->places);
	peers->places = NULL;
}

void tcpwatch_peers_begin(struct tcpwatch_peers *peers)
{
	struct tcpwatch_peer *small;

	/* or else each of the next would cost as much as this one */
	if (peers->bits > BITS_MIN) {
		small = alloc_places(BITS_MIN);
		if (small) {
			kvfree(peers->places);
			peers->places = small;
			peers->bits = BITS_MIN;
		}
	}
	/* 0 is that of places never used */
	if (!++peers->turn) {
		memset(peers->places, 0, sizeof(*peers->places) << peers->bits);
		peers->turn = 1;
	}
	peers->count = 0;
	peers->more = false;
	peers->top = NULL;
}

static void add(struct tcpwatch_peers *peers, u64 high, u64 low, u32 count)
{
	struct tcpwatch_peer *peer = find(peers, high, low);

	if (peer->turn != peers->turn) {
		/* half of the places stay free: chains are short, and end */
		if (peers->count == BIT(peers->bits) / 2) {
			peers->more = true;
			return;
		}
		*peer = (struct tcpwatch_peer){ .high = high, .low = low, .turn = peers->turn };
		peers->count++;
	}
	peer->count += count;
	if (!peers->top || peer->count > peers->top->count)
		peers->top = peer;
}

void tcpwatch_peers_add(struct tcpwatch_peers *peers, const struct sock *sk)
{
	struct in6_addr addr = tcpwatch_sock_peer(sk);
	u64 half[2];

	memcpy(half, &addr, sizeof(half));
	add(peers, half[0], half[1], 1);
}

void tcpwatch_peers_grow(struct tcpwatch_peers *peers, unsigned int more)
{
	struct tcpwatch_peers grown = *peers;
	struct tcpwatch_peer *peer, *to;

	while (grown.bits < BITS_MAX && peers->count + more > BIT(grown.bits) / 2)
		grown.bits++;
	if (grown.bits == peers->bits)
		return;
	grown.places = alloc_places(grown.bits);
	if (!grown.places)
		return;
	for (peer = peers->places; peer < peers->places + BIT(peers->bits); peer++) {
		if (peer->turn != peers->turn)
			continue;
		to = find(&grown, peer->high, peer->low);
		*to = *peer;
		if (peer == peers->top)
			grown.top = to;
	}
	kvfree(peers->places);
	*peers = grown;
}

void tcpwatch_peers_merge(struct tcpwatch_peers *to, const struct tcpwatch_peers *from)
{
	const struct tcpwatch_peer *peer;

	if (!from->count)
		return;
	tcpwatch_peers_grow(to, from->count);
	to->more |= from->more;
	for (peer = from->places; peer < from->places + BIT(from->bits); peer++) {
		if (peer->turn == from->turn)
			add(to, peer->high, peer->low, peer->count);
	}
}

void tcpwatch_peers_print(struct seq_file *m, const struct tcpwatch_peer *peer)
{
	const u64 half[2] = { peer->high, peer->low };
	struct in6_addr addr;

	memcpy(&addr, half, sizeof(addr));
	if (ipv6_addr_v4mapped(&addr))
		seq_printf(m, "%pI4", &addr.s6_addr32[3]);
	else
		seq_printf(m, "%pI6c", &addr);
}
