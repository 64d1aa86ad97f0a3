/* SPDX-License-Identifier: GPL-2.0 */
/* The calls that more than one bench makes. */
#ifndef _SELFTESTS_BENCH_CALLS_H
#define _SELFTESTS_BENCH_CALLS_H

#include "bench.h"
#include "knock.h"

static int asker;

static inline void ask_for(const char *address_text, int port, int flags)
{
	const struct side side = { address_text, flags };

	asker = make_socket(&side);
	require(asker >= 0, "socket");
	want_len = address(&want, address_text, port);
}

static inline void refused_bind(unsigned int i)
{
	require(bind(asker, (struct sockaddr *)&want, want_len) && errno == EADDRINUSE,
		"bind that is to be refused");
}

/* A row of refused binds. */
static inline void refuse(const char *name, unsigned int calls, const char *address_text, int flags)
{
	ask_for(address_text, PORT, flags);
	measure(name, calls, NULL, refused_bind);
	close(asker);
}

static inline int bound_socket(void)
{
	int fd = socket(want.ss_family, SOCK_STREAM, 0);

	require(fd >= 0 && !bind(fd, (struct sockaddr *)&want, want_len), "bind");
	return fd;
}

static inline void bind_listen_close(unsigned int i)
{
	int fd = bound_socket();

	require(!listen(fd, 16), "listen");
	close(fd);
}

static inline void connect_close(unsigned int i)
{
	int child = connected(sockets[i]);

	close(sockets[i]);
	close(child);
}

/*
 * To another address for each batch: TIME-WAIT has the source ports of the last. And so few
 * in a batch that connect() does not come round to the ports it began with.
 */
static inline void make_other_client(unsigned int i)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&want;

	if (!i)
		in->sin_addr.s_addr = htonl(ntohl(in->sin_addr.s_addr) + 1);
	make_client(i);
}

static inline void close_child_first(unsigned int i)
{
	int child = connected(sockets[i]);

	close(child);
	close(sockets[i]);
}

/* Opened and closed, with TIME-WAIT as it comes; server_first: or NULL. */
static inline void open_and_close(unsigned int calls, const char *client_first,
				  const char *server_first)
{
	put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "262144");
	/* it is left in TIME-WAIT */
	listen_on("0.0.0.0", PORT + 1, 0);
	want_len = address(&want, "127.0.0.1", PORT + 1);
	measure(client_first, calls, make_other_client, connect_close);
	if (server_first)
		measure(server_first, calls, make_other_client, close_child_first);
	close(listener);
}

static int knocker;
static const char *knocked;
static unsigned int knocks;

static inline void knock_once(unsigned int i)
{
	require(!knock(knocker, knocks++, knocked, PORT), "SYN");
}

/* A flood of SYNs to one port, by what becomes of them: all come from a raw socket here. */
static inline void flood(const char *name, unsigned int calls, const char *to,
			 const char *cookies, int backlog, int fill)
{
	int i, fd, clients[8];

	put("/proc/sys/net/ipv4/tcp_syncookies", cookies);
	knocked = to;
	want_len = address(&want, to, PORT);
	fd = socket(want.ss_family, SOCK_STREAM, 0);
	require(fd >= 0 && !set_on(fd, SOL_SOCKET, SO_REUSEADDR) &&
		!bind(fd, (struct sockaddr *)&want, want_len) && !listen(fd, backlog), "listen");
	for (i = 0; i < fill; i++) {
		clients[i] = socket(want.ss_family, SOCK_STREAM, 0);
		require(!connect(clients[i], (struct sockaddr *)&want, want_len), "connect");
	}
	measure(name, calls, NULL, knock_once);
	for (i = 0; i < fill; i++)
		close(clients[i]);
	close(fd);
}

#endif /* _SELFTESTS_BENCH_CALLS_H */
