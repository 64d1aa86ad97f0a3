// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks is who has opened the file: a program with more privileges that is made to
 * write to it, as a setuid one to its standard error, finds out no more for it; and one
 * with less goes on with what it was given. Tracers are asked by the kernel itself.
 */
#include <linux/perf_event.h>
#include "../kselftest.h"
#include "harness.h"
#include "privilege.h"
#include "why.h"

#define PRIVILEGED	80

FIXTURE(deputy) {
	struct why mine, theirs;
};

/* By a process of this uid, who hands it over. */
static int why_open_as(struct why *why, uid_t uid)
{
	struct actor actor = start("opener");

	if (!actor.pid) {
		if (change_uid(uid) || why_open(why))
			_exit(1);
		say(actor.ctl, 1, why->fd);
		idle(actor.ctl);
	}
	why->fd = -1;
	hear(actor.ctl, &why->fd);
	return end(&actor) || why->fd < 0 ? -1 : 0;
}

FIXTURE_SETUP(deputy)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(why_open(&self->mine), 0);
	ASSERT_EQ(why_open_as(&self->theirs, USER), 0);
}

FIXTURE_TEARDOWN(deputy)
{
	close(self->mine.fd);
	close(self->theirs.fd);
}

/* Of the network namespace it was opened in. */
TEST_F(deputy, netns)
{
	struct stat st;

	ASSERT_GE(server_on("127.0.0.1", PORT), 0);
	ASSERT_EQ(stat("/proc/thread-self/ns/net", &st), 0);
	ASSERT_EQ(enter_netns(), 0);
	expect_why(_metadata, why_ask(&self->mine, "tcp 127.0.0.1:%d", PORT), "bind", "listener");
	expect_why(_metadata, why_ask(&self->theirs, "tcp 127.0.0.1:%d", PORT), "bind", "listener");
	EXPECT_EQ(number(self->theirs.line, "netns"), (long long)st.st_ino);
}

/* By the user who opened it, unless another is named. */
TEST_F(deputy, uid)
{
	EXPECT_EQ(number(why_ask(&self->mine, "tcp 127.0.0.1:%d", PORT), "uid"), 0);
	EXPECT_EQ(number(why_ask(&self->theirs, "tcp 127.0.0.1:%d", PORT), "uid"), USER);
	ASSERT_EQ(change_uid(OTHER), 0);
	EXPECT_EQ(number(why_ask(&self->mine, "tcp 127.0.0.1:%d", PORT), "uid"), 0);
	EXPECT_EQ(number(why_ask(&self->theirs, "tcp 127.0.0.1:%d", PORT), "uid"), USER);
}

TEST_F(deputy, port)
{
	const char *line = why_ask(&self->theirs, "tcp 127.0.0.1:%d", PRIVILEGED);

	EXPECT_STREQ(value(line, "rule"), "port_privileged");
	expect_why(_metadata, why_ask(&self->mine, "tcp 127.0.0.1:%d", PRIVILEGED), NULL, NULL);
	ASSERT_EQ(change_uid(USER), 0);
	expect_why(_metadata, why_ask(&self->mine, "tcp 127.0.0.1:%d", PRIVILEGED), NULL, NULL);
}

/* A descriptor of the writer's is not the opener's to ask for. */
TEST_F(deputy, fd)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ASSERT_GE(fd, 0);
	expect_why(_metadata, why_ask(&self->mine, "tcp 127.0.0.1:%d fd=%d", PORT, fd), NULL, NULL);
	EXPECT_EQ(why_ask(&self->theirs, "tcp 127.0.0.1:%d fd=%d", PORT, fd), NULL);
	EXPECT_EQ(errno, EPERM);
	expect_keys(_metadata, why_read(&self->theirs), "event", "why", "verdict", "invalid", NULL);
	/* nor by one who has but gained capabilities */
	ASSERT_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	ASSERT_EQ(change_uid(USER), 0);
	EXPECT_EQ(why_ask(&self->theirs, "tcp 127.0.0.1:%d fd=%d", PORT, fd), NULL);
	EXPECT_EQ(errno, EPERM);
	ASSERT_EQ(drop_capabilities(), 0);
	expect_why(_metadata, why_ask(&self->theirs, "tcp 127.0.0.1:%d fd=%d", PORT, fd), NULL,
		   NULL);
	EXPECT_EQ(why_ask(&self->mine, "tcp 127.0.0.1:%d fd=%d", PORT, fd), NULL);
	EXPECT_EQ(errno, EPERM);
}

/* Other namespaces are for who had the right to them when it opened the file. */
TEST(other_netns)
{
	struct why mine, theirs;
	struct stat st;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(stat("/proc/self/ns/net", &st), 0);
	ASSERT_EQ(why_open(&mine), 0);
	ASSERT_EQ(why_open_as(&theirs, USER), 0);
	EXPECT_EQ(why_ask(&theirs, "tcp 127.0.0.1:%d netns=%lu", PORT, st.st_ino), NULL);
	EXPECT_EQ(errno, EPERM);
	ASSERT_EQ(change_uid(USER), 0);
	expect_why(_metadata, why_ask(&mine, "tcp 127.0.0.1:%d netns=%lu", PORT, st.st_ino), NULL,
		   NULL);
	close(mine.fd);
	close(theirs.fd);
}

/* The events of who opened them are waited for and read by who was given them. */
TEST(events)
{
	struct actor reader;
	struct world world;
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&world), 0);
	reader = start("reader");
	if (!reader.pid) {
		struct events events = { .fd = -1 };

		if (change_uid(USER) || open("/proc/tcpwatch_events", O_RDONLY) >= 0 ||
		    hear(reader.ctl, &events.fd) != 1)
			_exit(1);
		say(reader.ctl, events_next(&events, PATIENCE) &&
		    number(events.given, "pid") == getppid(), -1);
		idle(reader.ctl);
	}
	fd = open("/proc/tcpwatch_events", O_RDONLY | O_NONBLOCK);
	ASSERT_EQ(say(reader.ctl, 1, fd), 0);
	usleep(SILENCE * 1000);
	ASSERT_GE(server_on("127.0.0.1", PORT), 0);
	refused(_metadata, &world, "listener");
	EXPECT_EQ(hear(reader.ctl, NULL), 1);
	ASSERT_EQ(end(&reader), 0);
	leave_world(_metadata, &world);
}

/* What is written to was opened by who might: the rest is the file's owner's to give away. */
TEST_F(deputy, control)
{
	int fd = open("/proc/tcpwatch_control", O_RDWR);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(change_uid(USER), 0);
	EXPECT_LT(open("/proc/tcpwatch_control", O_RDWR), 0);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(write(fd, "alert=on", 8), 8);
}

TEST(tracers)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
	};
	unsigned long long id;
	FILE *file;
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	file = fopen("/sys/kernel/tracing/events/tcpwatch/conflict/id", "r");
	if (!file)
		SKIP(return, "no tracefs");
	ASSERT_EQ(fscanf(file, "%llu", &id), 1);
	fclose(file);
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	if (fd < 0)
		SKIP(return, "no perf: %m");
	close(fd);
	ASSERT_EQ(change_uid(USER), 0);
	EXPECT_LT(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), 0);
	EXPECT_EQ(errno, EACCES);
	EXPECT_LT(open("/sys/kernel/tracing/events/tcpwatch/conflict/enable", O_RDWR), 0);
	EXPECT_LT(open("/sys/kernel/tracing/trace", O_RDONLY), 0);
	EXPECT_LT(open(TREE "stats", O_RDONLY), 0);
}

TEST_HARNESS_MAIN
