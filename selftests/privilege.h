/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of privileges share: who one can be, and holders of ports whose
 * names are found wherever they stand. Include harness.h first.
 */
#ifndef _SELFTESTS_PRIVILEGE_H
#define _SELFTESTS_PRIVILEGE_H

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "actor.h"

#define USER	1000
#define OTHER	2000

/* Who one is; the rest is as the test itself, which is root. */
struct who {
	uid_t uid;
	/* no capabilities; a user namespace of one's own; and of network */
	bool bare, userns, own_netns;
	/* the namespaces of this process, if there is one; a pid namespace of one's own */
	const pid_t *netns, *pidns;
	bool own_pidns;
};

static inline int join(pid_t pid, const char *kind, int type)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	err = setns(fd, type);
	close(fd);
	return err;
}

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -1;
	err = write(fd, text, strlen(text)) != (ssize_t)strlen(text);
	close(fd);
	return err ? -1 : 0;
}

static inline int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { };

	return syscall(SYS_capset, &header, none);
}

/* As `unshare -Ur`. */
static inline int own_userns(uid_t uid)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", uid);
	/* who was another is not its own to write to */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER) ||
	    write_text("/proc/thread-self/setgroups", "deny") ||
	    write_text("/proc/thread-self/uid_map", map) ||
	    write_text("/proc/thread-self/gid_map", map))
		return -1;
	return 0;
}

static inline int change_ids(uid_t uid, gid_t gid)
{
	return setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ? -1 : 0;
}

static inline int change_uid(uid_t uid)
{
	return change_ids(uid, uid);
}

/* A pid namespace is entered by one's children: this goes on in one, 0 when it worked. */
static inline int become(const struct who *who)
{
	int status;
	pid_t pid;

	if ((who->netns && join(*who->netns, "net", CLONE_NEWNET)) ||
	    (who->pidns && join(*who->pidns, "pid", CLONE_NEWPID)) ||
	    (who->own_pidns && unshare(CLONE_NEWPID)))
		return -1;
	if (who->pidns || who->own_pidns) {
		pid = fork();
		if (pid)
			_exit(waitpid(pid, &status, 0) == pid && !status ? 0 : 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	if (who->bare && drop_capabilities())
		return -1;
	if (who->uid && change_uid(who->uid))
		return -1;
	if (who->userns && own_userns(who->uid))
		return -1;
	return who->own_netns ? enter_netns() : 0;
}

/* A holder of ports: its names are in all that it leaves behind. */
struct party {
	const char *name, *address;
	int port;
	uid_t uid;
	/* unless it is as the uid */
	gid_t gid;
	/* as whoever changes its uid is until it executes something */
	bool undumpable;
	/* a network namespace of its own, and of pids; or those of another */
	bool netns, pidns;
	const struct party *with;
	struct actor actor;
	pid_t pid;
};

/* Its process, one that has exited, and its control group are called so. */
static inline const char *called(char kind, const struct party *party)
{
	static char names[8][16];
	static unsigned int turn;
	char *name = names[turn++ % 8];

	snprintf(name, 16, "%c-%s", kind, party->name);
	return name;
}

/*
 * Two connections to itself, of which the exit closes the server's end first, and that of a
 * client whose port connect() chose: a process has no memory any more then. Descriptors are
 * closed in their order.
 */
static inline int leave_timewait(const char *address, int port)
{
	int listener = server_on(address, port), client, accepted;

	client = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind_to(client, address, 0) || connect_to(client, address, port))
		return -1;
	accepted = accept(listener, NULL, NULL);
	if (accepted < 0 || shutdown(accepted, SHUT_WR) ||
	    await_state(port, local_port(client), TCP_FIN_WAIT2) ||
	    dup2(client, accepted + 1) < 0 || close(client))
		return -1;
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (connect_to(client, address, port) || accept(listener, NULL, NULL) < client)
		return -1;
	return shutdown(client, SHUT_WR) ||
	       await_state(local_port(client), port, TCP_FIN_WAIT2) ? -1 : 0;
}

static inline int refuse_itself(const char *address, int port)
{
	int asker = socket(AF_INET, SOCK_STREAM, 0), err = bind_to(asker, address, port);

	close(asker);
	return err ? 0 : -1;
}

/* Listens, is refused its own port, and that of a child which has left TIME-WAIT there. */
static inline int hold(const struct party *party)
{
	int status;
	pid_t pid;

	if (server_on(party->address, party->port) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, called('x', party));
		_exit(leave_timewait(party->address, party->port + 1) ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		return -1;
	return refuse_itself(party->address, party->port) ||
	       refuse_itself(party->address, party->port + 1) ? -1 : 0;
}

static inline void act(const struct party *party, int ctl)
{
	struct who who = { .own_pidns = party->pidns };
	char path[64];

	if (party->with) {
		who.netns = &party->with->pid;
		who.pidns = &party->with->pid;
	}
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", called('c', party));
	mkdir(path, 0755);
	strcat(path, "/cgroup.procs");
	if (write_text(path, "0") || (party->netns && enter_netns()) || become(&who))
		_exit(1);
	prctl(PR_SET_NAME, called('m', party));
	/* its pid here is heard by who hears it elsewhere */
	if (party->uid && change_ids(party->uid, party->gid ?: party->uid))
		_exit(1);
	prctl(PR_SET_DUMPABLE, !party->undumpable);
	say(ctl, hold(party) ? -1 : getpid(), -1);
	idle(ctl);
}

/* The pid by which we know a child of that child of ours: it comes soon after. */
static inline pid_t outer_pid(pid_t parent)
{
	char path[64];
	FILE *file;
	pid_t pid;
	int of;

	for (pid = parent + 1; pid < parent + 100; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %*c %d", &of) != 1)
			of = 0;
		fclose(file);
		if (of == parent)
			return pid;
	}
	return -1;
}

/* Returns its pid as it knows it, or -1. */
static inline int party_start(struct party *party)
{
	int inner;

	party->actor = start(party->name);
	if (!party->actor.pid)
		act(party, party->actor.ctl);
	inner = hear(party->actor.ctl, NULL);
	party->pid = party->pidns || party->with ? outer_pid(party->actor.pid) : party->actor.pid;
	return party->pid < 0 ? -1 : inner;
}

static inline void party_end(const struct party *party)
{
	char path[64];

	end(&party->actor);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", called('c', party));
	rmdir(path);
}

#endif /* _SELFTESTS_PRIVILEGE_H */
