// SPDX-License-Identifier: GPL-2.0
/*
 * What the table of ports says of sockets in every state and role, and the table of
 * connections of each of them.
 */
#include "tcpwatch.h"
#include <sys/resource.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"
#include "knock.h"
#include "portrows.h"

#define CLIENT		17000
#define FAR		"10.0.0.9"

/* The first byte that either side of a connection sends that was made by TCP_REPAIR. */
#define OUR_SEQ		1000
#define FAR_SEQ		5000

FIXTURE(ports) {
	struct world world;
	int server, knocker;
};

FIXTURE_SETUP(ports)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(make_nowhere(), 0);
	self->knocker = make_knocker(false);
	ASSERT_GE(self->knocker, 0);
	self->server = server_on("0.0.0.0", SERVER);
	ASSERT_GE(self->server, 0);
}

FIXTURE_TEARDOWN(ports)
{
	leave_world(_metadata, &self->world);
}

static int client_of(const char *from, int port, const char *to)
{
	struct side side = { to, 0 };
	int fd = make_socket(&side);

	if (fd < 0 || (from && bind_to(fd, from, port)) || connect_to(fd, to, SERVER))
		return -1;
	return fd;
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

/* What the far one sends: a FIN or none, having got all but our FIN, or that too. */
static int hear_from_far(int knocker, int port, bool fin, bool got_fin)
{
	const struct tcphdr tcp = {
		.source = htons(SERVER), .dest = htons(port), .seq = htonl(FAR_SEQ),
		.ack_seq = htonl(OUR_SEQ + got_fin), .fin = fin, .ack = 1, .doff = 5,
		.window = htons(4096),
	};

	return send_segment(knocker, FAR, HERE, tcp);
}

/* A connection to one that is far and silent, whose numbers we know. */
static int repaired(int knocker, int port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || set(fd, TCP_REPAIR, 1) || set_on(fd, SOL_SOCKET, SO_REUSEADDR) ||
	    bind_to(fd, HERE, port) || set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE) ||
	    set(fd, TCP_QUEUE_SEQ, OUR_SEQ) || set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE) ||
	    set(fd, TCP_QUEUE_SEQ, FAR_SEQ) || connect_to(fd, FAR, SERVER) ||
	    set(fd, TCP_REPAIR, 0))
		return -1;
	/* it has room for what we send */
	return hear_from_far(knocker, port, false, false) ? -1 : fd;
}

/* Each state at least once, and more of some than of others. */
TEST_F(ports, every_state)
{
	int port = CLIENT, i, fd, kept[16];
	struct side far = { FAR, 0 };

	/* ESTABLISHED, both ends */
	for (i = 0; i < 3; i++) {
		kept[i] = client_of(NULL, 0, "127.0.0.1");
		ASSERT_GE(kept[i], 0);
	}
	/* SYN-SENT */
	fd = make_socket(&far);
	ASSERT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ASSERT_EQ(connect_to(fd, FAR, 1), -1);
	/* SYN-RECEIVED */
	ASSERT_EQ(knock(self->knocker, 1, HERE, SERVER), 0);
	ASSERT_EQ(knock(self->knocker, 2, HERE, SERVER), 0);
	/* FIN-WAIT-1, FIN-WAIT-2, CLOSING */
	close(repaired(self->knocker, port++));
	close(repaired(self->knocker, port));
	ASSERT_EQ(hear_from_far(self->knocker, port++, false, true), 0);
	close(repaired(self->knocker, port));
	ASSERT_EQ(hear_from_far(self->knocker, port, true, false), 0);
	ASSERT_EQ(await_state(port++, SERVER, TCP_CLOSING), 0);
	/* CLOSE-WAIT, LAST-ACK */
	kept[3] = repaired(self->knocker, port);
	ASSERT_EQ(hear_from_far(self->knocker, port++, true, false), 0);
	fd = repaired(self->knocker, port);
	ASSERT_EQ(hear_from_far(self->knocker, port, true, false), 0);
	ASSERT_EQ(await_state(port, SERVER, TCP_CLOSE_WAIT), 0);
	close(fd);
	ASSERT_EQ(await_state(port, SERVER, TCP_LAST_ACK), 0);
	/* TIME-WAIT, of IPv6 besides */
	fd = server_on("::", SERVER + 1);
	ASSERT_GE(time_wait_on(fd, 17100, "::1", SERVER + 1), 0);
	ASSERT_GE(time_wait_on(fd, 17101, "::ffff:127.0.0.1", SERVER + 1), 0);

	EXPECT_TRUE(rows_agree());
	for (i = 1; i <= TCP_CLOSING; i++) {
		EXPECT_GT(row_count(0, state_columns[i]), i == TCP_CLOSE ? -1 : 0) {
			TH_LOG("none in %s", state_columns[i]);
		}
	}
	EXPECT_STREQ(row_cell(SERVER, "role"), "listening,accepted");
	EXPECT_EQ(row_count(SERVER, "accepted"), 5);
	EXPECT_EQ(row_count(SERVER, "syn_recv"), 2);
}

/* Who has opened a connection is told of every way to open one. */
TEST_F(ports, roles)
{
	int v6 = server_on("::", SERVER + 1), fd, i;
	struct side side = { "::1", 0 };
	char byte;

	ASSERT_GE(v6, 0);
	EXPECT_STREQ(row_cell(SERVER, "role"), "listening");
	/* connect() chooses the port; bind() does, with and without an address; we do */
	ASSERT_GE(client_of(NULL, 0, "127.0.0.1"), 0);
	ASSERT_GE(client_of("127.0.0.2", 0, "127.0.0.1"), 0);
	ASSERT_GE(client_of("0.0.0.0", 0, "127.0.0.1"), 0);
	ASSERT_GE(client_of("0.0.0.0", CLIENT, "127.0.0.1"), 0);
	EXPECT_EQ(row_count(0, "initiated"), 4);
	EXPECT_EQ(row_count(0, "accepted"), 4);
	EXPECT_EQ(row_count(SERVER, "accepted"), 4);
	EXPECT_STREQ(row_cell(CLIENT, "role"), "initiated");
	/* the same of IPv6, and of IPv4 on a socket of IPv6 */
	fd = make_socket(&side);
	ASSERT_EQ(bind_to(fd, "::1", CLIENT), 0);
	ASSERT_EQ(connect_to(fd, "::1", SERVER + 1), 0);
	fd = make_socket(&side);
	ASSERT_EQ(connect_to(fd, "::ffff:127.0.0.1", SERVER + 1), 0);
	EXPECT_EQ(row_count(CLIENT, "initiated"), 2);
	EXPECT_EQ(row_count(SERVER + 1, "accepted"), 2);
	EXPECT_EQ(row_count(0, "initiated"), 6);
	/* and of one that wants to know by which device packets come */
	side = (struct side){ "::1", 0 };
	fd = make_socket(&side);
	ASSERT_EQ(set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 0);
	ASSERT_EQ(connect_to(fd, "::1", SERVER + 1), 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(write(accept(v6, NULL, NULL), "x", 1), 1);
	ASSERT_EQ(read(fd, &byte, 1), 1);
	EXPECT_EQ(row_count(0, "initiated"), 7);
	EXPECT_EQ(row_count(SERVER + 1, "accepted"), 3);
	/* both at once: from a port on which another address listens */
	fd = server_on("127.0.0.7", CLIENT + 1);
	ASSERT_GE(fd, 0);
	ASSERT_GE(client_of("127.0.0.8", CLIENT + 1, "127.0.0.1"), 0);
	side = (struct side){ "127.0.0.7", 0 };
	ASSERT_EQ(connect_to(make_socket(&side), "127.0.0.7", CLIENT + 1), 0);
	EXPECT_STREQ(row_cell(CLIENT + 1, "role"), "listening,accepted,initiated");
	/* and nothing at all */
	fd = make_socket(&side);
	ASSERT_EQ(bind_to(fd, "127.0.0.1", CLIENT + 2), 0);
	EXPECT_STREQ(row_cell(CLIENT + 2, "role"), "bound");
	EXPECT_EQ(row_count(CLIENT + 2, "bound"), 1);
	EXPECT_TRUE(rows_agree());
}

/* Of TIME-WAIT it is told by the port's past. */
TEST_F(ports, roles_in_time_wait)
{
	int client = client_of(NULL, 0, "127.0.0.1"), child = accept(self->server, NULL, NULL);
	int port = local_port(client);

	ASSERT_GE(child, 0);
	/* the server closes first, and ceases to listen */
	close(child);
	ASSERT_EQ(await_state(SERVER, port, TCP_FIN_WAIT2), 0);
	close(client);
	ASSERT_EQ(await_state(SERVER, port, TCP_TIME_WAIT), 0);
	/* a client from a port of its choice does; another from one that connect() has chosen */
	client = client_of("127.0.0.2", CLIENT, "127.0.0.1");
	child = accept(self->server, NULL, NULL);
	close(client);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_FIN_WAIT2), 0);
	close(child);
	ASSERT_EQ(await_state(CLIENT, SERVER, TCP_TIME_WAIT), 0);
	ASSERT_GE(time_wait_on(self->server, CLIENT + 1, "127.0.0.1", SERVER), 0);
	close(self->server);
	EXPECT_STREQ(row_cell(SERVER, "role"), "accepted");
	EXPECT_STREQ(row_cell(CLIENT, "role"), "initiated");
	EXPECT_STREQ(row_cell(CLIENT + 1, "role"), "initiated");
	/* about a minute, as tcp(7) has it, and what the timer wheel adds */
	EXPECT_GT(row_count(SERVER, "last_ms"), 55000);
	EXPECT_LE(row_count(SERVER, "last_ms"), 68000);
	EXPECT_TRUE(rows_agree());
}

TEST_F(ports, peers)
{
	char from[] = "127.0.0.2";
	int i;

	for (i = 0; i < 6; i++) {
		from[8] = '2' + i % 3 % 2;
		ASSERT_GE(client_of(from, 0, "127.0.0.1"), 0);
	}
	/* 0 1 0 0 1 0: four of the first, two of the second */
	EXPECT_EQ(row_count(SERVER, "peers"), 2);
	EXPECT_STREQ(row_cell(SERVER, "top_peer"), "127.0.0.2");
	EXPECT_EQ(row_count(SERVER, "top_count"), 4);
	EXPECT_STREQ(row_cell(SERVER, "unanswered_peer"), "-");
}

/* More than fit in the first memory, and than one look under the lock. */
TEST_F(ports, many_peers)
{
	const struct rlimit files = { 4096, 4096 };
	int i, fds[2];

	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (i = 0; i < 900; i++) {
		char from[32];

		snprintf(from, sizeof(from), "127.8.%d.%d", i / 3 / 200, 1 + i / 3 % 200);
		fds[0] = client_of(from, 0, "127.0.0.1");
		ASSERT_GE(fds[0], 0);
		fds[1] = accept(self->server, NULL, NULL);
		ASSERT_GE(fds[1], 0);
	}
	EXPECT_EQ(row_count(SERVER, "peers"), 300);
	EXPECT_EQ(row_count(SERVER, "top_count"), 3);
	EXPECT_EQ(row_count(SERVER, "established"), 900);
	EXPECT_TRUE(rows_agree());
}

TEST_HARNESS_MAIN
