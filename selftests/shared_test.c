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

/* More than there are places for who has bound what, and seconds for them. */
#define TURNS		10000
#define TURN_SECONDS	60

#define RACE_SECONDS	5

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

static void *keep_listening(void *arg)
{
	int i, *fd = arg;

	for (i = 0; i < CALLS; i++)
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

	for (i = 0; i < SOCKETS; i++) {
		fds[i] = make_socket(&side);
		ASSERT_EQ(bind_to(fds[i], "127.0.0.1", SERVER), 0);
	}
	listener = make_socket(&side);
	ASSERT_EQ(bind_to(listener, "127.0.0.1", SERVER), 0);
	ASSERT_EQ(listen(listener, 5), 0);
	for (i = 0; i < SOCKETS; i++) {
		ASSERT_EQ(pthread_create(&thread, NULL, keep_listening, &fds[i]), 0);
		for (j = 0; j < CALLS; j++) {
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

/* The sockets of one port, of which one may listen. */
struct crowd {
	int fds[2];
	bool stop;
};

static bool goes_on(struct crowd *crowd)
{
	return !__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED);
}

static void *keep_giving_back(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd)) {
		listen(crowd->fds[0], 5);
		shutdown(crowd->fds[0], SHUT_RDWR);
	}
	return NULL;
}

/* A port that the kernel chose goes with what was listened for, and bind() asks for another. */
TEST_F(shared, port_given_back)
{
	struct side side = { "127.0.0.1", 0 };
	time_t end = time(NULL) + TURN_SECONDS;
	struct crowd crowd = { .stop = false };
	pthread_t thread;
	int bound = 0;

	crowd.fds[0] = make_socket(&side);
	ASSERT_GE(crowd.fds[0], 0);
	ASSERT_EQ(pthread_create(&thread, NULL, keep_giving_back, &crowd), 0);
	while (bound < TURNS && time(NULL) < end)
		bound += !bind_to(crowd.fds[0], "127.0.0.1", 0);
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(crowd.fds[0]);
	TH_LOG("%d turns", bound);
	EXPECT_GT(bound, 0);
}

static void *listen_on_first(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd))
		listen(crowd->fds[0], 0);
	return NULL;
}

static void *take_turns(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int i;

	for (i = 0; goes_on(crowd); i++) {
		listen(crowd->fds[i % 2], 0);
		shutdown(crowd->fds[i / 2 % 2], SHUT_RDWR);
	}
	return NULL;
}

/*
 * Whoever listens has a row, whoever has ceased to has none, in whatever order they say so.
 * Nobody knocks: what comes while listen() begins anew the kernel itself loses, or follows a
 * route that it does not have.
 */
TEST_F(shared, listener_gone)
{
	static void *(*const roles[])(void *) = {
		listen_on_first, take_turns, take_turns,
	};
	pthread_t threads[ARRAY_SIZE(roles)];
	struct side side = { "127.0.0.1", REUSEADDR };
	struct crowd crowd = { .stop = false };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		crowd.fds[i] = make_socket(&side);
		ASSERT_EQ(bind_to(crowd.fds[i], "127.0.0.1", SERVER), 0);
	}
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, roles[i], &crowd), 0);
	sleep(RACE_SECONDS);
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 2; i++)
		close(crowd.fds[i]);
	EXPECT_EQ(count_rows(endpoint("127.0.0.1", SERVER)), 0);
}

TEST_HARNESS_MAIN
