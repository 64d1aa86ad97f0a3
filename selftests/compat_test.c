// SPDX-License-Identifier: GPL-2.0
/*
 * 32-bit programs: their calls are recorded, and their reads answered, as those of others
 * are. int $0x80 takes the way of a 32-bit program into the kernel from a 64-bit one as
 * well, if what it points to lies below 4 GiB.
 */
#include <sys/mman.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "tables.h"

/* System calls of i386, and what socketcall() calls the same. */
enum {
	OPEN = 5, READ = 3, WRITE = 4, CLOSE = 6, IOCTL = 54, SOCKETCALL = 102, LLSEEK = 140,
	POLL = 168, PREAD = 180, BIND = 361, CONNECT = 362, LISTEN = 363,
};

static int multiplexed(int nr)
{
	return nr - BIND + 2;
}

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	/* older kernels do not keep r8 to r11 */
	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	if (ret >= 0 || ret < -4095)
		return ret;
	errno = -ret;
	return -1;
}
#else
/* a 64-bit program of another machine has no such way */
#define MAP_32BIT	0

static long int80(long nr, long a, long b, long c, long d, long e)
{
	errno = EOPNOTSUPP;
	return -1;
}
#endif

FIXTURE(compat) {
	struct world world;
	char *low;
};

/* As libc does it, or by the calls that there are since 4.3. */
FIXTURE_VARIANT(compat) {
	bool socketcall;
};

FIXTURE_VARIANT_ADD(compat, direct) {};
FIXTURE_VARIANT_ADD(compat, socketcall) { .socketcall = true };

/* Enters the kernel, or dies in the attempt: not every kernel lets one in. */
static bool has_int80(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(int80(20, 0, 0, 0, 0, 0) != getpid());
	return waitpid(pid, &status, 0) == pid && !status;
}

FIXTURE_SETUP(compat)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	if (!has_int80())
		SKIP(return, "no 32-bit system calls here");
	self->low = mmap(NULL, 0x20000, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(self->low, MAP_FAILED);
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(compat)
{
	leave_world(_metadata, &self->world);
}

/* bind(), connect() or listen(). */
static long call(char *low, bool socketcall, int nr, long fd, long second, long third)
{
	unsigned int *args = (unsigned int *)low;

	if (!socketcall)
		return int80(nr, fd, second, third, 0, 0);
	args[0] = fd;
	args[1] = second;
	args[2] = third;
	return int80(SOCKETCALL, multiplexed(nr), (long)args, 0, 0, 0);
}

static long call_at(char *low, bool socketcall, int nr, int fd, const char *text, int port)
{
	struct sockaddr_storage *to = (void *)(low + 64);
	socklen_t len = address(to, text, port);

	return call(low, socketcall, nr, fd, (long)to, len);
}

TEST_F(compat, refused)
{
	int holder = server_on("127.0.0.1", PORT), fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	ASSERT_GE(holder, 0);
	ASSERT_EQ(call_at(self->low, variant->socketcall, BIND, fd, "127.0.0.1", PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
			    endpoint("127.0.0.1", PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	expect_keys(_metadata, line, "comm", "compat_test", "uid", "0", NULL);
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));
}

TEST_F(compat, refused_v6)
{
	int holder = server_on("::1", PORT), fd = socket(AF_INET6, SOCK_STREAM, 0);

	ASSERT_GE(holder, 0);
	ASSERT_EQ(call_at(self->low, variant->socketcall, BIND, fd, "::1", PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
		     endpoint("::1", PORT), "");
}

TEST_F(compat, holder)
{
	long long start_ms = now_ms();
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct actor me = myself();
	const char *line;

	ASSERT_EQ(call_at(self->low, variant->socketcall, BIND, fd, "127.0.0.1", PORT), 0);
	ASSERT_EQ(call(self->low, variant->socketcall, LISTEN, fd, 8, 0), 0);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &me, "compat_test", start_ms, 0);
	EXPECT_EQ(number(line, "holder_pid"), getpid());
}

TEST_F(compat, connect)
{
	int server = server_on("127.0.0.1", SERVER), fd = socket(AF_INET, SOCK_STREAM, 0);
	int first;
	const char *line;

	ASSERT_GE(server, 0);
	first = client_on(PORT, "127.0.0.1", SERVER);
	ASSERT_GE(first, 0);
	ASSERT_EQ(call_at(self->low, variant->socketcall, CONNECT, fd, "127.0.0.1", SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_port",
			    endpoint("127.0.0.1", 0), endpoint("127.0.0.1", SERVER));
	EXPECT_EQ(number(line, "pid"), getpid());
}

/* What listen() was asked for, which the kernel cuts to somaxconn and forgets. */
TEST_F(compat, backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static const struct {
		long asked;
		const char *text;
		const char *in_force;
	} rows[] = {
		{ 7777, "7777", "128" }, { 9, "9", "9" },
		{ -1, "-1", "128" }, { 128, "128", "128" },
	};
	size_t i;

	ASSERT_EQ(sysctl("core/somaxconn", "128\n"), 0);
	ASSERT_EQ(call_at(self->low, variant->socketcall, BIND, fd, "127.0.0.1", PORT), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(call(self->low, variant->socketcall, LISTEN, fd, rows[i].asked, 0), 0);
		EXPECT_STREQ(cell("listeners", "address", endpoint("127.0.0.1", PORT),
				  "backlog", rows[i].in_force, "asked"), rows[i].text);
	}
}

/* A text where 32-bit calls can point to. */
static char *put(char *low, const char *text)
{
	return memcpy(low, text, strlen(text) + 1);
}

static long open80(char *low, const char *path, int flags)
{
	return int80(OPEN, (long)put(low, path), flags, 0, 0, 0);
}

FIXTURE(files) {
	struct world world;
	char *low;
	char *room;
};

#define ROOM	0x10000

FIXTURE_SETUP(files)
{
	int holder, i;

	if (unfit())
		SKIP(return, "%s", unfit());
	if (!has_int80())
		SKIP(return, "no 32-bit system calls here");
	self->low = mmap(NULL, 0x20000, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(self->low, MAP_FAILED);
	self->room = self->low + ROOM;
	ASSERT_EQ(enter_world(&self->world), 0);
	/* something to read */
	holder = server_on("127.0.0.1", PORT);
	ASSERT_GE(holder, 0);
	for (i = 0; i < 5; i++)
		refused(_metadata, &self->world, "listener");
}

FIXTURE_TEARDOWN(files)
{
	leave_world(_metadata, &self->world);
}

/* Positions anywhere, beyond the end and beyond 4 GiB too. */
TEST_F(files, positions)
{
	static const unsigned long long at[] = { 0, 1, 100, 999, 1ULL << 31, 1ULL << 32 };
	static char wanted[ROOM];
	long fd = open80(self->low, TREE "conflicts", O_RDONLY);
	int other = open(TREE "conflicts", O_RDONLY);
	unsigned long long *result = (void *)self->low;
	ssize_t len;
	size_t i;

	ASSERT_GE(fd, 0);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		len = pread(other, wanted, ROOM, at[i]);
		EXPECT_EQ(len > 0, at[i] < 1000);
		EXPECT_EQ(int80(PREAD, fd, (long)self->room, ROOM, at[i], at[i] >> 32), len);
		EXPECT_EQ(len > 0 ? memcmp(self->room, wanted, len) : 0, 0);
		EXPECT_EQ(int80(LLSEEK, fd, at[i] >> 32, at[i], (long)result, SEEK_SET), 0);
		EXPECT_EQ(*result, at[i]);
		EXPECT_EQ(int80(READ, fd, (long)self->room, ROOM, 0, 0), len);
		EXPECT_EQ(len > 0 ? memcmp(self->room, wanted, len) : 0, 0);
	}
	EXPECT_EQ(int80(CLOSE, fd, 0, 0, 0, 0), 0);
}

/* Read whole, by a thousand bytes at a time. */
TEST_F(files, whole)
{
	static const char *const paths[] = {
		PAGE, TREE "hooks", TREE "stats", TREE "listeners", TREE "timewait",
		TREE "ephemeral", TREE "reconcile", TREE "ports", TREE "connections",
		TREE "conflicts", TREE "control",
	};
	long fd, got, sum;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		fd = open80(self->low, paths[i], O_RDONLY);
		ASSERT_GE(fd, 0) {
			TH_LOG("%s", paths[i]);
		}
		for (sum = 0; (got = int80(READ, fd, (long)self->room + sum, 1000, 0, 0)) > 0; )
			sum = sum + got < ROOM - 1000 ? sum + got : sum;
		EXPECT_EQ(got, 0);
		EXPECT_GT(sum, 0);
		EXPECT_EQ(self->room[sum - 1], '\n');
		EXPECT_EQ(int80(IOCTL, fd, TIOCOUTQ, (long)self->room, 0, 0), -1);
		EXPECT_EQ(errno, ENOTTY);
		int80(CLOSE, fd, 0, 0, 0, 0);
	}
}

/* The same events, to the byte; then poll() tells of the next. */
TEST_F(files, events)
{
	static char wanted[ROOM];
	long fd = open80(self->low, PAGE "_events", O_RDONLY | O_NONBLOCK), len;
	int other = open(PAGE "_events", O_RDONLY | O_NONBLOCK);
	struct pollfd *pfd = (void *)self->low;

	ASSERT_GE(fd, 0);
	/* whatever happens elsewhere is not in our namespace */
	do {
		len = read(other, wanted, ROOM);
		EXPECT_EQ(int80(READ, fd, (long)self->room, ROOM, 0, 0), len);
		EXPECT_EQ(len > 0 ? memcmp(self->room, wanted, len) : 0, 0);
	} while (len > 0);
	EXPECT_EQ(errno, EAGAIN);
	*pfd = (struct pollfd){ .fd = fd, .events = POLLIN };
	EXPECT_EQ(int80(POLL, (long)pfd, 1, 0, 0, 0), 0);
	refused(_metadata, &self->world, "listener");
	EXPECT_EQ(int80(POLL, (long)pfd, 1, PATIENCE, 0, 0), 1);
	EXPECT_EQ(pfd->revents & POLLIN, POLLIN);
	len = int80(READ, fd, (long)self->room, ROOM - 1, 0, 0);
	ASSERT_GT(len, 0);
	self->room[len] = '\0';
	EXPECT_EQ(number(self->room, "pid"), getpid());
}

TEST_F(files, written)
{
	static const char request[] = "tcp 127.0.0.1:18081\n", bad[] = "no=such\n";
	long fd = open80(self->low, PAGE "_why", O_RDWR), len;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(int80(WRITE, fd, (long)put(self->low, request), strlen(request), 0, 0),
		  (long)strlen(request));
	len = int80(READ, fd, (long)self->room, ROOM - 1, 0, 0);
	ASSERT_GT(len, 0);
	self->room[len] = '\0';
	expect_keys(_metadata, self->room, "verdict", "refused", "rule", "listener", NULL);
	EXPECT_EQ(number(self->room, "holder_pid"), getpid());
	int80(CLOSE, fd, 0, 0, 0, 0);

	fd = open80(self->low, TREE "control", O_RDWR);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(int80(WRITE, fd, (long)put(self->low, bad), strlen(bad), 0, 0), -1);
	EXPECT_EQ(errno, EINVAL);
}

TEST_HARNESS_MAIN
