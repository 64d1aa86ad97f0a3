/* SPDX-License-Identifier: GPL-2.0 */
/* Every socket of a port, with both its ends, its role and what it waits for. */
#ifndef _TCPWATCH_CONNECTIONS_H
#define _TCPWATCH_CONNECTIONS_H

#include "event.h"

struct inet_bind_bucket;
struct sock;
struct tcpwatch_port;

/* Of one port, at most; the others are counted. */
#define TCPWATCH_CONNECTIONS_MAX	65536

/* What a socket waits for: X(TIMER, item, name). */
#define TCPWATCH_TIMERS(X) \
	X(TIMER, NONE, "-") \
	/* to send again */ \
	X(TIMER, RETRANSMIT, "retransmit") \
	/* to ask whether the peer's window is open again */ \
	X(TIMER, PROBE, "probe") \
	X(TIMER, KEEPALIVE, "keepalive") \
	/* to be gone */ \
	X(TIMER, TIME_WAIT, "time_wait")

enum tcpwatch_timer {
	TCPWATCH_TIMERS(TCPWATCH_ENUM)
	TCPWATCH_TIMER_COUNT
};

extern const char *const tcpwatch_timer_names[TCPWATCH_TIMER_COUNT];

/**
 * struct tcpwatch_connection - one socket
 * @is: a copy of it
 * @role: enum tcpwatch_role
 * @role_known: the socket has told it, else it is concluded from the others
 * @timer: what it waits for
 * @timer_ms: for how long still
 * @retries: how often it has tried
 * @received: bytes that wait to be read; of a listener, connections that wait for accept()
 * @unacked: bytes that the peer has not confirmed; of a listener, the backlog
 * @idle_known: @idle_ms is valid
 * @idle_ms: since data was sent or received last
 * @age_ms: since it is in TIME-WAIT
 * @connected: a full socket that is connected
 */
struct tcpwatch_connection {
	struct tcpwatch_sock is;
	u8 role;
	bool role_known;
	bool connected;
	bool idle_known;
	u8 timer;
	u8 retries;
	u32 timer_ms;
	u32 received;
	u32 unacked;
	u32 idle_ms;
	u32 age_ms;
};

/**
 * struct tcpwatch_connections - those of a port
 * @list: they
 * @count: how many
 * @room: how many there is memory for
 * @more: so many there are besides
 * @listened: somebody listens on the port, or a listener has produced a connection
 * @requests: how many requests its listeners have in the SYN queue
 */
struct tcpwatch_connections {
	struct tcpwatch_connection *list;
	unsigned int count;
	unsigned int room;
	unsigned int more;
	bool listened;
	unsigned int requests;
};

/**
 * tcpwatch_connections_take() - look at the sockets of a port
 * @connections: the answer; zeroed, or from the last time
 * @port: the port
 *
 * Requests in the SYN queue are known to the table of connections alone: if there are any,
 * it is looked through, one bucket at a time.
 *
 * Context: process, sleeps.
 * Return: 0, -ENOMEM, or -EINTR when the reader is killed.
 */
int tcpwatch_connections_take(struct tcpwatch_connections *connections,
			      const struct tcpwatch_port *port);

/**
 * tcpwatch_connections_free() - free them
 * @connections: be they zeroed
 *
 * Context: process.
 */
void tcpwatch_connections_free(struct tcpwatch_connections *connections);

#endif /* _TCPWATCH_CONNECTIONS_H */
