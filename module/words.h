/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vocabulary: what the parts of an event are called. The lists are written once;
 * the enumerations and the names both come from them.
 */
#ifndef _TCPWATCH_WORDS_H
#define _TCPWATCH_WORDS_H

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
	X(KIND, REUSE, "reuse") \
	/* or did not give way to a connect() */ \
	X(KIND, REFUSAL, "refusal") \
	/* a connection was closed, and got no TIME-WAIT */ \
	X(KIND, OVERFLOW, "overflow") \
	/* most of the source ports to a destination are used */ \
	X(KIND, EXHAUSTION, "exhaustion") \
	/* a listener dropped some of those who knocked, or answered with cookies */ \
	X(KIND, BACKLOG, "backlog") \
	/* connections wait in an accept queue, and nobody accepts them */ \
	X(KIND, STUCK, "stuck")

enum tcpwatch_kind {
	TCPWATCH_KINDS(TCPWATCH_ENUM)
	TCPWATCH_KIND_COUNT
};

/* What becomes of one who knocks at a listener: X(KNOCK, item, name). */
#define TCPWATCH_KNOCKS(X) \
	/* the accept queue was full when the SYN came, */ \
	X(KNOCK, SYN_ACCEPT_FULL, "syn_accept_full") \
	/* or when the handshake was complete */ \
	X(KNOCK, ACK_ACCEPT_FULL, "ack_accept_full") \
	/* the SYN queue was full, or tcp_syncookies is 2: answered with a cookie, if at all */ \
	X(KNOCK, SYN_COOKIE, "syn_cookie") \
	/* the SYN queue was full, and tcp_syncookies is 0 */ \
	X(KNOCK, SYN_DROP, "syn_drop") \
	/* its last quarter is for those that were here before, while tcp_syncookies is 0 */ \
	X(KNOCK, SYN_RESERVE, "syn_reserve") \
	/* there was no memory for a request */ \
	X(KNOCK, SYN_NO_MEMORY, "syn_no_memory") \
	/* no route back, no memory for the connection, an ICMP error, ... */ \
	X(KNOCK, OTHER, "other_drops") \
	X(KNOCK, COOKIES_SENT, "cookies_sent") \
	/* cookies that came back, */ \
	X(KNOCK, COOKIES_RECEIVED, "cookies_received") \
	/* and what came back and was none */ \
	X(KNOCK, COOKIES_FAILED, "cookies_failed")

enum tcpwatch_knock {
	TCPWATCH_KNOCKS(TCPWATCH_ENUM)
	TCPWATCH_KNOCK_COUNT
};

/* Those that got no answer, each of which is one of ListenDrops: BIT(enum tcpwatch_knock). */
#define TCPWATCH_KNOCKS_DROPPED	(BIT(TCPWATCH_KNOCK_SYN_ACCEPT_FULL) | \
				 BIT(TCPWATCH_KNOCK_ACK_ACCEPT_FULL) | \
				 BIT(TCPWATCH_KNOCK_SYN_DROP) | \
				 BIT(TCPWATCH_KNOCK_SYN_RESERVE) | \
				 BIT(TCPWATCH_KNOCK_SYN_NO_MEMORY) | \
				 BIT(TCPWATCH_KNOCK_OTHER))

/* And those that are worth an event. */
#define TCPWATCH_KNOCKS_TOLD	(TCPWATCH_KNOCKS_DROPPED | BIT(TCPWATCH_KNOCK_SYN_COOKIE))

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

/*
 * Why a TIME-WAIT socket did not give way to a connect(), or was refused its place:
 * X(REASON, item, name).
 */
#define TCPWATCH_REASONS(X) \
	X(REASON, NONE, "-") \
	/* tcp_tw_reuse is 0 */ \
	X(REASON, OFF, "off") \
	X(REASON, FIN_WAIT2, "fin_wait2") \
	/* tcp_tw_reuse is 2, and neither end is on the loopback */ \
	X(REASON, NOT_LOOPBACK, "not_loopback") \
	/* the connection used none: all that is asked when bind() named the source port */ \
	X(REASON, NO_TIMESTAMPS, "no_timestamps") \
	X(REASON, TOO_YOUNG, "too_young") \
	/* it may go, and did not: another was quicker */ \
	X(REASON, RACED, "raced") \
	/* as many as tcp_max_tw_buckets permits are there */ \
	X(REASON, MAX_TW_BUCKETS, "tcp_max_tw_buckets") \
	X(REASON, NO_MEMORY, "no_memory")

enum tcpwatch_reason {
	TCPWATCH_REASONS(TCPWATCH_ENUM)
	TCPWATCH_REASON_COUNT
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
extern const char *const tcpwatch_knock_names[TCPWATCH_KNOCK_COUNT];
extern const char *const tcpwatch_cause_names[TCPWATCH_CAUSE_COUNT];
extern const char *const tcpwatch_thanks_names[TCPWATCH_THANKS_COUNT];
extern const char *const tcpwatch_reason_names[TCPWATCH_REASON_COUNT];
extern const char *const tcpwatch_rule_names[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_rule_advice[TCPWATCH_RULE_COUNT];
extern const char *const tcpwatch_call_names[TCPWATCH_CALL_COUNT];
extern const char *const tcpwatch_fix_texts[TCPWATCH_FIX_COUNT];
extern const char *const tcpwatch_relation_names[TCPWATCH_RELATION_COUNT];
extern const char *const tcpwatch_belongs_names[TCPWATCH_BELONGS_COUNT];

#endif /* _TCPWATCH_WORDS_H */
