/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peers of a port, counted by address. The memory is used for one port after the other,
 * and grows with the peers of the busiest one, to a limit: then the count is a lower bound.
 */
#ifndef _TCPWATCH_PEERS_H
#define _TCPWATCH_PEERS_H

#include <linux/types.h>

struct seq_file;
struct sock;

/* Peers that are told apart, at most. */
#define TCPWATCH_PEERS_MAX	65536

/**
 * struct tcpwatch_peer - one peer
 * @high: the first half of its address, an IPv4 one as v4-mapped
 * @low: the second half
 * @count: sockets that are connected to it
 * @turn: of which port that is; of another than the current one, a free place
 */
struct tcpwatch_peer {
	u64 high;
	u64 low;
	u32 count;
	u32 turn;
};

/**
 * struct tcpwatch_peers - those of a port
 * @places: a hash table; NULL: there was no memory
 * @bits: log2 of its size
 * @turn: number of the port
 * @count: peers in it
 * @more: there are others besides
 * @top: the one with the most sockets, NULL: there is none
 */
struct tcpwatch_peers {
	struct tcpwatch_peer *places;
	unsigned int bits;
	u32 turn;
	u32 count;
	bool more;
	const struct tcpwatch_peer *top;
};

/**
 * tcpwatch_peers_init() - allocate the first memory
 * @peers: what is to be given to tcpwatch_peers_free(), also when this fails
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_peers_init(struct tcpwatch_peers *peers);

/**
 * tcpwatch_peers_free() - free all of it
 * @peers: be they zeroed
 *
 * Context: process.
 */
void tcpwatch_peers_free(struct tcpwatch_peers *peers);

/**
 * tcpwatch_peers_begin() - forget all, for another port
 * @peers: the peers
 *
 * Context: process, may sleep.
 */
void tcpwatch_peers_begin(struct tcpwatch_peers *peers);

/**
 * tcpwatch_peers_add() - count the peer of a socket
 * @peers: the peers
 * @sk: a connected socket, full or in TIME-WAIT
 *
 * Context: any.
 */
void tcpwatch_peers_add(struct tcpwatch_peers *peers, const struct sock *sk);

/**
 * tcpwatch_peers_grow() - make room for so many more
 * @peers: the peers
 * @more: how many tcpwatch_peers_add() may follow before this is called again; what does
 *	not find room then is told in @peers->more
 *
 * Context: process, may sleep.
 */
void tcpwatch_peers_grow(struct tcpwatch_peers *peers, unsigned int more);

/**
 * tcpwatch_peers_merge() - add those of a port to others
 * @to: the others
 * @from: those of a port
 *
 * Context: process, may sleep.
 */
void tcpwatch_peers_merge(struct tcpwatch_peers *to, const struct tcpwatch_peers *from);

/**
 * tcpwatch_peers_print() - print the address of a peer
 * @m: where to
 * @peer: the peer
 *
 * Context: any.
 */
void tcpwatch_peers_print(struct seq_file *m, const struct tcpwatch_peer *peer);

#endif /* _TCPWATCH_PEERS_H */
