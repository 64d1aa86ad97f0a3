/* SPDX-License-Identifier: GPL-2.0 */
/* What an event is made of. */
#ifndef _TCPWATCH_EVENT_H
#define _TCPWATCH_EVENT_H

#include <linux/capability.h>
#include <linux/in6.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include "words.h"

#define TCPWATCH_CGROUP_LEN	128

/**
 * struct tcpwatch_bind - what the bind rules compare of a socket
 * @addr: local address, an IPv4 one as v4-mapped
 * @addr4: the IPv4 address that the rules compare, which an IPv6 socket has too
 * @family: AF_INET or AF_INET6
 * @bucket_family: of an owner the family by which this kernel finds it among those
 *	of a wildcard
 * @state: TCP_LISTEN, TCP_TIME_WAIT, ...
 * @reuse: SO_REUSEADDR
 * @reuseport: SO_REUSEPORT
 * @v6only: IPV6_V6ONLY, or implied by a specific IPv6 address
 * @grouped: a requester that is in a reuseport group already
 * @group_closed_to: a requester that is in a reuseport group already, none of
 *	whose sockets is closed, so that SO_REUSEPORT does not help it
 * @dev: index of the device it is bound to, or 0
 * @uid: the uid that this kernel's rules compare
 */
struct tcpwatch_bind {
	struct in6_addr addr;
	__be32 addr4;
	u16 family;
	u16 bucket_family;
	u8 state;
	bool reuse : 1;
	bool reuseport : 1;
	bool v6only : 1;
	bool grouped : 1;
	bool group_closed_to : 1;
	int dev;
	kuid_t uid;
};

/**
 * struct tcpwatch_sock - a copy of what a socket is; no pointer is kept
 * @bind: the fields that the bind rules compare
 * @port: local port, host order
 * @peer_port: remote port, host order; 0 when not connected
 * @peer: remote address, an IPv4 one as v4-mapped
 * @substate: a TIME-WAIT socket's own state: TCP_TIME_WAIT or TCP_FIN_WAIT2
 * @belongs: enum tcpwatch_belongs
 * @connect_bound: connect() chose the port
 * @self_bound: bind() was told the port
 * @uid: owner
 * @ino: socket inode, 0 for an orphan
 * @cgroup: id of the control group it was made in, 0 when not known
 * @id: its address, by which it is known again; never followed nor shown
 */
struct tcpwatch_sock {
	struct tcpwatch_bind bind;
	u16 port;
	u16 peer_port;
	struct in6_addr peer;
	u8 substate;
	u8 belongs;
	bool connect_bound;
	bool self_bound;
	kuid_t uid;
	u64 ino;
	u64 cgroup;
	unsigned long id;
};

/**
 * struct tcpwatch_task - a copy of who a task is
 * @pid: process id (tgid) in the initial pid namespace; 0: no process
 * @tid: thread id, likewise
 * @vpid: process id in the task's own pid namespace
 * @pidns: inode number of that namespace
 * @userns: inode number of its user namespace
 * @uid: its effective uid
 * @gid: its effective gid
 * @caps: its capabilities
 * @own: it was for everybody of its uid and gid at that time: it had no others beside, as
 *	setuid programs have, and had not changed them since it was executed
 * @comm: its name, hostile text
 */
struct tcpwatch_task {
	pid_t pid;
	pid_t tid;
	pid_t vpid;
	u32 pidns;
	u32 userns;
	kuid_t uid;
	kgid_t gid;
	kernel_cap_t caps;
	bool own;
	char comm[TASK_COMM_LEN];
};

/* Destinations that are told of an exhausted range. */
#define TCPWATCH_RANGE_TOP	3

/**
 * struct tcpwatch_range - what a range of ports is used for
 * @lo: first port
 * @hi: last port
 * @reserved: ports that ip_local_reserved_ports keeps from being chosen
 * @used: ports that a socket owns
 * @time_wait: of those, ports that only TIME-WAIT holds
 * @bound: of those, ports that bind() or listen() took, or share
 * @free: ports neither reserved nor used
 * @top: the destinations that most of the connections on them go to
 * @known: somebody has looked
 */
struct tcpwatch_range {
	u16 lo;
	u16 hi;
	u32 reserved;
	u32 used;
	u32 time_wait;
	u32 bound;
	u32 free;
	struct {
		struct in6_addr addr;
		u16 family;
		u16 port;
		u32 ports;
	} top[TCPWATCH_RANGE_TOP];
	bool known;
};

/**
 * struct tcpwatch_bound - who bound a port, or has listened on it
 * @task: the process, valid if @task.pid
 * @cgroup: id of its control group
 * @time: when that was, CLOCK_BOOTTIME in nanoseconds
 * @listened: and has listened on it
 * @exited: it had exited when the event came
 * @exited_at: when that was, likewise; 0: not known
 * @seeded: the socket was there when we came: the process is one that had it then
 */
struct tcpwatch_bound {
	struct tcpwatch_task task;
	u64 cgroup;
	u64 time;
	u64 exited_at;
	bool listened;
	bool exited;
	bool seeded;
};

/**
 * struct tcpwatch_facts - what happened as the probe handler saw it, at that moment
 * @seq: number of the event since load, from 0
 * @time: CLOCK_BOOTTIME, in nanoseconds: what it is the age of has aged in suspend as well
 * @mono: the same by CLOCK_MONOTONIC, which goes as the timers of TIME-WAIT do
 * @real: by the wall clock as it was then, in nanoseconds
 * @netns_cookie: cookie of the network namespace, which is its alone
 * @netns: its inode number, which the next one may get
 * @kind: what the event is of
 * @call: which call was refused, or took over
 * @cause: of a reuse, what took over; the rule is unknown then, the error 0, and
 *	the holder the TIME-WAIT socket
 * @thanks: and by virtue of what
 * @sysctl_tw_reuse: and tcp_tw_reuse at that time
 * @reason: of a refusal or an overflow, why
 * @percent: of an exhaustion, how much of what there is for the destination is used
 * @pool_used: and how many ports those are
 * @pool_free: and how many it can have besides
 * @aged_ms: of one that is too young, milliseconds until it is not
 * @knocks: of a listener that drops, by what has become of them, since the last such event
 * @accept_now: of a listener, connections in its accept queue
 * @accept_max: and so many at most
 * @syn_now: requests in its SYN queue
 * @syn_max: and so many at most
 * @backlog: the backlog in force
 * @stuck_ms: of one that is stuck, for how long nobody has accepted
 * @rule: why
 * @error: the errno, positive
 * @relation: how the addresses meet, valid if @holders
 * @fixes: BIT(enum tcpwatch_fix) of all that would have helped
 * @holders_capped: there were more on the port than are looked at
 * @holders: conflicting sockets that were counted
 * @frees_ms: milliseconds until the last TIME-WAIT holder is gone, 0: not known
 * @range_lo: the range of ports that was tried, valid for an exhausted one
 * @range_hi: likewise, 0: none
 * @want: the requester's socket, with the address and port it asked for: bind,
 *	ports and peer of it
 * @task: the requester
 * @task_cgroup: id of its control group
 * @holder: of the conflicting sockets a listener, else a live socket, else one
 *	in TIME-WAIT, and among equals the first that was met; valid if @holders
 */
struct tcpwatch_facts {
	u64 seq;
	u64 time;
	u64 mono;
	u64 real;
	u64 netns_cookie;
	u32 netns;
	u8 kind;
	u8 cause;
	u8 thanks;
	u8 sysctl_tw_reuse;
	u8 reason;
	u8 percent;
	u8 call;
	u8 rule;
	u8 error;
	u8 relation;
	u8 fixes;
	bool holders_capped;
	u32 holders;
	u32 frees_ms;
	u32 aged_ms;
	u16 pool_used;
	u16 pool_free;
	u16 range_lo;
	u16 range_hi;
	u32 knocks[TCPWATCH_KNOCK_COUNT];
	u32 accept_now;
	u32 accept_max;
	u32 syn_now;
	u32 syn_max;
	u32 backlog;
	u32 stuck_ms;
	struct tcpwatch_sock want;
	struct tcpwatch_task task;
	u64 task_cgroup;
	struct tcpwatch_sock holder;
};

/**
 * struct tcpwatch_found - what was looked up after it: see tcpwatch_found_init()
 * @owner_unknown: nobody looked, because too many holders came at once
 * @owner_state: what state @owner is in, a letter as ps prints it, valid if @owners
 * @owners: how many live processes have the holder open
 * @owner: one of them; pid 0: none was found
 * @bound: who bound the port that the holder is on
 * @netns_task: a process in the network namespace; pid 0: none was found
 * @range: what the ports of an exhausted range are used for
 * @cgroup_path: the requester's control group
 * @holder_cgroup_path: the holder's
 * @bound_cgroup_path: that of @bound
 */
struct tcpwatch_found {
	bool owner_unknown;
	char owner_state;
	u32 owners;
	struct tcpwatch_task owner;
	struct tcpwatch_bound bound;
	struct tcpwatch_task netns_task;
	/* from here on mostly empty: see tcpwatch_found_copy() */
	struct tcpwatch_range range;
	char cgroup_path[TCPWATCH_CGROUP_LEN];
	char holder_cgroup_path[TCPWATCH_CGROUP_LEN];
	char bound_cgroup_path[TCPWATCH_CGROUP_LEN];
};

/**
 * struct tcpwatch_event - one thing that happened
 * @facts: what the handler left
 * @found: what the worker added before the event is shown to anybody
 */
struct tcpwatch_event {
	struct tcpwatch_facts facts;
	struct tcpwatch_found found;
};

/**
 * tcpwatch_found_init() - nothing is found yet
 * @found: what is made so; what is behind a pid of 0, a range not known or the end
 *	of a string is not valid, and not written
 *
 * Context: any.
 */
void tcpwatch_found_init(struct tcpwatch_found *found);

/**
 * tcpwatch_found_copy() - copy what is valid
 * @to: the copy
 * @from: the original
 *
 * Context: any.
 */
void tcpwatch_found_copy(struct tcpwatch_found *to, const struct tcpwatch_found *from);

#endif /* _TCPWATCH_EVENT_H */
