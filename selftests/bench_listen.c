// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench_listen [GROUP]...
 *
 * What knocking at a listener costs. Groups: accept flood waits.
 */
#include "bench.h"
#include "knock.h"

/* Connections that are opened and accepted: everything that is probed on their way. */
static void opened(const char *name, const char *to)
{
	unsigned int i;

	put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
	listen_on(to, PORT, 0);
	want_len = address(&want, to, PORT);
	measure(name, 4000, make_client, connect_only);
	for (i = 0; i < ARRAY_SIZE(sockets); i++)
		close_ends(i);
	close(listener);
}

static void accepts(void)
{
	opened("accept_v4", "127.0.0.1");
	opened("accept_v6", "::1");
}

/* The same, where the module notes since when each waits. */
static void waits(void)
{
	opened("waits_v4", "127.0.0.1");
	opened("waits_v6", "::1");
}

static int knocker;
static const char *knocked;
static unsigned int knocks;

static void knock_once(unsigned int i)
{
	require(!knock(knocker, knocks++, knocked, PORT), "SYN");
}

/* A flood of SYNs to one port, by what becomes of them: all come from a raw socket here. */
static void flood(const char *name, const char *to, const char *cookies, int backlog, int fill)
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
	measure(name, 4000, NULL, knock_once);
	for (i = 0; i < fill; i++)
		close(clients[i]);
	close(fd);
}

static void floods(void)
{
	require(!make_nowhere(), "a route to nowhere");
	knocker = make_knocker(false);
	flood("flood_cookie", HERE, "1", 8, 0);
	flood("flood_drop", HERE, "0", 8, 0);
	/* three connections to a place for three */
	flood("flood_accept_full", HERE, "1", 2, 3);
	close(knocker);
	knocker = make_knocker(true);
	flood("flood_cookie_v6", HERE6, "1", 8, 0);
	flood("flood_drop_v6", HERE6, "0", 8, 0);
	close(knocker);
}

static const struct group groups[] = {
	{ "accept", accepts },
	{ "flood", floods },
	{ "waits", waits },
};

int main(int argc, char **argv)
{
	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
