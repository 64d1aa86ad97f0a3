// SPDX-License-Identifier: GPL-2.0
/*
 * 100,000 TIME-WAIT sockets, half of them on one port, half on as many ports as there
 * are: the tables tell all of them, soon, and whoever wants something else meanwhile
 * gets it; and as many addresses as one likes. Run under icount, where a minute is long
 * enough to make them in.
 */
#include "tables.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

/*
 * So many of each kind. A debug kernel takes ten times as long, which is as good as
 * forever under emulation: there it is the walk that is looked at, not its length.
 */
static int each = 50000;
static bool debug_kernel;

/*
 * How long a read may take, how long somebody else may wait meanwhile, and for how long the
 * lock of a port may be held, in ms.
 */
#define READ_MS		500
#define WAIT_MS		20
#define HOLD_MS		2

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* Read it whole; its lines, or -1. */
static int read_whole(const char *path, long long *us)
{
	static char buf[1 << 16];
	int fd = open(path, O_RDONLY), lines = 0;
	long long start = now_us();
	ssize_t got, i;

	if (fd < 0)
		return -1;
	while ((got = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < got; i++)
			lines += buf[i] == '\n';
	}
	*us = now_us() - start;
	close(fd);
	return got ? -1 : lines;
}

/* One that binds and connects all the time, and how long it waited at most. */
struct other {
	bool stop;
	long long worst_us;
	int rounds;
};

static void *go_on(void *arg)
{
	const struct linger reset = { .l_onoff = 1 };
	struct other *other = arg;
	struct side side = { "127.0.0.1", 0 };
	int fd, server = server_on("127.0.0.1", 999);
	long long start;

	while (!__atomic_load_n(&other->stop, __ATOMIC_RELAXED)) {
		start = now_us();
		fd = make_socket(&side);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (fd < 0 || bind_to(fd, "127.0.0.1", 1000) || connect_to(fd, "127.0.0.1", 999))
			return NULL;
		close(fd);
		close(accept(server, NULL, NULL));
		if (now_us() - start > other->worst_us)
			other->worst_us = now_us() - start;
		other->rounds++;
		usleep(1000);
	}
	return NULL;
}

#define CROWDING	500
#define CROWDING_DEBUG	100

/* Others that own the port, newer than all, and gone whenever one that looks pauses. */
static void *come_and_go(void *arg)
{
	char address[] = "127.100.100.100";
	struct side side = { address, REUSEADDR };
	struct other *other = arg;
	int fds[CROWDING], i, crowding = debug_kernel ? CROWDING_DEBUG : CROWDING;

	prctl(PR_SET_TIMERSLACK, 1UL);
	while (!__atomic_load_n(&other->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < crowding; i++) {
			snprintf(address, sizeof(address), "127.2.%d.%d", i / 100, i % 100 + 1);
			fds[i] = make_socket(&side);
			if (fds[i] < 0 || bind_to(fds[i], address, SERVER))
				return NULL;
		}
		usleep(10);
		while (i--)
			close(fds[i]);
		__atomic_add_fetch(&other->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* One that wants the CPU once a millisecond, and how much later it got it at most. */
static void *wake_up(void *arg)
{
	struct other *other = arg;
	long long late;

	while (!__atomic_load_n(&other->stop, __ATOMIC_RELAXED)) {
		late = now_us();
		usleep(1000);
		late = now_us() - late - 1000;
		if (late > other->worst_us)
			other->worst_us = late;
	}
	return NULL;
}

/*
 * Whoever looks is idle beside them: they run each time that it lets go of the lock, so that
 * none of those it has looked at is there when it goes on. It has the lock for longer then,
 * but not for all.
 */
static void read_in_vain(struct __test_metadata *_metadata)
{
	const struct sched_param first = { .sched_priority = 1 }, last = {};
	struct other crowding = {}, waking = {};
	int fd = open(PAGE "_ports", O_RDWR), i;
	pthread_t crowd, waker;
	char buf[4096] = "";

	ASSERT_EQ(write(fd, "18080", 5), 5);
	ASSERT_EQ(pthread_create(&waker, NULL, wake_up, &waking), 0);
	ASSERT_EQ(pthread_setschedparam(waker, SCHED_FIFO, &first), 0);
	ASSERT_EQ(pthread_create(&crowd, NULL, come_and_go, &crowding), 0);
	ASSERT_EQ(pthread_setschedparam(pthread_self(), SCHED_IDLE, &last), 0);
	while (__atomic_load_n(&crowding.rounds, __ATOMIC_RELAXED) < 10)
		;
	/* a debug kernel is there to look at the walk, not for how long it takes */
	for (i = 0; i < (debug_kernel ? 2 : 10); i++) {
		ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
		EXPECT_GT(read(fd, buf, sizeof(buf) - 1), 0);
	}
	ASSERT_EQ(pthread_setschedparam(pthread_self(), SCHED_OTHER, &last), 0);
	__atomic_store_n(&crowding.stop, true, __ATOMIC_RELAXED);
	__atomic_store_n(&waking.stop, true, __ATOMIC_RELAXED);
	pthread_join(crowd, NULL);
	pthread_join(waker, NULL);
	TH_LOG("owners came and went %d times, and nobody waited longer than %lld us",
	       crowding.rounds, waking.worst_us);
	EXPECT_GT(crowding.rounds, 10);
	EXPECT_TRUE(waking.worst_us < HOLD_MS * 1000 || debug_kernel);
	EXPECT_NE(strstr(buf, "\t18080\t"), NULL);
	close(fd);
}

/*
 * So many that are closed by the client first, or by the server. So few from each address
 * that no port comes up twice: a SYN into TIME-WAIT would take its place.
 */
static void make_crowd(struct __test_metadata *_metadata, int port, bool client_first)
{
	int i, client, child, server = server_on("127.0.0.1", port);
	char from[] = "127.0.0.2";
	struct side side = { from, 0 };

	ASSERT_GE(server, 0);
	for (i = 0; i < each; i++) {
		from[8] = '2' + i / (each / 8);
		client = make_socket(&side);
		ASSERT_EQ(set_on(client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
		ASSERT_EQ(bind_to(client, from, 0), 0);
		ASSERT_EQ(connect_to(client, "127.0.0.1", port), 0);
		child = accept(server, NULL, NULL);
		ASSERT_GE(child, 0);
		close(client_first ? client : child);
		close(client_first ? child : client);
	}
}

/* How long a bind takes that is refused, or that is not; -1: it was not, or was. */
static long long bind_us(const char *at, int port, bool refused)
{
	struct side side = { at, refused ? 0 : REUSEADDR };
	long long start = now_us();
	int i, fd;

	for (i = 0; i < 100; i++) {
		fd = make_socket(&side);
		if (fd < 0 || !bind_to(fd, at, port) == refused)
			return -1;
		close(fd);
	}
	return (now_us() - start) / 100;
}

/* How long it may take beside a crowd, when it takes so long elsewhere. */
static long long most_beside(long long us)
{
	return 15 * us + 150;
}

#define ASIDE	"127.0.0.20"

/* Who is refused there, by @holder, waits for those of other addresses no longer than that. */
static void refused_within(struct __test_metadata *_metadata, struct world *world, int holder,
			   long long most_us)
{
	const char *line;
	long long us;
	int off = 0;

	ASSERT_EQ(setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)), 0);
	us = bind_us(ASIDE, SERVER, true);
	TH_LOG("refused: %lld us, of at most %lld", us, most_us);
	EXPECT_GE(us, 0);
	EXPECT_LT(us, most_us);
	line = events_next(&world->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "rule"), "bound_only");
	EXPECT_STREQ(value(line, "holder"), ASIDE ":18080");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));
	EXPECT_EQ(number(line, "holders"), 1);
	EXPECT_STREQ(value(line, "holders_capped"), "");
}

TEST(hundred_thousand)
{
	struct side aside = { ASIDE, REUSEADDR }, wide = { "0.0.0.0", REUSEADDR };
	struct world world;
	struct other other = {};
	long long us, beside_us;
	pthread_t thread;
	char all[16];
	int lines, holder, all_addresses;

	if (unfit())
		SKIP(return, "%s", unfit());
	debug_kernel = is_debug_kernel();
	if (debug_kernel)
		each = 1000;
	snprintf(all, sizeof(all), "%d", each);
	ASSERT_EQ(enter_world(&world), 0);
	ASSERT_EQ(range(1024, 65535), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_max_tw_buckets", "262144\n"), 0);
	/* or they would take each other's */
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	holder = make_socket(&aside);
	ASSERT_EQ(bind_to(holder, aside.address, SERVER), 0);
	all_addresses = make_socket(&wide);
	ASSERT_EQ(bind_to(all_addresses, wide.address, SERVER), 0);
	us = now_us();
	make_crowd(_metadata, SERVER, false);
	make_crowd(_metadata, SERVER + 1, true);
	usleep(100000);
	TH_LOG("made in %lld ms", (now_us() - us) / 1000);
	ASSERT_EQ(sockstat_tw(), 2 * each);
	ASSERT_EQ(mib("TW"), 2 * each);

	/* who is refused at another address waits for the crowd as the kernel does, or not */
	us = bind_us("127.0.0.21", SERVER + 2, false);
	ASSERT_GE(us, 0);
	/* not refused, but it would be if who has all addresses had begun to listen */
	beside_us = bind_us("127.0.0.21", SERVER, false);
	EXPECT_GE(beside_us, 0);
	EXPECT_LT(beside_us, most_beside(us));
	TH_LOG("bind elsewhere: %lld us, beside them: %lld us", us, beside_us);
	close(all_addresses);
	refused_within(_metadata, &world, holder, most_beside(us));

	ASSERT_EQ(pthread_create(&thread, NULL, go_on, &other), 0);
	lines = read_whole(TREE "timewait", &us);
	TH_LOG("timewait: %d lines in %lld us", lines, us);
	EXPECT_GT(lines, each / 8);
	EXPECT_TRUE(us < READ_MS * 1000 || debug_kernel);
	lines = read_whole(PAGE, &us);
	TH_LOG("page: %d lines in %lld us", lines, us);
	EXPECT_GT(lines, 5);
	EXPECT_TRUE(us < READ_MS * 1000 || debug_kernel);
	lines = read_whole(TREE "ephemeral", &us);
	TH_LOG("ephemeral: %d lines in %lld us", lines, us);
	EXPECT_GT(lines, 8);
	EXPECT_TRUE(us < READ_MS * 1000 || debug_kernel);
	__atomic_store_n(&other.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	TH_LOG("bind, connect, reset meanwhile: %d times, %lld us at most", other.rounds,
	       other.worst_us);
	EXPECT_GT(other.rounds, 3);
	EXPECT_TRUE(other.worst_us < WAIT_MS * 1000 || debug_kernel);

	EXPECT_EQ(sockstat_tw(), 2 * each);
	EXPECT_STREQ(port_cell(SERVER, "time_wait"), all);
	EXPECT_STREQ(port_cell(SERVER, "active_close"), all);
	EXPECT_STREQ(port_cell(SERVER + 1, "passive_close"), all);
	EXPECT_STREQ(peer_cell("127.0.0.1:18081", "time_wait"), all);
	EXPECT_STREQ(peer_cell("127.0.0.1:18080", "passive_close"), all);
	read_in_vain(_metadata);
	close(holder);
	leave_world(_metadata, &world);
}

/* After the other, whose rows these would take the place of. */
TEST(addresses)
{
	struct side aside = { ASIDE, REUSEADDR }, client = { "127.0.0.2", 0 };
	int i, fd, child, server, holder, many;
	char address[] = "127.100.100.100";
	struct world world;
	long long us;

	if (unfit())
		SKIP(return, "%s", unfit());
	many = is_debug_kernel() ? 500 : 10000;
	ASSERT_EQ(enter_world(&world), 0);
	ASSERT_EQ(range(1024, 65535), 0);
	ASSERT_EQ(sysctl("ipv4/tcp_max_tw_buckets", "262144\n"), 0);
	holder = make_socket(&aside);
	ASSERT_EQ(bind_to(holder, ASIDE, SERVER), 0);
	server = server_on("0.0.0.0", SERVER);
	ASSERT_GE(server, 0);
	for (i = 0; i < many; i++) {
		snprintf(address, sizeof(address), "127.1.%d.%d", i / 100, i % 100 + 1);
		fd = make_socket(&client);
		ASSERT_EQ(connect_to(fd, address, SERVER), 0);
		child = accept(server, NULL, NULL);
		ASSERT_GE(child, 0);
		close(child);
		close(fd);
	}
	close(server);
	usleep(100000);
	ASSERT_EQ(sockstat_tw(), many);
	us = bind_us("127.0.0.21", SERVER + 2, false);
	ASSERT_GE(us, 0);
	refused_within(_metadata, &world, holder, most_beside(us));
	close(holder);
	leave_world(_metadata, &world);
}

TEST_HARNESS_MAIN
