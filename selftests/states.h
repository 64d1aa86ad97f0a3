/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that hold a port, brought into any state in which they can. */
#ifndef _SELFTESTS_STATES_H
#define _SELFTESTS_STATES_H

#include "tcpwatch.h"
#include <linux/filter.h>
#include <netinet/tcp.h>
#include "../kselftest.h"

/* More options of a side, see tcpwatch.h. */
#define ON_OTHER	0x20	/* bound to the device OTHER_DEV */
#define GROUPED		0x40	/* in a reuseport group before it is bound */
#define FREEBIND	0x80

#define OTHER_DEV	"other"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif

/*
 * The ports of a namespace: those of holders are given out once and upwards, the
 * far ends of their connections come from a range of their own.
 */
#define FIRST_PORT	2000
#define PEER_LOW	50000
#define PEER_HIGH	64999
#define SERVER_PORT	65000

/* X(STATE, what tcpwatch and ss call it) */
#define STATES(X) \
	X(BOUND, "BOUND") \
	X(LISTENING, "LISTEN") \
	X(UNACCEPTED, "LISTEN")		/* beside a connection not accepted */ \
	X(CHILD_LISTENING, "LISTEN")	/* beside one that was */ \
	X(ESTABLISHED, "ESTABLISHED") \
	X(SHUT, "FIN-WAIT-2")		/* shut down, open */ \
	X(ORPHAN, "FIN-WAIT-2")		/* closed, still a socket */ \
	X(LEFT, "FIN-WAIT-2")		/* closed, in the form of TIME-WAIT */ \
	X(CLOSE_WAIT, "CLOSE-WAIT") \
	X(TIME_WAIT, "TIME-WAIT")

#define STATE_ENUM(item, ...)	item,
#define STATE_NAME(item, name)	\
	[item] = name,

enum state { STATES(STATE_ENUM) };

static const char *const state_names[] = { STATES(STATE_NAME) };

/* How it came by its port: as a server, as a client that was bound, by connect(). */
enum role { SERVER, CLIENT, CHOSEN };

/**
 * struct holder - who holds a port
 * @side: address and options
 * @over: the address that its connections are made to
 * @role: how it came by its port
 * @state: where it is taken; before ESTABLISHED, servers only
 * @port: its port
 * @fd: the socket that was bound, or that connect() bound; -1: closed
 * @child: what it accepted, or -1
 * @peer: the far end of the connection, or -1
 */
struct holder {
	struct side side;
	const char *over;
	enum role role;
	enum state state;
	int port;
	int fd;
	int child;
	int peer;
};

static inline int set_range(int fd, int low, int high)
{
	unsigned int range = low | (unsigned int)high << 16;

	return setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range));
}

/* make_socket() with all options that a side can have. */
static inline int make_side(const struct side *side)
{
	struct sock_filter first = { .code = BPF_RET | BPF_K, .k = 0 };
	struct sock_fprog prog = { .len = 1, .filter = &first };
	int fd = make_socket(side);

	if (fd < 0)
		return -1;
	if (((side->flags & ON_OTHER) &&
	     setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, OTHER_DEV, sizeof(OTHER_DEV))) ||
	    ((side->flags & GROUPED) &&
	     setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog))) ||
	    ((side->flags & FREEBIND) && set_on(fd, IPPROTO_IP, IP_FREEBIND)))
		ksft_exit_fail_perror("options of a socket");
	return fd;
}

static inline int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? -1 : info.tcpi_state;
}

/* Does it come to a state within so many milliseconds? */
static inline bool settles(int fd, int state, int ms)
{
	while (tcp_state(fd) != state && ms--)
		poll(NULL, 0, 1);
	return tcp_state(fd) == state;
}

static inline void wait_for_state(int fd, int state)
{
	if (!settles(fd, state, PATIENCE))
		ksft_exit_fail_msg("a socket is in state %d instead of %d\n", tcp_state(fd), state);
}

/* Nothing is left of it but, if it had closed already, TIME-WAIT. */
static inline void reset(int *fd)
{
	struct linger now = { .l_onoff = 1 };

	if (*fd < 0)
		return;
	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(*fd);
	*fd = -1;
}

static inline void finish(int *fd)
{
	close(*fd);
	*fd = -1;
}

static inline int accept_as(int listener, const struct side *side)
{
	int fd;

	if (side->flags & OTHER_UID)
		setfsuid(1000);
	fd = accept(listener, NULL, NULL);
	setfsuid(0);
	return fd;
}

/* A connection from far away, that is from a port of the peers' range. */
static inline int make_peer(const struct holder *holder)
{
	struct side side = { .address = holder->over };
	int fd = make_socket(&side);

	if (fd < 0 || set_range(fd, PEER_LOW, PEER_HIGH) ||
	    connect_to(fd, side.address, holder->port))
		ksft_exit_fail_perror("connect to the holder");
	return fd;
}

/* Does a listener stay beside the connection? */
static inline bool keeps_listener(enum state state)
{
	return state == LISTENING || state == UNACCEPTED || state == CHILD_LISTENING;
}

/* The first step: 0, or what bind() said. */
static inline int holder_begin(struct holder *holder)
{
	holder->child = -1;
	holder->peer = -1;
	holder->fd = make_side(&holder->side);
	if (holder->fd < 0)
		ksft_exit_fail_perror("the holder's socket");
	if (holder->role == CHOSEN)
		return 0;
	return bind_to(holder->fd, holder->side.address, holder->port) ? errno : 0;
}

/* The server's end of a connection that came from a port, among those of others. */
static inline int accept_from(int server, int port)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	int fd;

	for (;;) {
		fd = accept(server, (struct sockaddr *)&from, &len);
		if (fd < 0)
			ksft_exit_fail_perror("accept");
		if (ntohs(from.sin6_port) == port)
			return fd;
		close(fd);
	}
}

static inline int become_connected(struct holder *holder, int server)
{
	if (holder->role != SERVER) {
		if (holder->role == CHOSEN && set_range(holder->fd, holder->port, holder->port))
			return errno;
		if (connect_to(holder->fd, holder->over, SERVER_PORT))
			return errno;
		holder->peer = accept_from(server, holder->port);
		return 0;
	}
	if (listen(holder->fd, 8))
		return errno;
	if (holder->state == LISTENING)
		return 0;
	holder->peer = make_peer(holder);
	if (holder->state == UNACCEPTED) {
		struct pollfd pfd = { .fd = holder->fd, .events = POLLIN };

		return poll(&pfd, 1, PATIENCE) == 1 ? 0 : ETIMEDOUT;
	}
	holder->child = accept_as(holder->fd, &holder->side);
	if (!keeps_listener(holder->state))
		finish(&holder->fd);
	return 0;
}

/* The connection's end that is the holder's. */
static inline int *holder_end(struct holder *holder)
{
	return holder->role == SERVER ? &holder->child : &holder->fd;
}

/* The other steps: 0, or the errno of what was refused. */
static inline int holder_advance(struct holder *holder, int server)
{
	int seconds = 120, *end = holder_end(holder), err;

	if (holder->state == BOUND)
		return 0;
	err = become_connected(holder, server);
	if (err)
		return err;
	switch (holder->state) {
	case CLOSE_WAIT:
		shutdown(holder->peer, SHUT_WR);
		wait_for_state(*end, TCP_CLOSE_WAIT);
		break;
	case SHUT:
	case ORPHAN:
	case LEFT:
		/* TIME-WAIT stands in for those that wait less than a minute */
		if (holder->state == ORPHAN)
			setsockopt(*end, IPPROTO_TCP, TCP_LINGER2, &seconds, sizeof(seconds));
		shutdown(*end, SHUT_WR);
		wait_for_state(*end, TCP_FIN_WAIT2);
		if (holder->state != SHUT)
			finish(end);
		break;
	case TIME_WAIT:
		shutdown(*end, SHUT_WR);
		wait_for_state(holder->peer, TCP_CLOSE_WAIT);
		finish(&holder->peer);
		wait_for_state(*end, TCP_CLOSE);
		finish(end);
		break;
	default:
		break;
	}
	return 0;
}

/* The far end first: its reset ends an orphan too. */
static inline void holder_end_all(struct holder *holder)
{
	reset(&holder->peer);
	reset(&holder->child);
	reset(&holder->fd);
}

#endif /* _SELFTESTS_STATES_H */
