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
	  "set SO_REUSEPORT on both sockets before bind(), as one user") \
	X(RULE, REUSEPORT_UID, "reuseport_uid", \
	  "run both as the same user: SO_REUSEPORT is shared by one uid only") \
	X(RULE, REUSEPORT_ORPHAN, "reuseport_orphan", \
	  "wait until the closed holder is gone: this kernel takes it for root's") \
	X(RULE, REUSEPORT_GROUP, "reuseport_group", \
	  "start from a new socket: this one is in a SO_REUSEPORT group already") \
	X(RULE, RANGE_EXHAUSTED, "range_exhausted", \
	  "widen ip_local_port_range, or close sockets that hold its ports") \
	X(RULE, NO_MEMORY, "no_memory", \
	  "the kernel had no memory for the port's bucket: try again") \
	X(RULE, TUPLE_ACTIVE, "tuple_active", \
	  "bind another source port, or none: that connection is still there") \
	X(RULE, TUPLE_SYNRECV, "tuple_synrecv", \
	  "bind another source port, or none: that handshake is still under way") \
	X(RULE, TUPLE_TIME_WAIT, "tuple_time_wait", \
	  "bind another source port, or none: without timestamps TIME-WAIT is not reused") \
	X(RULE, NO_SOURCE_PORT, "no_source_port", \
	  "widen ip_local_port_range, close connections to there, or add a source address") \
	X(RULE, ADDR_NOT_LOCAL, "addr_not_local", \
	  "add the address to this network namespace, or bind one that is there") \
	X(RULE, ADDR_TENTATIVE, "addr_tentative", \
	  "wait until duplicate address detection is done, or add the address with nodad") \
	X(RULE, NO_SOURCE_ADDR, "no_source_addr", \
	  "give the outgoing device an address of the destination's scope, or bind one") \
	X(RULE, PORT_PRIVILEGED, "port_privileged", \
	  "CAP_NET_BIND_SERVICE, or a lower ip_unprivileged_port_start")

enum tcpwatch_rule {
	TCPWATCH_RULES(TCPWATCH_ENUM)
	TCPWATCH_RULE_COUNT
};

/* What an event is of: X(KIND, item, name). */
#define TCPWATCH_KINDS(X) \
	X(KIND, CONFLICT, "conflict") \
	/* a TIME-WAIT socket gave way before its time */ \
	X(KIND, REUSE, "reuse")

enum tcpwatch_kind {
	TCPWATCH_KINDS(TCPWATCH_ENUM)
	TCPWATCH_KIND_COUNT
};

/* What took the place of a TIME-WAIT socket: X(CAUSE, item, name). */
#define TCPWATCH_CAUSES(X) \
	/* a bind to its address and port, which leaves it where it is */ \
	X(CAUSE, BIND_OVER, "bind_over") \
	/* an outgoing connection with the same four-tuple */ \
	X(CAUSE, CONNECT, "connect") \
	/* a new SYN from the same peer, taken by a listener */ \
	X(CAUSE, SYN, "syn")

enum tcpwatch_cause {
	TCPWATCH_CAUSES(TCPWATCH_ENUM)
	TCPWATCH_CAUSE_COUNT
};

/* By virtue of what: X(THANKS, item, name). */
#define TCPWATCH_THANKSES(X) \
	X(THANKS, REUSEADDR, "reuseaddr") \
	X(THANKS, REUSEPORT, "reuseport") \
	/* bind() had named the source port, and the connection used timestamps */ \
	X(THANKS, BOUND, "bound") \
	X(THANKS, TW_REUSE, "tcp_tw_reuse") \
	/* the SYN is newer than all that the old connection has seen */ \
	X(THANKS, NEWER, "newer")

enum tcpwatch_thanks {
	TCPWATCH_THANKSES(TCPWATCH_ENUM)
	TCPWATCH_THANKS_COUNT
};

/* The call that was refused, or that took over. */
#define TCPWATCH_CALLS(X) \
	X(CALL, BIND, "bind") \
	X(CALL, LISTEN, "listen") \
	X(CALL, CONNECT, "connect") \
	/* none of this host: a packet */ \
	X(CALL, NONE, "none")

enum tcpwatch_call {
	TCPWATCH_CALLS(TCPWATCH_ENUM)
	TCPWATCH_CALL_COUNT
};

/*
 * What would have made this very call succeed, the smallest first:
 * X(FIX, item, text). IP_FREEBIND does so if the port is free, which the kernel asks
 * after the address.
 */
#define TCPWATCH_FIXES(X) \
	X(FIX, REUSEADDR, "set SO_REUSEADDR on this socket before bind()") \
	X(FIX, REUSEPORT, "set SO_REUSEPORT on this socket before bind()") \
	X(FIX, V6ONLY, "set IPV6_V6ONLY on this socket before bind()") \
	X(FIX, FREEBIND, "set IP_FREEBIND on this socket before bind()") \
	X(FIX, WAIT, "wait until TIME-WAIT ends")

enum tcpwatch_fix {
	TCPWATCH_FIXES(TCPWATCH_ENUM)
	TCPWATCH_FIX_COUNT
};

/* How the addresses of requester and holder meet: X(RELATION, item, name). */
#define TCPWATCH_RELATIONS(X) \
	X(RELATION, SAME, "same") \
	X(RELATION, HOLDER_WILDCARD, "holder_wildcard") \
	X(RELATION, WANT_WILDCARD, "want_wildcard") \
	/* an IPv6 wildcard against IPv4, either way */ \
	X(RELATION, DUAL_STACK, "dual_stack") \
	/* a v4-mapped address against the same one as IPv4 */ \
	X(RELATION, MAPPED, "mapped")

enum tcpwatch_relation {
	TCPWATCH_RELATIONS(TCPWATCH_ENUM)
	TCPWATCH_RELATION_COUNT
};

/* Whose the holder is: X(BELONGS, item, name). */
#define TCPWATCH_BELONGINGS(X) \
	X(BELONGS, PROCESS, "process") \
	/* closed by its process, and not at its end yet */ \
	X(BELONGS, ORPHAN, "orphan") \
	/* in the accept queue of its listener */ \
	X(BELONGS, UNACCEPTED, "unaccepted") \
	X(BELONGS, KERNEL, "kernel") \
	X(BELONGS, TIME_WAIT, "time_wait")

enum tcpwatch_belongs {
	TCPWATCH_BELONGINGS(TCPWATCH_ENUM)
	TCPWATCH_BELONGS_COUNT
};

extern const char *const tcpwatch_kind_names[TCPWATCH_KIND_COUNT];
extern const char *const tcpwatch_cause_names[TCPWATCH_CAUSE_COUNT];
extern const char *const tcpwatch_thanks_names[TCPWATCH_THANKS_COUNT];
extern const char *const tcpwatch_rule_names[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_rule_advice[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_call_names[TCPWATCH_CALL_COUNT];
extern const char *const tcpwatch_fix_texts[TCPWATCH_FIX_COUNT];
extern const char *const tcpwatch_relation_names[TCPWATCH_RELATION_COUNT];
extern const char *const tcpwatch_belongs_names[TCPWATCH_BELONGS_COUNT];

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
 * @time: when that was, CLOCK_MONOTONIC in nanoseconds
 * @exited: it had exited when the event came
 * @exited_at: when that was, likewise; 0: not known
 * @seeded: the socket was there when we came: the process is one that had it then
 */
struct tcpwatch_bound {
	struct tcpwatch_task task;
	u64 cgroup;
	u64 time;
	u64 exited_at;
	bool exited;
	bool seeded;
};

/**
 * struct tcpwatch_facts - what happened as the probe handler saw it, at that moment
 * @seq: number of the event since load, from 0
 * @time: CLOCK_MONOTONIC, in nanoseconds
 * @netns_cookie: cookie of the network namespace, which is its alone
 * @netns: its inode number, which the next one may get
 * @kind: what the event is of
 * @call: which call was refused, or took over
 * @cause: of a reuse, what took over; the rule is unknown then, the error 0, and
 *	the holder the TIME-WAIT socket
 * @thanks: and by virtue of what
 * @sysctl_tw_reuse: and tcp_tw_reuse at that time
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
	u64 netns_cookie;
	u32 netns;
	u8 kind;
	u8 cause;
	u8 thanks;
	u8 sysctl_tw_reuse;
	u8 call;
	u8 rule;
	u8 error;
	u8 relation;
	u8 fixes;
	bool holders_capped;
	u32 holders;
	u32 frees_ms;
	u16 range_lo;
	u16 range_hi;
	struct tcpwatch_sock want;
	struct tcpwatch_task task;
	u64 task_cgroup;
	struct tcpwatch_sock holder;
};

/**
 * struct tcpwatch_found - what was looked up after it: see tcpwatch_found_init()
 * @real: the time by the wall clock, in nanoseconds
 * @owner_unknown: nobody looked, because too many holders came at once
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
	u64 real;
	bool owner_unknown;
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
