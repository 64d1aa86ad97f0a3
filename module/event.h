/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vocabulary: what an event is made of and what its parts are called. The
 * lists are written once; the enumerations and the names both come from them.
 */
#ifndef _TCPWATCH_EVENT_H
#define _TCPWATCH_EVENT_H

#include <linux/in6.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#define TCPWATCH_ENUM(group, item, ...)	TCPWATCH_##group##_##item,
#define TCPWATCH_NAME(group, item, name, ...)	\
	[TCPWATCH_##group##_##item] = name,

/*
 * Why a bind, listen or connect was refused: X(RULE, item, name, advice).
 * The advice is what remains when no option of the requester would have helped.
 */
#define TCPWATCH_RULES(X) \
	X(RULE, UNKNOWN, "unknown", \
	  "see hooks: a probe is missing or missed this call") \
	X(RULE, LISTENER, "listener", \
	  "stop the listener, or bind another port") \
	X(RULE, LISTEN_LOST, "listen_lost", \
	  "of two SO_REUSEADDR sockets one may listen: close one, or set SO_REUSEPORT on both") \
	X(RULE, BOUND_ONLY, "bound_only", \
	  "set SO_REUSEADDR on both sockets before bind(), or close the holder") \
	X(RULE, CONN_ACTIVE, "conn_active", \
	  "close the connection, or bind another address or port") \
	X(RULE, TIME_WAIT, "time_wait", \
	  "set SO_REUSEADDR on the server's socket before bind(), in every run of it") \
	X(RULE, EPHEMERAL_CLIENT, "ephemeral_client", \
	  "close the connection, or keep connect() off the port: ip_local_reserved_ports") \
	X(RULE, REUSEPORT_MISSING, "reuseport_missing", \
	  "set SO_REUSEPORT on both sockets before bind()") \
	X(RULE, REUSEPORT_UID, "reuseport_uid", \
	  "run both as the same user: SO_REUSEPORT is shared by one uid only") \
	X(RULE, REUSEPORT_ORPHAN, "reuseport_orphan", \
	  "wait until the closed holder is gone: this kernel takes it for root's") \
	X(RULE, REUSEPORT_GROUP, "reuseport_group", \
	  "start from a new socket: this one is in a SO_REUSEPORT group already") \
	X(RULE, RANGE_EXHAUSTED, "range_exhausted", \
	  "widen ip_local_port_range, or close sockets that hold its ports") \
	X(RULE, NO_MEMORY, "no_memory", \
	  "the kernel had no memory for the port's bucket: try again")

enum tcpwatch_rule {
	TCPWATCH_RULES(TCPWATCH_ENUM)
	TCPWATCH_RULE_COUNT
};

/* The call that was refused. */
#define TCPWATCH_CALLS(X) \
	X(CALL, BIND, "bind") \
	X(CALL, LISTEN, "listen")

enum tcpwatch_call {
	TCPWATCH_CALLS(TCPWATCH_ENUM)
	TCPWATCH_CALL_COUNT
};

/*
 * What would have made this very call succeed, the smallest first:
 * X(FIX, item, text).
 */
#define TCPWATCH_FIXES(X) \
	X(FIX, REUSEADDR, "set SO_REUSEADDR on this socket before bind()") \
	X(FIX, REUSEPORT, "set SO_REUSEPORT on this socket before bind()") \
	X(FIX, WAIT, "wait until TIME-WAIT ends")

enum tcpwatch_fix {
	TCPWATCH_FIXES(TCPWATCH_ENUM)
	TCPWATCH_FIX_COUNT
};

extern const char *const tcpwatch_rule_names[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_rule_advice[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_call_names[TCPWATCH_CALL_COUNT];
extern const char *const tcpwatch_fix_texts[TCPWATCH_FIX_COUNT];

#define TCPWATCH_CGROUP_LEN	128

/**
 * struct tcpwatch_bind - what the bind rules compare of a socket
 * @addr: local address, an IPv4 one as v4-mapped
 * @addr4: the IPv4 address that the rules compare, which an IPv6 socket has too
 * @family: AF_INET or AF_INET6
 * @state: TCP_LISTEN, TCP_TIME_WAIT, ...
 * @reuse: SO_REUSEADDR
 * @reuseport: SO_REUSEPORT
 * @v6only: IPV6_V6ONLY, or implied by a specific IPv6 address
 * @group_closed_to: a requester that is in a reuseport group already, none of
 *	whose sockets is closed, so that SO_REUSEPORT does not help it
 * @dev: index of the device it is bound to, or 0
 * @uid: the uid that this kernel's rules compare
 */
struct tcpwatch_bind {
	struct in6_addr addr;
	__be32 addr4;
	u16 family;
	u8 state;
	bool reuse : 1;
	bool reuseport : 1;
	bool v6only : 1;
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
 * @connect_bound: connect() chose the port
 * @kernel: a socket of the kernel's own
 * @uid: owner
 * @ino: socket inode, 0 for an orphan
 * @cgroup: id of the control group it was made in, 0 when not known
 */
struct tcpwatch_sock {
	struct tcpwatch_bind bind;
	u16 port;
	u16 peer_port;
	struct in6_addr peer;
	u8 substate;
	bool connect_bound;
	bool kernel;
	kuid_t uid;
	u64 ino;
	u64 cgroup;
};

/**
 * struct tcpwatch_task - a copy of who a task is
 * @pid: process id (tgid) in the initial pid namespace; 0: no process
 * @tid: thread id, likewise
 * @vpid: process id in the task's own pid namespace
 * @pidns: inode number of that namespace
 * @uid: its effective uid
 * @comm: its name, hostile text
 */
struct tcpwatch_task {
	pid_t pid;
	pid_t tid;
	pid_t vpid;
	u32 pidns;
	kuid_t uid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct tcpwatch_event - one refused call, as it was at that moment
 * @seq: number of the event since load, from 0
 * @time: CLOCK_REALTIME, in nanoseconds
 * @netns: inode number of the network namespace, which the next one may get
 * @netns_cookie: its cookie, which is its alone
 * @call: which call was refused
 * @rule: why
 * @error: the errno, positive
 * @fixes: BIT(enum tcpwatch_fix) of all that would have helped
 * @frees_ms: milliseconds until the last TIME-WAIT holder is gone, 0: not known
 * @want: the requester's socket, with the address and port it asked for
 * @task: the requester
 * @task_cgroup: id of its control group
 * @holders: conflicting sockets that were counted
 * @holders_capped: there were more on the port than are looked at
 * @holder: of these a listener, else a live socket, else one in TIME-WAIT, and
 *	among equals the first that was met; valid if @holders
 * @owner: a live process that has it open; pid 0: none was found
 * @owners: how many live processes have it open
 * @owner_unknown: nobody looked, because too many holders came at once
 * @cgroup_path: the requester's control group
 * @holder_cgroup_path: the holder's
 *
 * The probe handlers write all but @owner and what follows it, which the
 * worker adds before the event is shown to anybody.
 */
struct tcpwatch_event {
	u64 seq;
	u64 time;
	u64 netns_cookie;
	u32 netns;
	u8 call;
	u8 rule;
	u8 error;
	u8 fixes;
	u32 frees_ms;
	struct tcpwatch_sock want;
	struct tcpwatch_task task;
	u64 task_cgroup;
	u32 holders;
	bool holders_capped;
	struct tcpwatch_sock holder;

	bool owner_unknown;
	u32 owners;
	struct tcpwatch_task owner;
	char cgroup_path[TCPWATCH_CGROUP_LEN];
	char holder_cgroup_path[TCPWATCH_CGROUP_LEN];
};

#endif /* _TCPWATCH_EVENT_H */
