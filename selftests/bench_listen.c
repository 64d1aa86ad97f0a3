// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench_listen [GROUP]...
 *
 * What knocking at a listener costs. Groups: accept flood waits whole.
 */
#include "bench_calls.h"

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

static void floods(void)
{
	require(!make_nowhere(), "a route to nowhere");
	knocker = make_knocker(false);
	flood("flood_cookie", 4000, HERE, "1", 8, 0);
	flood("flood_drop", 4000, HERE, "0", 8, 0);
	/* three connections to a place for three */
	flood("flood_accept_full", 4000, HERE, "1", 2, 3);
	close(knocker);
	knocker = make_knocker(true);
	flood("flood_cookie_v6", 4000, HERE6, "1", 8, 0);
	flood("flood_drop_v6", 4000, HERE6, "0", 8, 0);
	close(knocker);
}

/* All that there is of a connection, with all that is probed of it. */
static void whole(void)
{
	open_and_close(2000, "whole_client", "whole_server");
}

static const struct group groups[] = {
	{ "accept", accepts },
	{ "flood", floods },
	{ "waits", waits },
	{ "whole", whole },
};

int main(int argc, char **argv)
{
	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
