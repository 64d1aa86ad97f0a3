/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only file that names a kernel version. The rest is written for the
 * newest kernel; here the older ones are given what they lack, and what they
 * do differently is turned into one question with one answer.
 */
#ifndef _TCPWATCH_COMPAT_H
#define _TCPWATCH_COMPAT_H

#include <linux/ftrace.h>
#include <linux/sched/coredump.h>
#ifndef SUID_DUMP_USER
#include <linux/sched/exec_state.h>
#endif
#include <linux/version.h>
#include <net/inet_connection_sock.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/ip.h>
#include <net/sock.h>
#include <net/tcp.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "tcpwatch needs Linux 6.1 or newer: it mirrors the bind rules of bhash2"
#endif

#if !defined(CONFIG_KPROBES) || !defined(CONFIG_KRETPROBES)
#error "tcpwatch needs a kernel with CONFIG_KPROBES=y and CONFIG_KRETPROBES=y"
#endif

#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#error "tcpwatch needs a kernel with CONFIG_DYNAMIC_FTRACE_WITH_ARGS=y (CONFIG_FUNCTION_TRACER=y)"
#endif

#if !IS_BUILTIN(CONFIG_IPV6)
#error "tcpwatch needs a kernel with CONFIG_IPV6=y"
#endif

#if !defined(CONFIG_SOCK_CGROUP_DATA)
#error "tcpwatch needs a kernel with CONFIG_SOCK_CGROUP_DATA=y (CONFIG_CGROUP_BPF selects it)"
#endif

/*
 * Does ::ffff:0.0.0.0 of an IPv6 socket cover a specific v4-mapped address of
 * another? In inet_bind2_bucket_match_addr_any() it did not before bhash2 stored
 * IPv4 addresses mapped, unless its bucket was made by a socket of IPv4.
 */
#define COMPAT_MAPPED_ANY_COVERS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

/*
 * The family of the socket that made the bhash2 bucket of this one, where it counts.
 * Under the port's bhash lock.
 */
static inline u16 compat_bucket_family(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	const struct inet_bind2_bucket *tb2 = NULL;

	if (READ_ONCE(sk->sk_state) == TCP_TIME_WAIT)
		tb2 = inet_twsk(sk)->tw_tb2;
	else if (sk_fullsock(sk))
		tb2 = inet_csk(sk)->icsk_bind2_hash;
	if (tb2)
		return tb2->family;
#endif
	return sk->sk_family;
}

/* An owner visitor; true ends the walk. */
typedef bool (*compat_visit_t)(struct sock *sk, void *arg);

/* The bucket of the port that a socket owns, or NULL. Under its bhash lock, if it is that. */
static inline const struct inet_bind_bucket *compat_owned(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state) == TCP_TIME_WAIT ? inet_twsk(sk)->tw_tb :
							  inet_csk(sk)->icsk_bind_hash;
}

/* Where owners are kept by address, what they are kept in, else NULL. Likewise. */
static inline const struct inet_bind2_bucket *compat_owned_address(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return NULL;
#else
	return READ_ONCE(sk->sk_state) == TCP_TIME_WAIT ? inet_twsk(sk)->tw_tb2 :
							  inet_csk(sk)->icsk_bind2_hash;
#endif
}

/**
 * compat_walk_owners_after() - visit the owners of a port that come after one of them
 * @tb: the port's bucket; the caller is under its bhash lock
 * @sk: an owner, or NULL: visit all
 * @visit: called for each, full sockets and TIME-WAIT ones alike
 * @arg: passed to @visit
 *
 * Newest first or, where owners are kept by address, newest address first.
 *
 * Context: BH off, under the bhash lock, which guards the list and keeps the
 * sockets; takes nothing, does not sleep.
 */
static inline void compat_walk_owners_after(const struct inet_bind_bucket *tb, struct sock *sk,
					    compat_visit_t visit, void *arg)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	if (!sk)
		sk = hlist_entry_safe(tb->owners.first, struct sock, sk_bind_node);
	else
		sk = hlist_entry_safe(sk->sk_bind_node.next, struct sock, sk_bind_node);
	hlist_for_each_entry_from(sk, sk_bind_node) {
		if (visit(sk, arg))
			return;
	}
#else
	const struct inet_bind2_bucket *tb2;

	if (!sk) {
		tb2 = hlist_entry_safe(tb->bhash2.first, struct inet_bind2_bucket, bhash_node);
	} else {
		tb2 = compat_owned_address(sk);
		hlist_for_each_entry_continue(sk, sk_bind_node) {
			if (visit(sk, arg))
				return;
		}
		tb2 = hlist_entry_safe(tb2->bhash_node.next, struct inet_bind2_bucket, bhash_node);
	}
	hlist_for_each_entry_from(tb2, bhash_node) {
		sk_for_each_bound(sk, &tb2->owners) {
			if (visit(sk, arg))
				return;
		}
	}
#endif
}

/* All of them, likewise. */
static inline void compat_walk_owners(const struct inet_bind_bucket *tb,
				      compat_visit_t visit, void *arg)
{
	compat_walk_owners_after(tb, NULL, visit, arg);
}

/**
 * compat_walk_owners_but() - visit the owners of a port save those of some addresses
 * @tb: the port's bucket
 * @pass: where owners are kept by address, asked of one of each: true: none of them but
 *	that one is visited
 * @visit: called for each other; true: enough
 * @arg: passed to both
 *
 * Context: as compat_walk_owners().
 */
static inline void compat_walk_owners_but(const struct inet_bind_bucket *tb, compat_visit_t pass,
					  compat_visit_t visit, void *arg)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	compat_walk_owners(tb, visit, arg);
#else
	const struct inet_bind2_bucket *tb2;
	struct sock *sk;

	hlist_for_each_entry(tb2, &tb->bhash2, bhash_node) {
		sk = hlist_entry_safe(tb2->owners.first, struct sock, sk_bind_node);
		if (!sk)
			continue;
		if (pass(sk, arg)) {
			if (visit(sk, arg))
				return;
			continue;
		}
		hlist_for_each_entry_from(sk, sk_bind_node) {
			if (visit(sk, arg))
				return;
		}
	}
#endif
}

/**
 * compat_walk_bucket2() - visit the owners of an address and port
 * @tb2: the bucket of both
 * @visit: called for each owner, full sockets and TIME-WAIT ones alike
 * @arg: passed to @visit
 *
 * Context: as compat_walk_owners(), and under the bucket's bhash2 lock.
 */
static inline void compat_walk_bucket2(const struct inet_bind2_bucket *tb2,
				       compat_visit_t visit, void *arg)
{
	struct sock *sk;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	struct inet_timewait_sock *tw;

	sk_for_each_bound_bhash2(sk, &tb2->owners) {
		if (visit(sk, arg))
			return;
	}
	twsk_for_each_bound_bhash2(tw, &tb2->deathrow) {
		if (visit((struct sock *)tw, arg))
			return;
	}
#else
	sk_for_each_bound(sk, &tb2->owners) {
		if (visit(sk, arg))
			return;
	}
#endif
}

static inline bool compat_has_other(const struct hlist_head *owners, const struct sock *sk)
{
	const struct hlist_node *first = owners->first;

	return first && (first != &sk->sk_bind_node || first->next);
}

/* Has a bucket an owner beside this socket, which may be one? Under its bhash lock. */
static inline bool compat_is_shared(const struct inet_bind_bucket *tb, const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return compat_has_other(&tb->owners, sk);
#else
	const struct inet_bind2_bucket *tb2;

	hlist_for_each_entry(tb2, &tb->bhash2, bhash_node) {
		if (compat_has_other(&tb2->owners, sk))
			return true;
	}
	return false;
#endif
}

/*
 * The socket inode's number: 0 for an orphan and for a child not yet accepted.
 * Without sk_ino it is behind sk_socket, whose documented guard, the
 * sk_callback_lock, sleeps on RT; but the inode is freed by RCU, so that a
 * handler (preemption off) may read it as it is.
 */
static inline u64 compat_sk_ino(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock ? SOCK_INODE(sock)->i_ino : 0;
#else
	return READ_ONCE(sk->sk_ino);
#endif
}

/*
 * The uid that this kernel's bind rules compare: sock_i_uid(), which takes an
 * orphan and a child not yet accepted for root's, then sk_uid().
 */
static inline kuid_t compat_sk_rule_uid(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	struct socket *sock = READ_ONCE(sk->sk_socket);

	return sock ? SOCK_INODE(sock)->i_uid : GLOBAL_ROOT_UID;
#else
	return READ_ONCE(sk->sk_uid);
#endif
}

/**
 * compat_connect_bound() - did connect() choose this socket's port?
 * @sk: a full socket that owns @tb's port
 * @tb: its bucket
 *
 * Newer kernels mark the socket. Older ones leave fastreuse at -1 in a bucket
 * that only connect() has filled; there accepted children, which lack
 * SOCK_BINDPORT_LOCK too, share the bucket of their listener, whose bind() set it.
 *
 * Context: under the bhash lock, or the socket's: then another's bind may come between.
 * Return: true if it did.
 */
static inline bool compat_connect_bound(const struct sock *sk,
					const struct inet_bind_bucket *tb)
{
#ifdef SOCK_CONNECT_BIND
	/* bind() may be about to set the bit of the address */
	return data_race(sk->sk_userlocks & SOCK_CONNECT_BIND);
#else
	/* bind() may be about to set the bit of the address */
	return !data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK) && tb->fastreuse == -1;
#endif
}

/* The same of a TIME-WAIT socket that owns @tb's port, under the bhash lock. */
static inline bool compat_tw_connect_bound(const struct sock *sk,
					   const struct inet_bind_bucket *tb)
{
#ifdef SOCK_CONNECT_BIND
	return inet_twsk(sk)->tw_connect_bind;
#else
	return tb->fastreuse == -1;
#endif
}

/* When the timer of a full socket that sends again or probes is due, in jiffies. */
static inline unsigned long compat_timeout(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return READ_ONCE(inet_csk(sk)->icsk_timeout);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	return icsk_timeout(inet_csk(sk));
#else
	return tcp_timeout_expires(sk);
#endif
}

/* TIME-WAIT sockets of a network namespace. */
static inline int compat_tw_count(const struct net *net)
{
	return refcount_read(&net->ipv4.tcp_death_row.tw_refcount) - 1;
}

/* Milliseconds until a TIME-WAIT socket is old enough for tcp_tw_reuse: tcp_twsk_unique(). */
static inline u32 compat_tw_aged_ms(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	/* when the second after that of the last timestamp has begun, by the tick's clock */
	u32 stamp = READ_ONCE(tcp_twsk(sk)->tw_ts_recent_stamp), tick = jiffies_to_msecs(1), rest;
	s32 left;

	if ((s32)(stamp - (u32)ktime_get_seconds()) < 0)
		return 0;
	left = stamp - (u32)div_u64_rem(ktime_get_ns(), NSEC_PER_SEC, &rest);
	return left < 0 ? tick : (left + 1) * MSEC_PER_SEC - rest / NSEC_PER_MSEC + tick;
#else
	s32 left = READ_ONCE(inet_twsk(sk)->tw_entry_stamp) +
		   READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_tw_reuse_delay) - tcp_clock_ms();

	return left < 0 ? 0 : left + 1;
#endif
}

/*
 * Does connect() try every port of a range that the socket has for itself
 * (IP_LOCAL_PORT_RANGE), or in pairs, which leaves the last of an odd number out?
 */
#define COMPAT_CONNECT_WHOLE_RANGE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0))

/* Has the socket an option by which it may bind an address that is not there? */
static inline bool compat_can_nonlocal(struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return inet_sk(sk)->freebind || inet_sk(sk)->transparent;
#else
	return inet_test_bit(FREEBIND, sk) || inet_test_bit(TRANSPARENT, sk);
#endif
}

/* Has the socket a range of ports for itself (IP_LOCAL_PORT_RANGE)? */
static inline bool compat_own_range(const struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return inet_sk(sk)->local_port_range.lo || inet_sk(sk)->local_port_range.hi;
#else
	return READ_ONCE(inet_sk(sk)->local_port_range);
#endif
}

/*
 * inet_sk_get_local_port_range() for handlers: on older kernels it may wait for who
 * writes the sysctl, and on RT that sleeps. A range half written is told wrong.
 */
static inline void compat_port_range(const struct sock *sk, int *lo, int *hi)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	int low = READ_ONCE(sock_net(sk)->ipv4.ip_local_ports.range[0]);
	int high = READ_ONCE(sock_net(sk)->ipv4.ip_local_ports.range[1]);
	int own_low = inet_sk(sk)->local_port_range.lo;
	int own_high = inet_sk(sk)->local_port_range.hi;

	*lo = low <= own_low && own_low <= high ? own_low : low;
	*hi = *lo <= own_high && own_high <= high ? own_high : high;
#else
	inet_sk_get_local_port_range(sk, lo, hi);
#endif
}

/* What a function was called with, for ftrace's handlers. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define compat_trace_argument(fregs, n)	regs_get_kernel_argument(&(fregs)->regs, n)
#else
#define compat_trace_argument(fregs, n)	ftrace_regs_get_argument(fregs, n)
#endif

/* The arguments of inet_csk_update_fastreuse(), which have changed places since. */
#define COMPAT_FASTREUSE_BUCKET_FIRST \
	__builtin_types_compatible_p(typeof(inet_csk_update_fastreuse), \
				     void (struct inet_bind_bucket *tb, struct sock *sk))

static inline const struct sock *compat_fastreuse_sock(struct ftrace_regs *fregs)
{
	return (struct sock *)compat_trace_argument(fregs, COMPAT_FASTREUSE_BUCKET_FIRST);
}

static inline const struct inet_bind_bucket *compat_fastreuse_bucket(struct ftrace_regs *fregs)
{
	return (struct inet_bind_bucket *)
		compat_trace_argument(fregs, !COMPAT_FASTREUSE_BUCKET_FIRST);
}

/*
 * May a process of the same user look at it, as task_still_dumpable() asks? Under RCU, of
 * current or under task_lock(). Where it is kept has changed, and whether it is for who
 * exits, who closes sockets when its memory is gone: if it is not, nobody may.
 */
static inline bool compat_is_dumpable(const struct task_struct *task)
{
#ifndef SUID_DUMP_USER
	const struct task_exec_state *state = rcu_dereference(task->exec_state);

	return !state || READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER;
#elif (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 173) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 89) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))
	return task->mm ? get_dumpable(task->mm) == SUID_DUMP_USER : task->user_dumpable;
#else
	return task->mm && get_dumpable(task->mm) == SUID_DUMP_USER;
#endif
}

#endif /* _TCPWATCH_COMPAT_H */
