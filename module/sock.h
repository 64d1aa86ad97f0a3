/* SPDX-License-Identifier: GPL-2.0 */
/* Copies of sockets and tasks: what a handler may read of them. */
#ifndef _TCPWATCH_SOCK_H
#define _TCPWATCH_SOCK_H

#include <net/ipv6.h>
#include <net/sock.h>

#include "event.h"

struct inet_bind_bucket;
struct tcpwatch_bucket;
struct tcpwatch_timewait;

/**
 * tcpwatch_sock_local() - the local address of a socket
 * @sk: a full, a TIME-WAIT or a request socket
 *
 * Context: any; the caller keeps @sk.
 * Return: the address, an IPv4 one as v4-mapped.
 */
static inline struct in6_addr tcpwatch_sock_local(const struct sock *sk)
{
	struct in6_addr addr;

	if (sk->sk_family == AF_INET6)
		return sk->sk_v6_rcv_saddr;
	ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &addr);
	return addr;
}

/**
 * tcpwatch_sock_peer() - its remote address, likewise
 * @sk: the socket
 *
 * Context: any; the caller keeps @sk.
 * Return: the address, an IPv4 one as v4-mapped.
 */
static inline struct in6_addr tcpwatch_sock_peer(const struct sock *sk)
{
	struct in6_addr addr;

	if (sk->sk_family == AF_INET6)
		return sk->sk_v6_daddr;
	ipv6_addr_set_v4mapped(sk->sk_daddr, &addr);
	return addr;
}

/**
 * tcpwatch_sock_bind() - copy what the bind rules compare of an owner
 * @bind: the copy
 * @sk: a full or a TIME-WAIT socket
 *
 * Context: any, preemption off; @sk is kept alive by the caller's lock. Takes
 * no lock.
 */
void tcpwatch_sock_bind(struct tcpwatch_bind *bind, const struct sock *sk);

/**
 * tcpwatch_sock_want() - copy what an event tells of the requester
 * @copy: the copy: bind, ports and peer of it
 * @sk: a full socket
 *
 * Context: any, preemption off or under RCU; the caller keeps @sk.
 */
void tcpwatch_sock_want(struct tcpwatch_sock *copy, const struct sock *sk);

/**
 * tcpwatch_sock_complete() - copy what an event tells of a holder
 * @copy: the copy; bind is set already, as the holder was judged by it
 * @sk: a full, a TIME-WAIT or a request socket
 * @tb: the bucket of its port, or NULL: then connect_bound stays false; of one in
 *	TIME-WAIT it is told as well
 *
 * Context: as tcpwatch_sock_want(); with @tb, under its bhash lock.
 */
void tcpwatch_sock_complete(struct tcpwatch_sock *copy, const struct sock *sk,
			    const struct inet_bind_bucket *tb);

/**
 * tcpwatch_sock_find_bucket() - the bucket of a port
 * @net: the network namespace
 * @port: the port
 * @l3mdev: index of the l3mdev by which buckets are told apart, or 0
 *
 * Context: under the port's bhash lock.
 * Return: the bucket or NULL.
 */
struct inet_bind_bucket *tcpwatch_sock_find_bucket(const struct net *net, u16 port, int l3mdev);

/**
 * tcpwatch_sock_bucket() - copy what a bucket remembers of its owners
 * @copy: the copy
 * @tb: the bucket
 *
 * Context: under its bhash lock.
 */
void tcpwatch_sock_bucket(struct tcpwatch_bucket *copy, const struct inet_bind_bucket *tb);

/**
 * tcpwatch_sock_timewait() - copy what decides whether connect() may take it
 * @copy: the copy
 * @sk: a TIME-WAIT socket
 *
 * Context: under RCU or a lock that keeps @sk; takes none.
 */
void tcpwatch_sock_timewait(struct tcpwatch_timewait *copy, const struct sock *sk);

/**
 * tcpwatch_sock_frees_ms() - how long until a TIME-WAIT socket is gone
 * @sk: any socket that owns a port
 *
 * Context: as tcpwatch_sock_bind().
 * Return: milliseconds, 0 when it is not a TIME-WAIT socket or due now.
 */
u32 tcpwatch_sock_frees_ms(const struct sock *sk);

/**
 * tcpwatch_sock_age_ms() - how long a socket has been in TIME-WAIT
 * @sk: a TIME-WAIT socket past FIN-WAIT-2
 *
 * A FIN that comes again begins the time anew.
 *
 * Context: as tcpwatch_sock_bind().
 * Return: milliseconds.
 */
u32 tcpwatch_sock_age_ms(const struct sock *sk);

/**
 * tcpwatch_sock_cgroup() - the control group a socket was made in
 * @sk: a full socket
 *
 * Context: as tcpwatch_sock_bind().
 * Return: its id in the default hierarchy.
 */
u64 tcpwatch_sock_cgroup(const struct sock *sk);

/**
 * tcpwatch_task_copy() - copy who a task is
 * @copy: the copy
 * @task: the current task, or one that the caller holds a reference on
 *
 * Context: any, under RCU or with preemption off. Takes no lock, so the name
 * may be torn by a concurrent prctl(PR_SET_NAME), never unterminated.
 */
void tcpwatch_task_copy(struct tcpwatch_task *copy, struct task_struct *task);

/**
 * tcpwatch_task_cgroup() - the id of a task's control group
 * @task: the current task, or one that the caller holds a reference on
 *
 * Context: any, under RCU or with preemption off.
 * Return: the id in the default hierarchy.
 */
u64 tcpwatch_task_cgroup(struct task_struct *task);

/**
 * tcpwatch_sock_listens() - is it a listener?
 * @sk: a full socket
 *
 * inet_csk_listen_start() stores TCP_LISTEN before it asks for the port, and takes that back
 * when it is refused: what listens is in the table of listeners as well, and until
 * inet_csk_listen_stop() has come by.
 *
 * Context: any; it may cease to be one meanwhile.
 * Return: true if it is.
 */
static inline bool tcpwatch_sock_listens(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_LISTEN && !hlist_unhashed_lockless(&sk->sk_node);
}

#endif /* _TCPWATCH_SOCK_H */
