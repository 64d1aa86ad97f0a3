// SPDX-License-Identifier: GPL-2.0
/*
 * What stands behind a holder that no process of this namespace has open: nobody
 * yet, the kernel, a process that is elsewhere. And how much is remembered.
 */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"

FIXTURE(held) {
	struct world world;
};

FIXTURE_SETUP(held)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(held)
{
	leave_world(_metadata, &self->world);
}

/*
 * SO_REUSEPORT comes to the listener after the connection, which has not got it,
 * so that the connection alone is in the way of another such socket.
 */
TEST_F(held, unaccepted)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	ASSERT_EQ(bind_to(listener, "127.0.0.1", PORT), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	ASSERT_EQ(await_state(PORT, local_port(client), TCP_ESTABLISHED), 0);
	ASSERT_EQ(set_on(listener, SOL_SOCKET, SO_REUSEPORT), 0);
	ASSERT_EQ(set_on(asker, SOL_SOCKET, SO_REUSEPORT), 0);
	ASSERT_EQ(bind_to(asker, "127.0.0.1", PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->world.events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_EQ(number(line, "holders"), 1);
	EXPECT_EQ(number(line, "bound_pid"), getpid());
	expect_keys(_metadata, line, "state", "ESTABLISHED", "peer",
		    endpoint("127.0.0.1", local_port(client)), "holder_is", "unaccepted",
		    "holder_pid", "", "holder_ino", "", NULL);
	expect_silence(_metadata, &self->world);

	/* accepted, it is its process's */
	ASSERT_GE(accept(listener, NULL, NULL), 0);
	ASSERT_EQ(bind_to(asker, "127.0.0.1", PORT), -1);
	line = events_next(&self->world.events, PATIENCE);
	ASSERT_NE(line, NULL);
	expect_keys(_metadata, line, "state", "ESTABLISHED", "holder_is", "process", NULL);
	EXPECT_EQ(number(line, "holder_pid"), getpid());
}

/* MPTCP's path manager listens for itself. */
TEST_F(held, kernel)
{
	const char *line;

	if (system("ip mptcp endpoint add 127.0.0.1 port 18081 signal"))
		SKIP(return, "no MPTCP endpoints here");
	ASSERT_EQ(await_state(PORT, 0, TCP_LISTEN), 0);
	line = refused(_metadata, &self->world, "listener");
	expect_keys(_metadata, line, "state", "LISTEN", "holder_is", "kernel",
		    "holder_pid", "", NULL);
}

static long long netns_of(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return stat(path, &st) ? -2 : (long long)st.st_ino;
}

/* The processes that live in a namespace, counted. */
static int residents(long long netns, pid_t *one)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0, pid;

	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid && netns_of(pid) == netns) {
			*one = pid;
			n++;
		}
	}
	closedir(dir);
	return n;
}

/* A refusal of that process elsewhere: the first namespace's reader sees all. */
static const char *elsewhere(struct __test_metadata *_metadata, struct events *events, pid_t pid)
{
	const char *line;

	while ((line = events_next(events, PATIENCE))) {
		if (number(line, "pid") == pid)
			break;
	}
	EXPECT_NE(line, NULL);
	if (!line)
		return "";
	TH_LOG("%s", line);
	return line;
}

TEST(netns)
{
	struct actor holder, asker;
	struct events events;
	long long netns;
	const char *line;
	pid_t one = 0;
	int fd = -1;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(events_open(&events), 0);
	holder = start("holder");
	if (!holder.pid) {
		int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

		if (enter_netns())
			_exit(1);
		/* the socket stays there, and so does who is asked next */
		fd = server_on("127.0.0.1", PORT);
		asker = start("asker");
		if (!asker.pid) {
			hear(holder.ctl, NULL);
			fd = socket(AF_INET, SOCK_STREAM, 0);
			bind_to(fd, "127.0.0.1", PORT);
			say(holder.ctl, errno, -1);
			idle(holder.ctl);
		}
		say(holder.ctl, setns(home, CLONE_NEWNET) ? -1 : asker.pid, fd);
		/* it hangs up when the other is told to end */
		waitpid(asker.pid, NULL, 0);
		_exit(0);
	}
	asker.pid = hear(holder.ctl, &fd);
	ASSERT_GT(asker.pid, 0);
	close(fd);
	netns = netns_of(asker.pid);
	ASSERT_NE(netns, netns_of(getpid()));
	ASSERT_EQ(netns_of(holder.pid), netns_of(getpid()));
	ASSERT_EQ(residents(netns, &one), 1);
	ASSERT_EQ(say(holder.ctl, 1, -1), 0);
	ASSERT_EQ(hear(holder.ctl, NULL), EADDRINUSE);

	line = elsewhere(_metadata, &events, asker.pid);
	EXPECT_STREQ(value(line, "rule"), "listener");
	EXPECT_EQ(number(line, "netns"), netns);
	EXPECT_EQ(number(line, "netns_pid"), asker.pid);
	/* two have the listener: its binder, who left, and who was forked there */
	EXPECT_EQ(number(line, "holder_procs"), 2);
	EXPECT_EQ(number(line, "bound_pid"), holder.pid);
	EXPECT_STREQ(value(line, "bound_comm"), "holder");
	ASSERT_EQ(end(&holder), 0);
	close(events.fd);
}

/*
 * A listener of long ago is remembered past many that came and went, and past
 * more than there is room for. The last of them is known, and if the first is not,
 * it was counted as forgotten.
 */
TEST_F(held, many)
{
	/* in any case more than are kept */
	const int many = is_debug_kernel() ? 10000 : 20000;
	struct rlimit limit = { many + 2000, many + 2000 };
	long long start_ms = now_ms(), forgotten;
	struct actor server, me = myself();
	const char *line;
	int fd, i;

	server = start("server");
	if (!server.pid) {
		say(server.ctl, server_on("127.0.0.1", PORT) >= 0, -1);
		idle(server.ctl);
	}
	ASSERT_EQ(hear(server.ctl, NULL), 1);
	for (i = 0; i < many; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(bind_to(fd, "127.0.0.1", 20000 + i), 0);
		ASSERT_EQ(close(fd), 0);
	}
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &server, "server", start_ms, 0);

	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	forgotten = stat_value("bound_forgotten");
	for (i = 0; i < many; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(bind_to(fd, "127.0.0.1", 20000 + i), 0);
	}
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &server, "server", start_ms, 0);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(bind_to(fd, "127.0.0.1", 20000 + many - 1), -1);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "bound_only",
			    endpoint("127.0.0.1", 20000 + many - 1), "");
	expect_binder(_metadata, line, &me, "owner_held_test", start_ms, 0);
	ASSERT_EQ(bind_to(fd, "127.0.0.1", 20000), -1);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "bound_only",
			    "127.0.0.1:20000", "");
	if (!*value(line, "bound_pid"))
		EXPECT_GT(stat_value("bound_forgotten"), forgotten);
	TH_LOG("%lld forgotten", stat_value("bound_forgotten") - forgotten);
	ASSERT_EQ(end(&server), 0);
}

#define SLOTS	1000000

/* A debug kernel takes many times as long to pass them over, and has a second as well. */
static int sharers(void)
{
	return is_debug_kernel() ? 8 : 400;
}

/* Processes that share a table of descriptors which was long once, and stays so. */
static __noreturn void share_table(int ctl)
{
	struct rlimit limit = { SLOTS, SLOTS };
	int made = 0, last = -1;

	if (!setrlimit(RLIMIT_NOFILE, &limit))
		last = fcntl(ctl, F_DUPFD, SLOTS - 1);
	close(last);
	while (last >= 0 && made < sharers()) {
		pid_t pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

		if (pid < 0)
			break;
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
		made++;
	}
	say(ctl, made, -1);
	idle(ctl);
}

/* They are not in the way of who comes after them. */
TEST_F(held, long_table)
{
	struct actor crowd = start("crowd"), server;
	const char *line;

	if (!crowd.pid)
		share_table(crowd.ctl);
	ASSERT_EQ(hear(crowd.ctl, NULL), sharers());
	server = start("server");
	if (!server.pid) {
		say(server.ctl, server_on("127.0.0.1", PORT) >= 0, -1);
		idle(server.ctl);
	}
	ASSERT_EQ(hear(server.ctl, NULL), 1);
	line = refused(_metadata, &self->world, "listener");
	EXPECT_EQ(number(line, "holder_pid"), server.pid);
	EXPECT_STREQ(value(line, "holder_is"), "process");
	ASSERT_EQ(end(&server), 0);
	ASSERT_EQ(end(&crowd), 0);
}

TEST_HARNESS_MAIN
