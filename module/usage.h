/* SPDX-License-Identifier: GPL-2.0 */
/* What a port is used for: its sockets by role, by state and by peer, and what is wrong. */
#ifndef _TCPWATCH_USAGE_H
#define _TCPWATCH_USAGE_H

#include <net/tcp_states.h>

#include "bound.h"
#include "peers.h"

struct inet_bind_bucket;
struct seq_file;
struct sock;
struct tcpwatch_port;
struct tcpwatch_portset;

/* What a socket does on its port: X(ROLE, item, name). */
#define TCPWATCH_ROLES(X) \
	X(ROLE, LISTENING, "listening") \
	/* a listener has produced the connection: somebody else has opened it */ \
	X(ROLE, ACCEPTED, "accepted") \
	/* connect() has: we have opened it */ \
	X(ROLE, INITIATED, "initiated") \
	/* it is bound and nothing more */ \
	X(ROLE, BOUND, "bound")

enum tcpwatch_role {
	TCPWATCH_ROLES(TCPWATCH_ENUM)
	TCPWATCH_ROLE_COUNT
};

extern const char *const tcpwatch_role_names[TCPWATCH_ROLE_COUNT];

/* X(STATE, item, name): TCP_item is its number, as in /proc/net/tcp. */
#define TCPWATCH_STATES(X) \
	X(STATE, ESTABLISHED, "established") \
	X(STATE, SYN_SENT, "syn_sent") \
	/* requests in the SYN queue, and what Fast Open has accepted early */ \
	X(STATE, SYN_RECV, "syn_recv") \
	X(STATE, FIN_WAIT1, "fin_wait1") \
	/* in the form of TIME-WAIT too */ \
	X(STATE, FIN_WAIT2, "fin_wait2") \
	X(STATE, TIME_WAIT, "time_wait") \
	X(STATE, CLOSE_WAIT, "close_wait") \
	X(STATE, LAST_ACK, "last_ack") \
	X(STATE, CLOSING, "closing") \
	X(STATE, LISTEN, "listen") \
	/* bound and nothing more: neither listening nor connected */ \
	X(STATE, CLOSE, "bound")

enum tcpwatch_state {
	TCPWATCH_STATES(TCPWATCH_ENUM)
	TCPWATCH_STATE_COUNT
};

extern const char *const tcpwatch_state_names[TCPWATCH_STATE_COUNT];

/* So many sockets in a state are a pile, where people had rather not have any. */
#define TCPWATCH_PILE	10

/* And so many connections are enough to ask who holds most of them. */
#define TCPWATCH_MANY	64

/* What is wrong with a port: X(WRONG, item, name). */
#define TCPWATCH_WRONGS(X) \
	/* TCPWATCH_PILE in CLOSE-WAIT: the application does not close them */ \
	X(WRONG, CLOSE_WAIT, "close_wait") \
	/* TCPWATCH_PILE in FIN-WAIT-2 that nobody has open: the peers do not close them */ \
	X(WRONG, FIN_WAIT2, "fin_wait2_orphans") \
	/* TCPWATCH_PILE in SYN-SENT: the peer does not answer */ \
	X(WRONG, SYN_SENT, "syn_sent") \
	/* requests for half of the backlog: the peers do not go on */ \
	X(WRONG, SYN_RECV, "syn_recv") \
	/* more than half of TCPWATCH_MANY connections or more are with one peer */ \
	X(WRONG, ONE_PEER, "one_peer") \
	/* of all ports together: as many are used as the knob `exhaustion` says */ \
	X(WRONG, EPHEMERAL, "ephemeral")

enum tcpwatch_wrong {
	TCPWATCH_WRONGS(TCPWATCH_ENUM)
	TCPWATCH_WRONG_COUNT
};

/**
 * struct tcpwatch_usage - what a port is used for
 * @states: sockets by enum tcpwatch_state
 * @roles: and by enum tcpwatch_role
 * @unclear: those in TIME-WAIT of whose role the socket tells nothing
 * @orphans: those in FIN-WAIT-2 that nobody has open
 * @backlog: of its listeners
 * @last_ms: until the last TIME-WAIT socket is gone, 0: not known
 * @wrongs: BIT(enum tcpwatch_wrong)
 * @peers: by address, of all that are connected
 * @unanswered: and of those in SYN-SENT
 * @rank: how much @is tells
 * @is: a copy of one of the sockets, valid if any is counted
 * @bound: who bound the port, valid if @bound_known
 * @bound_known: somebody has, that we know of
 */
struct tcpwatch_usage {
	u32 states[TCPWATCH_STATE_COUNT];
	u32 roles[TCPWATCH_ROLE_COUNT];
	u32 unclear;
	u32 orphans;
	u64 backlog;
	u32 last_ms;
	u32 wrongs;
	struct tcpwatch_peers peers;
	struct tcpwatch_peers unanswered;
	u8 rank;
	struct tcpwatch_sock is;
	struct tcpwatch_bound bound;
	bool bound_known;
};

/**
 * tcpwatch_usage_init() - allocate memory
 * @usage: what is to be given to tcpwatch_usage_free(), also when this fails
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_usage_init(struct tcpwatch_usage *usage);

/**
 * tcpwatch_usage_free() - free it
 * @usage: be it zeroed
 *
 * Context: process.
 */
void tcpwatch_usage_free(struct tcpwatch_usage *usage);

/**
 * tcpwatch_usage_take() - look what a port is used for
 * @usage: the answer
 * @port: the port
 *
 * Context: process, sleeps.
 * Return: how many sockets there are, or -EINTR when the reader is killed.
 */
long tcpwatch_usage_take(struct tcpwatch_usage *usage, const struct tcpwatch_port *port);

/**
 * struct tcpwatch_sum - what many ports are used for, all together
 * @usage: that; peers are told of SYN-SENT alone
 * @netns_cookie: the network namespace whose ephemeral ports are counted
 * @lo: the first of them
 * @hi: and the last
 * @used: how many of them are in use
 */
struct tcpwatch_sum {
	struct tcpwatch_usage usage;
	u64 netns_cookie;
	int lo;
	int hi;
	unsigned int used;
};

/**
 * tcpwatch_sum_begin() - no ports yet
 * @sum: all ports, the usage of which is initialised
 * @netns_cookie: see struct tcpwatch_sum
 *
 * Context: process, may sleep.
 */
void tcpwatch_sum_begin(struct tcpwatch_sum *sum, u64 netns_cookie);

/**
 * tcpwatch_sum_add() - add a port
 * @sum: all ports
 * @usage: what it is used for
 * @port: the port
 *
 * Context: process, may sleep.
 */
void tcpwatch_sum_add(struct tcpwatch_sum *sum, const struct tcpwatch_usage *usage,
		      const struct tcpwatch_port *port);

/**
 * tcpwatch_sum_judge() - what is wrong with all of them together?
 * @sum: all ports
 *
 * Context: any.
 */
void tcpwatch_sum_judge(struct tcpwatch_sum *sum);

/**
 * tcpwatch_usage_role() - what a socket does on its port
 * @role: the answer
 * @sk: a full socket or one in TIME-WAIT
 * @tb: the bucket of its port
 *
 * Context: under the lock of @tb.
 * Return: false when the socket does not tell; then it was accepted if its port was
 * listened on, else initiated.
 */
bool tcpwatch_usage_role(enum tcpwatch_role *role, const struct sock *sk,
			 const struct inet_bind_bucket *tb);

/**
 * tcpwatch_usage_wrongs() - print what is wrong, with commas between
 * @m: where to
 * @before: what comes before the first: see tcpwatch_cell_names()
 * @usage: of a port, or of all
 *
 * Context: any.
 */
void tcpwatch_usage_wrongs(struct seq_file *m, const char *before,
			   const struct tcpwatch_usage *usage);

/**
 * tcpwatch_usage_roles() - print the roles its sockets have, likewise
 * @m: where to
 * @before: likewise
 * @usage: of a port, or of all
 *
 * Context: any.
 */
void tcpwatch_usage_roles(struct seq_file *m, const char *before,
			  const struct tcpwatch_usage *usage);

#endif /* _TCPWATCH_USAGE_H */
