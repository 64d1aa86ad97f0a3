// SPDX-License-Identifier: GPL-2.0
/*
 * One socket, two threads: what a probe sees of a socket that it does not hold may be
 * gone, or be taken back, when it looks again.
 */
#include <pthread.h>
#include <time.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"
#include "tables.h"

/* The sockets that may not listen, and how often each thread asks. */
#define SOCKETS		16
#define CALLS		2000
#define CALLS_DEBUG	200

/* More than there are places for who has bound what, and seconds for them. */
#define TURNS		10000
#define TURN_SECONDS	60

FIXTURE(shared) {
	/* unused */
	int none;
};

FIXTURE_SETUP(shared)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
}

FIXTURE_TEARDOWN(shared)
{
}

static int calls = CALLS;

static void *keep_listening(void *arg)
{
	int i, *fd = arg;

	for (i = 0; i < calls; i++)
		listen(*fd, 5);
	return NULL;
}

static int count_rows(const char *at)
{
	char header[4096], line[4096], netns[32];
	FILE *file = fopen(TREE "listeners", "r");
	int count = 0;

	snprintf(netns, sizeof(netns), "%lu", our_netns());
	if (!file || !fgets(header, sizeof(header), file))
		return -1;
	while (fgets(line, sizeof(line), file))
		count += !strcmp(nth_cell(line, column_of(header, "netns")), netns) &&
			 !strcmp(nth_cell(line, column_of(header, "address")), at);
	fclose(file);
	return count;
}

/* listen() says that a socket does before it asks whether it may: nobody is to believe it. */
TEST_F(shared, listen_refused)
{
	struct side side = { "127.0.0.1", REUSEADDR };
	int fds[SOCKETS], listener, i, j;
	pthread_t thread;

	if (is_debug_kernel())
		calls = CALLS_DEBUG;
	for (i = 0; i < SOCKETS; i++) {
		fds[i] = make_socket(&side);
		ASSERT_EQ(bind_to(fds[i], "127.0.0.1", SERVER), 0);
	}
	listener = make_socket(&side);
	ASSERT_EQ(bind_to(listener, "127.0.0.1", SERVER), 0);
	ASSERT_EQ(listen(listener, 5), 0);
	for (i = 0; i < SOCKETS; i++) {
		ASSERT_EQ(pthread_create(&thread, NULL, keep_listening, &fds[i]), 0);
		for (j = 0; j < calls; j++) {
			ASSERT_EQ(listen(fds[i], 5), -1);
			ASSERT_EQ(errno, EADDRINUSE);
		}
		pthread_join(thread, NULL);
		close(fds[i]);
	}
	EXPECT_EQ(count_rows(endpoint("127.0.0.1", SERVER)), 1);
	close(listener);
	EXPECT_EQ(count_rows(endpoint("127.0.0.1", SERVER)), 0);
}

/* The socket, and whether both are to end. */
struct loan {
	int fd;
	bool stop;
};

static void *keep_giving_back(void *arg)
{
	struct loan *loan = arg;

	while (!__atomic_load_n(&loan->stop, __ATOMIC_RELAXED)) {
		listen(loan->fd, 5);
		shutdown(loan->fd, SHUT_RDWR);
	}
	return NULL;
}

/* A port that the kernel chose goes with what was listened for, and bind() asks for another. */
TEST_F(shared, port_given_back)
{
	struct side side = { "127.0.0.1", 0 };
	time_t end = time(NULL) + TURN_SECONDS;
	struct loan loan = { .stop = false };
	pthread_t thread;
	int bound = 0;

	loan.fd = make_socket(&side);
	ASSERT_GE(loan.fd, 0);
	ASSERT_EQ(pthread_create(&thread, NULL, keep_giving_back, &loan), 0);
	while (bound < TURNS && time(NULL) < end)
		bound += !bind_to(loan.fd, "127.0.0.1", 0);
	__atomic_store_n(&loan.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(loan.fd);
	TH_LOG("%d turns", bound);
	EXPECT_GT(bound, 0);
}

TEST_HARNESS_MAIN
