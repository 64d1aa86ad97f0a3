/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of owners share: processes that do as they are told, and what
 * an event is to say of one that bound the port.
 */
#ifndef _SELFTESTS_ACTOR_H
#define _SELFTESTS_ACTOR_H

#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "expect.h"

#define PORT	18081

/* A child by that name, and a socket to talk to it. */
struct actor {
	pid_t pid;
	int ctl;
};

/* Returns twice, like fork(): in the child with pid 0. */
static inline struct actor start(const char *name)
{
	struct actor actor = { .pid = -1 };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return actor;
	actor.pid = fork();
	actor.ctl = ends[!actor.pid];
	close(ends[!!actor.pid]);
	if (!actor.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
	}
	return actor;
}

/* Say a number, with a descriptor if there is one; hear one likewise. */
static inline int say(int ctl, int number, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &number, sizeof(number) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(ctl, &message, MSG_NOSIGNAL) == sizeof(number) ? 0 : -1;
}

static inline int hear(int ctl, int *fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	int number;
	struct iovec iov = { &number, sizeof(number) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control.space),
	};

	if (recvmsg(ctl, &message, MSG_CMSG_CLOEXEC) != sizeof(number))
		return -1;
	if (fd && message.msg_controllen)
		memcpy(fd, CMSG_DATA(&control.header), sizeof(*fd));
	return number;
}

/* Let it end, and wait until it has. */
static inline int end(const struct actor *actor)
{
	say(actor->ctl, 0, -1);
	close(actor->ctl);
	return waitpid(actor->pid, NULL, 0) == actor->pid ? 0 : -1;
}

/* For a child: nothing more to do until it is told to end. */
static inline __noreturn void idle(int ctl)
{
	hear(ctl, NULL);
	_exit(0);
}

static inline long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* A refused bind() to our port: its event. */
static inline const char *refused(struct __test_metadata *_metadata, struct world *world,
				  const char *rule)
{
	int asker = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT_EQ(bind_to(asker, "127.0.0.1", PORT), -1);
	EXPECT_EQ(errno, EADDRINUSE);
	close(asker);
	return expect_event(_metadata, world, "bind", "EADDRINUSE", rule,
			    endpoint("127.0.0.1", PORT), "");
}

/* Bound between these moments by a process that is gone since the last, or lives (0). */
static inline void expect_binder(struct __test_metadata *_metadata, const char *line,
				 const struct actor *actor, const char *comm, long long bound_at,
				 long long gone_at)
{
	long long now = now_ms();

	EXPECT_EQ(number(line, "bound_pid"), actor->pid);
	EXPECT_STREQ(value(line, "bound_comm"), comm);
	EXPECT_GE(number(line, "bound_ms"), 0);
	EXPECT_LE(number(line, "bound_ms"), now - bound_at + 1);
	if (!gone_at) {
		EXPECT_STREQ(value(line, "bound_exited_ms"), "");
		return;
	}
	EXPECT_GE(number(line, "bound_exited_ms"), 0);
	EXPECT_LE(number(line, "bound_exited_ms"), now - gone_at + 1);
	EXPECT_GE(number(line, "bound_ms"), number(line, "bound_exited_ms"));
}

static inline struct actor myself(void)
{
	return (struct actor){ .pid = getpid() };
}

#endif /* _SELFTESTS_ACTOR_H */
