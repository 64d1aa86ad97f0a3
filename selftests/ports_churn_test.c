// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of ports and connections, read over and over while connections come and go:
 * what stays is told once in each read, and never less or more of the rest than there is.
 */
#include "tcpwatch.h"
#include <pthread.h>
#include <sys/resource.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"
#include "portrows.h"

/*
 * Connections to one port that stay: so many that they are not visited in one go. And
 * so many reads; a debug kernel takes ten times as long.
 */
static int stay = 1000;
static int reads = 60;

/* Others come and go, so many at a time in each of the threads. */
#define THREADS		3
#define AT_ONCE		20

static bool stop;

/* Opens some and closes them, its own end first or the other. */
static void *churn(void *arg)
{
	int server = *(int *)arg, clients[AT_ONCE], child, i;
	struct side side = { "127.0.0.1", 0 };
	const struct linger reset = { .l_onoff = 1 };
	unsigned int turn = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		turn++;
		for (i = 0; i < AT_ONCE; i++) {
			clients[i] = make_socket(&side);
			/* another may have taken what we have knocked for */
			if (connect_to(clients[i], "127.0.0.1", SERVER))
				return (void *)1;
		}
		for (i = 0; i < AT_ONCE; i++) {
			child = accept(server, NULL, NULL);
			/* in all orders, and without TIME-WAIT now and then */
			if ((turn + i) % 3)
				setsockopt(clients[i], SOL_SOCKET, SO_LINGER, &reset,
					   sizeof(reset));
			close(turn % 2 ? clients[i] : child);
			close(turn % 2 ? child : clients[i]);
		}
	}
	return NULL;
}

FIXTURE(churn) {
	struct world world;
	int server;
	pthread_t threads[THREADS];
};

FIXTURE_SETUP(churn)
{
	const struct rlimit files = { 8192, 8192 };
	struct side side = { "127.0.0.1", 0 };
	int i;

	if (unfit())
		SKIP(return, "%s", unfit());
	if (is_debug_kernel()) {
		stay = 200;
		reads = 10;
	}
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
	self->server = make_socket(&side);
	ASSERT_EQ(bind_to(self->server, "127.0.0.1", SERVER), 0);
	ASSERT_EQ(listen(self->server, 4096), 0);
	for (i = 0; i < stay; i++) {
		ASSERT_EQ(connect_to(make_socket(&side), "127.0.0.1", SERVER), 0);
		ASSERT_GE(accept(self->server, NULL, NULL), 0);
	}
	EXPECT_TRUE(rows_agree());
	stop = false;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&self->threads[i], NULL, churn, &self->server), 0);
}

FIXTURE_TEARDOWN(churn)
{
	void *failed;
	int i;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(self->threads[i], &failed);
		EXPECT_EQ(failed, NULL);
	}
	/* at rest again: all of it is right */
	usleep(200000);
	EXPECT_TRUE(rows_agree());
	leave_world(_metadata, &self->world);
}

TEST_F(churn, ports)
{
	static struct port_rows rows;
	unsigned int established, i;

	for (i = 0; i < reads; i++) {
		/* which fails if a port has two rows */
		ASSERT_EQ(read_ours(&rows), 0);
		established = rows.of[SERVER][TCP_ESTABLISHED];
		EXPECT_GE(established, (unsigned int)stay);
		EXPECT_LE(established, (unsigned int)(stay + THREADS * AT_ONCE));
		EXPECT_EQ(rows.of[SERVER][TCP_LISTEN], 1U);
		established = rows.of[0][TCP_ESTABLISHED];
		EXPECT_GE(established, 2U * stay);
	}
}

/* The nth of those that stay has been seen in this read. */
static bool seen[65536];

/* Returns how many of those that stay are told, or -1 if one is told twice. */
static int read_connections(void)
{
	static char line[1024];
	int fd = open(TREE "connections", O_RDWR), port, found = 0;
	FILE *file;

	memset(seen, 0, sizeof(seen));
	if (fd < 0 || write(fd, "18080", 5) != 5)
		return -1;
	file = fdopen(fd, "r");
	while (fgets(line, sizeof(line), file)) {
		if (strcmp(nth_cell(line, 4), "accepted") ||
		    strcmp(nth_cell(line, 5), "ESTABLISHED"))
			continue;
		port = atoi(strchr(nth_cell(line, 3), ':') + 1);
		if (seen[port]) {
			ksft_print_msg("port %d twice\n", port);
			found = -1;
			break;
		}
		seen[port] = true;
		found++;
	}
	fclose(file);
	return found;
}

TEST_F(churn, connections)
{
	int found, i;

	for (i = 0; i < reads; i++) {
		found = read_connections();
		EXPECT_GE(found, stay);
		EXPECT_LE(found, stay + THREADS * AT_ONCE);
	}
}

TEST_HARNESS_MAIN
