/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ports in use and who owns each. Every TCP socket that has a local port is in the
 * kernel's table of ports, be it bound, listening, connected or in TIME-WAIT, and in it
 * once; a request that is not a socket yet is not.
 *
 * A walk, not a snapshot: owners are visited a few at a time, with the port's lock let go
 * in between.
 */
#ifndef _TCPWATCH_WALK_H
#define _TCPWATCH_WALK_H

#include <linux/types.h>

struct inet_bind_bucket;
struct net;
struct sock;
struct tcpwatch_portset;

/**
 * struct tcpwatch_port - a port in use
 * @net: its network namespace; not to be followed
 * @netns_cookie: the cookie of that
 * @netns: and its inode number
 * @chain: where it is in the table of ports
 * @port: the port
 */
struct tcpwatch_port {
	const struct net *net;
	u64 netns_cookie;
	u32 netns;
	u32 chain;
	u16 port;
};

/**
 * struct tcpwatch_in_use - all of them
 * @ports: by network namespace and port
 * @count: how many
 * @room: how many there is memory for
 */
struct tcpwatch_in_use {
	struct tcpwatch_port *ports;
	unsigned int count;
	unsigned int room;
};

/**
 * tcpwatch_in_use_take() - look which ports are in use
 * @in_use: the answer, to be given to tcpwatch_in_use_free()
 * @netns_cookie: of which network namespace; 0: of all
 * @set: of which ports; with a few alone the rest of the table is not touched
 *
 * One chain of the table at a time, under its lock.
 *
 * Context: process, sleeps.
 * Return: 0, -ENOMEM, or -EINTR when the reader is killed.
 */
int tcpwatch_in_use_take(struct tcpwatch_in_use *in_use, u64 netns_cookie,
			 const struct tcpwatch_portset *set);

/**
 * tcpwatch_in_use_free() - give it back
 * @in_use: be it that it was not taken
 *
 * Context: process.
 */
void tcpwatch_in_use_free(struct tcpwatch_in_use *in_use);

/**
 * struct tcpwatch_visitor - what is done with the owners of a port
 * @begin: the owners are about to be visited, for the first time or again, since the
 *	place in the list was lost: what they have told is to be forgotten; may sleep
 * @room: so many may be visited next, with the lock held; may sleep, and ends the walk with
 *	-errno; or NULL
 * @visit: called for each, a full socket or one in TIME-WAIT, with the bucket of its
 *	port, under the lock of that, BH off
 */
struct tcpwatch_visitor {
	void (*begin)(void *arg);
	int (*room)(void *arg, unsigned int few);
	void (*visit)(struct sock *sk, const struct inet_bind_bucket *tb, void *arg);
};

/**
 * tcpwatch_walk() - visit the owners of a port
 * @port: the port; nobody may own it any more
 * @visitor: what is done with them
 * @arg: passed to it
 *
 * One that comes to own the port or ceases to meanwhile may be visited or not, and one whose
 * connection is just being made or has just ended is not. A connection that goes to
 * TIME-WAIT is visited as one of both. A socket that connect() moves to another of the
 * port's addresses while the lock is let go may be visited twice.
 *
 * The lock is held for 64 owners at a time, and for four times as many each time that the
 * last 16 of those visited are gone when it is taken again.
 *
 * Context: process, sleeps.
 * Return: 0, -EINTR when the reader is killed, or what @visitor->room has returned.
 */
int tcpwatch_walk(const struct tcpwatch_port *port, const struct tcpwatch_visitor *visitor,
		  void *arg);

#endif /* _TCPWATCH_WALK_H */
