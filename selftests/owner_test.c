// SPDX-License-Identifier: GPL-2.0
/*
 * Who bound the port, and who holds it now: when the one has gone, passed the
 * socket on, forked, moved to another namespace, or never was a process.
 */
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"

FIXTURE(owner) {
	struct world world;
};

FIXTURE_SETUP(owner)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(owner)
{
	leave_world(_metadata, &self->world);
}

TEST_F(owner, alive)
{
	long long start_ms = now_ms();
	int holder = server_on("127.0.0.1", PORT);
	struct actor me = myself();
	const char *line;

	ASSERT_GE(holder, 0);
	/* what it calls itself later is not what it was called then */
	ASSERT_EQ(prctl(PR_SET_NAME, "renamed"), 0);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &me, "owner_test", start_ms, 0);
	EXPECT_EQ(number(line, "holder_pid"), getpid());
	expect_keys(_metadata, line, "bound_uid", "0", "bound_cgroup", value(line, "cgroup"),
		    "bound_seeded", "", "holder_is", "process", "holder_comm", "renamed", NULL);
}

/* Bound by A as another user, passed to B, and A is gone. */
TEST_F(owner, passed)
{
	long long start_ms = now_ms(), gone;
	struct actor binder, heir;
	const char *line;
	int fd = -1;

	binder = start("binder");
	if (!binder.pid) {
		if (setresuid(1000, 1000, 1000))
			_exit(1);
		say(binder.ctl, 1, server_on("127.0.0.1", PORT));
		idle(binder.ctl);
	}
	heir = start("heir");
	if (!heir.pid) {
		hear(heir.ctl, &fd);
		say(heir.ctl, 2, -1);
		idle(heir.ctl);
	}
	ASSERT_EQ(hear(binder.ctl, &fd), 1);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(say(heir.ctl, 1, fd), 0);
	ASSERT_EQ(hear(heir.ctl, NULL), 2);
	close(fd);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &binder, "binder", start_ms, 0);
	EXPECT_EQ(number(line, "holder_procs"), 2);

	gone = now_ms();
	ASSERT_EQ(end(&binder), 0);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &binder, "binder", start_ms, gone);
	EXPECT_EQ(number(line, "bound_uid"), 1000);
	EXPECT_EQ(number(line, "holder_pid"), heir.pid);
	expect_keys(_metadata, line, "holder_comm", "heir", "holder_procs", "",
		    "holder_is", "process", NULL);
	ASSERT_EQ(end(&heir), 0);
}

/* Bound without listening, forked, and the parent is gone. */
TEST_F(owner, inherited)
{
	struct actor parent = start("parent");
	long long start_ms = now_ms(), gone;
	const char *line;
	int fd, child;

	if (!parent.pid) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind_to(fd, "127.0.0.1", PORT))
			_exit(1);
		child = fork();
		if (!child) {
			/* until the test is over */
			prctl(PR_SET_NAME, "child");
			say(parent.ctl, getpid(), -1);
			idle(parent.ctl);
		}
		_exit(0);
	}
	child = hear(parent.ctl, NULL);
	ASSERT_GT(child, 0);
	gone = start_ms;
	ASSERT_EQ(waitpid(parent.pid, NULL, 0), parent.pid);
	line = refused(_metadata, &self->world, "bound_only");
	expect_binder(_metadata, line, &parent, "parent", start_ms, gone);
	EXPECT_EQ(number(line, "holder_pid"), child);
	expect_keys(_metadata, line, "holder_comm", "child", "holder_is", "process", NULL);
	say(parent.ctl, 0, -1);
}

/* The next to bind the port is the one who bound it. */
TEST_F(owner, rebound)
{
	struct actor first = start("first"), me = myself();
	long long start_ms;
	const char *line;
	int holder;

	if (!first.pid) {
		say(first.ctl, server_on("127.0.0.1", PORT) >= 0, -1);
		idle(first.ctl);
	}
	ASSERT_EQ(hear(first.ctl, NULL), 1);
	ASSERT_EQ(end(&first), 0);
	start_ms = now_ms();
	holder = server_on("127.0.0.1", PORT);
	ASSERT_GE(holder, 0);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &me, "owner_test", start_ms, 0);
}

/* listen() chose the port. */
TEST_F(owner, listened)
{
	struct actor server;
	long long start_ms = now_ms();
	const char *line;

	ASSERT_EQ(range(PORT, PORT), 0);
	server = start("server");
	if (!server.pid) {
		say(server.ctl, listen(socket(AF_INET, SOCK_STREAM, 0), 1), -1);
		idle(server.ctl);
	}
	ASSERT_EQ(hear(server.ctl, NULL), 0);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &server, "server", start_ms, 0);
	EXPECT_EQ(number(line, "holder_pid"), server.pid);
	ASSERT_EQ(end(&server), 0);
}

/* A binds, B listens: it is bound by A. */
TEST_F(owner, listened_by_another)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long long start_ms = now_ms();
	struct actor server, me = myself();
	const char *line;

	ASSERT_EQ(bind_to(fd, "127.0.0.1", PORT), 0);
	server = start("server");
	if (!server.pid) {
		say(server.ctl, listen(fd, 1), -1);
		idle(server.ctl);
	}
	ASSERT_EQ(hear(server.ctl, NULL), 0);
	close(fd);
	line = refused(_metadata, &self->world, "listener");
	expect_binder(_metadata, line, &me, "owner_test", start_ms, 0);
	EXPECT_EQ(number(line, "holder_pid"), server.pid);
	ASSERT_EQ(end(&server), 0);
}

#define CROWD	32

/* On one CPU, so that sockets get the memory of those that were closed before. */
static int stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* Many sockets bound to our port by a process that is gone. */
static int leave_crowd(void)
{
	struct side side = { "127.0.0.1", REUSEADDR };
	struct actor crowd = start("crowd");
	int i;

	if (!crowd.pid) {
		for (i = 0; i < CROWD * 2; i++)
			bind_to(make_socket(&side), "127.0.0.1", PORT);
		say(crowd.ctl, 1, -1);
		idle(crowd.ctl);
	}
	return hear(crowd.ctl, NULL) == 1 ? end(&crowd) : -1;
}

/* The connections of a new server on the port are its own, whatever came before. */
TEST_F(owner, memory_reused_by_connections)
{
	struct linger at_once = { 1, 0 };
	int listener, fds[CROWD], i;
	struct actor me = myself();
	long long start_ms;
	const char *line;

	ASSERT_EQ(stay_here(), 0);
	ASSERT_EQ(leave_crowd(), 0);
	start_ms = now_ms();
	listener = server_on("127.0.0.1", PORT);
	ASSERT_GE(listener, 0);
	for (i = 0; i < CROWD; i++) {
		ASSERT_EQ(connect_to(socket(AF_INET, SOCK_STREAM, 0), "127.0.0.1", PORT), 0);
		fds[i] = accept(listener, NULL, NULL);
		ASSERT_EQ(setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	}
	close(listener);
	for (i = 0; i < CROWD; i++) {
		line = refused(_metadata, &self->world, "conn_active");
		ASSERT_EQ(number(line, "bound_pid"), me.pid);
		expect_binder(_metadata, line, &me, "owner_test", start_ms, 0);
		close(fds[i]);
	}
}

/* So is a socket for which listen() chose the port. */
TEST_F(owner, memory_reused_by_listen)
{
	struct actor me = myself();
	long long start_ms;
	const char *line;
	int i, fd;

	ASSERT_EQ(stay_here(), 0);
	ASSERT_EQ(range(PORT, PORT), 0);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(leave_crowd(), 0);
		start_ms = now_ms();
		fd = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(listen(fd, 1), 0);
		line = refused(_metadata, &self->world, "listener");
		ASSERT_EQ(number(line, "bound_pid"), me.pid);
		expect_binder(_metadata, line, &me, "owner_test", start_ms, 0);
		close(fd);
	}
}

/*
 * A server that says when it listens, and when it has accepted a connection; told
 * to, it ends, and closes first. Its peer may be left with data to read.
 */
static struct actor serve(int linger_data)
{
	static char data[65536];
	struct actor server = start("server");
	int fd, child;

	if (server.pid)
		return server;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind_to(fd, "127.0.0.1", PORT) || listen(fd, 1))
		_exit(1);
	say(server.ctl, 1, -1);
	child = accept(fd, NULL, NULL);
	/* more than the peer, who never reads, has room for */
	while (linger_data && send(child, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	say(server.ctl, 2, -1);
	hear(server.ctl, NULL);
	_exit(0);
}

/* The listener's child lives on with another process; the listener is gone. */
TEST_F(owner, connection)
{
	long long start_ms = now_ms(), gone;
	int client = socket(AF_INET, SOCK_STREAM, 0), fd = -1;
	struct actor server;
	const char *line;

	server = start("server");
	if (!server.pid) {
		int listener = server_on("127.0.0.1", PORT);

		say(server.ctl, 1, -1);
		say(server.ctl, 2, accept(listener, NULL, NULL));
		idle(server.ctl);
	}
	ASSERT_EQ(hear(server.ctl, NULL), 1);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	ASSERT_EQ(hear(server.ctl, &fd), 2);
	ASSERT_GE(fd, 0);
	gone = now_ms();
	ASSERT_EQ(end(&server), 0);
	line = refused(_metadata, &self->world, "conn_active");
	expect_binder(_metadata, line, &server, "server", start_ms, gone);
	EXPECT_EQ(number(line, "holder_pid"), getpid());
	expect_keys(_metadata, line, "state", "ESTABLISHED", "holder_is", "process", NULL);
}

TEST_F(owner, time_wait)
{
	int client = socket(AF_INET, SOCK_STREAM, 0), port;
	long long start_ms = now_ms(), gone;
	struct actor server = serve(0);
	const char *line;

	ASSERT_EQ(hear(server.ctl, NULL), 1);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	port = local_port(client);
	ASSERT_EQ(hear(server.ctl, NULL), 2);
	gone = now_ms();
	ASSERT_EQ(end(&server), 0);
	/* FIN-WAIT-2 first, until we close as well */
	ASSERT_EQ(await_state(PORT, port, TCP_FIN_WAIT2), 0);
	line = refused(_metadata, &self->world, "time_wait");
	expect_binder(_metadata, line, &server, "server", start_ms, gone);
	close(client);
	ASSERT_EQ(await_state(PORT, port, TCP_TIME_WAIT), 0);
	line = refused(_metadata, &self->world, "time_wait");
	expect_binder(_metadata, line, &server, "server", start_ms, gone);
	expect_keys(_metadata, line, "state", "TIME-WAIT", "holder_is", "time_wait",
		    "holder_pid", "", NULL);
}

/* Closed by a process that has gone, its data still to be sent. */
TEST_F(owner, orphan_fin_wait_1)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);
	long long start_ms = now_ms(), gone;
	struct actor server = serve(1);
	const char *line;

	ASSERT_EQ(hear(server.ctl, NULL), 1);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	ASSERT_EQ(hear(server.ctl, NULL), 2);
	gone = now_ms();
	ASSERT_EQ(end(&server), 0);
	ASSERT_EQ(await_state(PORT, local_port(client), TCP_FIN_WAIT1), 0);
	line = refused(_metadata, &self->world, "conn_active");
	expect_binder(_metadata, line, &server, "server", start_ms, gone);
	expect_keys(_metadata, line, "state", "FIN-WAIT-1", "holder_is", "orphan",
		    "holder_pid", "", "holder_ino", "", NULL);
}

/* For longer than TIME-WAIT lasts, FIN-WAIT-2 is an ordinary socket's state. */
TEST_F(owner, orphan_fin_wait_2)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);
	long long start_ms = now_ms(), gone;
	struct actor server;
	const char *line;

	ASSERT_EQ(sysctl("ipv4/tcp_fin_timeout", "120\n"), 0);
	server = serve(0);
	ASSERT_EQ(hear(server.ctl, NULL), 1);
	ASSERT_EQ(connect_to(client, "127.0.0.1", PORT), 0);
	ASSERT_EQ(hear(server.ctl, NULL), 2);
	gone = now_ms();
	ASSERT_EQ(end(&server), 0);
	ASSERT_EQ(await_state(PORT, local_port(client), TCP_FIN_WAIT2), 0);
	line = refused(_metadata, &self->world, "conn_active");
	expect_binder(_metadata, line, &server, "server", start_ms, gone);
	expect_keys(_metadata, line, "state", "FIN-WAIT-2", "holder_is", "orphan",
		    "holder_pid", "", "holder_ino", "", NULL);
}

TEST_HARNESS_MAIN
