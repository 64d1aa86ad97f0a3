// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench [GROUP]...
 *
 * What binds, connects and closes cost. Groups: refused bind connect exhausted close
 * crowd.
 */
#include "bench_calls.h"

#define CONNECTIONS	100000

static void set_range(const char *text)
{
	put("/proc/sys/net/ipv4/ip_local_port_range", text);
}

static void refused(void)
{
	static const struct { const char *name, *holder, *want; } cases[] = {
		{ "refused_v4", "127.0.0.1", "127.0.0.1" },
		{ "refused_v4_any", "0.0.0.0", "0.0.0.0" },
		{ "refused_v4_by_any", "0.0.0.0", "127.0.0.1" },
		{ "refused_v6", "::1", "::1" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		listen_on(cases[i].holder, PORT, 0);
		refuse(cases[i].name, 4000, cases[i].want, 0);
		close(listener);
	}
}

static void bind_close(unsigned int i)
{
	close(bound_socket());
}

static void binds(void)
{
	static const struct { const char *name, *want; void (*call)(unsigned int i); } cases[] = {
		{ "bind_v4", "127.0.0.1", bind_close },
		{ "bind_v4_any", "0.0.0.0", bind_close },
		{ "bind_v6", "::1", bind_close },
		{ "bind_listen", "127.0.0.1", bind_listen_close },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		want_len = address(&want, cases[i].want, PORT);
		measure(cases[i].name, 4000, NULL, cases[i].call);
	}
}

/* Closing it resets the connection. */
static int resetting_socket(void)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd = socket(want.ss_family, SOCK_STREAM, 0);

	require(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		"socket");
	return fd;
}

static void make_resetting_client(unsigned int i)
{
	close_ends(i);
	sockets[i] = resetting_socket();
}

static void make_bound_client(unsigned int i)
{
	make_client(i);
	require(!bind_to(sockets[i], "127.0.0.1", 20000 + i), "bind");
}

static void connects(void)
{
	static const struct {
		const char *name, *to;
		void (*prepare)(unsigned int i);
		void (*call)(unsigned int i);
	} cases[] = {
		{ "connect_v4", "127.0.0.1", make_client, connect_only },
		{ "connect_v4_bound", "127.0.0.1", make_bound_client, connect_only },
		{ "connect_v6", "::1", make_client, connect_only },
		{ "reset_v4", "127.0.0.1", make_resetting_client, connect_close },
	};
	unsigned int i, n;

	/* or TIME-WAIT would soon have all source ports */
	put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "0");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		listen_on(cases[i].to, PORT, 0);
		want_len = address(&want, cases[i].to, PORT);
		measure(cases[i].name, 4000, cases[i].prepare, cases[i].call);
		for (n = 0; n < ARRAY_SIZE(sockets); n++)
			close_ends(n);
		close(listener);
	}
}

static void refused_connect(unsigned int i)
{
	require(connect(asker, (struct sockaddr *)&want, want_len) && errno == EADDRNOTAVAIL,
		"connect that is to fail");
}

static void exhausted(void)
{
	int i, children[2000];

	set_range("20000 20099");
	for (i = 0; i < 100; i++) {
		want_len = address(&want, "0.0.0.0", 20000 + i);
		sockets[i] = bound_socket();
	}
	ask_for("0.0.0.0", 0, 0);
	measure("bind_exhausted", 500, NULL, refused_bind);
	close(asker);
	for (i = 0; i < 100; i++)
		close(sockets[i]);

	set_range("20000 21999");
	listen_on("127.0.0.1", PORT, 0);
	want_len = address(&want, "127.0.0.1", PORT);
	for (i = 0; i < 2000; i++) {
		make_resetting_client(i);
		children[i] = connected(sockets[i]);
	}
	ask_for("127.0.0.1", PORT, 0);
	measure("connect_exhausted", 50, NULL, refused_connect);
	close(asker);
	for (i = 0; i < 2000; i++) {
		close(sockets[i]);
		close(children[i]);
	}
	close(listener);
	set_range("32768 60999");
}

static void gather(void)
{
	const struct rlimit files = { 2 * CONNECTIONS + 100, 2 * CONNECTIONS + 100 };
	char from[] = "127.0.0.2";
	int i, fd;

	require(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	/* ports enough that few are tried twice */
	set_range("1024 65535");
	listen_on("0.0.0.0", PORT, REUSEADDR);
	want_len = address(&want, "127.0.0.1", PORT);
	for (i = 0; i < CONNECTIONS; i++) {
		from[8] = '2' + i / (CONNECTIONS / 8);
		fd = resetting_socket();
		require(!set_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) &&
			!bind_to(fd, from, 0), "bind");
		connected(fd);
	}
}

/* Its connections end with the process. */
static void crowd(void)
{
	gather();
	/* many, so that a scan for processes is shared as it is in the long run */
	refuse("crowd_any", 50000, "0.0.0.0", 0);
	refuse("crowd_reuseaddr", 50000, "0.0.0.0", REUSEADDR);
	refuse("crowd_elsewhere", 50000, "127.0.0.2", 0);
	close(listener);
	refuse("crowd_left", 50000, "0.0.0.0", 0);
}

static void closes(void)
{
	open_and_close(2000, "close_client", "close_server");
}

static const struct group groups[] = {
	{ "refused", refused },
	{ "bind", binds },
	{ "connect", connects },
	{ "exhausted", exhausted },
	{ "close", closes },
	{ "crowd", crowd },
};

int main(int argc, char **argv)
{
	return run_groups(groups, ARRAY_SIZE(groups), argc, argv);
}
