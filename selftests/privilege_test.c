// SPDX-License-Identifier: GPL-2.0
/*
 * Who sees what: every kind of reader opens every file and reads all of it, and in that
 * nobody's name, pid, control group or address may be who `ss -p` would not show it.
 */
#include "../kselftest.h"
#include "harness.h"
#include "privilege.h"
#include "why.h"

#define SIZE	262144

enum { HOST_ROOT, HOST_USER, HOST_OTHER, HOST_GROUP, HOST_SHY, NETNS, CONTAINER, INMATE, PARTIES };

#define A(party)	(1u << (party))
#define HOST		(A(HOST_ROOT) | A(HOST_USER) | A(HOST_OTHER) | A(HOST_GROUP) | A(HOST_SHY))
#define CONTAINED	(A(CONTAINER) | A(INMATE))
#define EVERYBODY	(A(PARTIES) - 1)

static struct party parties[PARTIES] = {
	[HOST_ROOT] = { "rootofhost", "127.0.71.1", 18410 },
	[HOST_USER] = { "userofhost", "127.0.72.1", 18420, .uid = USER },
	[HOST_OTHER] = { "someofhost", "127.0.73.1", 18430, .uid = OTHER },
	/* of the user's, and yet `ss -p` does not show them to it */
	[HOST_GROUP] = { "groupofhost", "127.0.77.1", 18470, .uid = USER, .gid = OTHER },
	[HOST_SHY] = { "shyofhost", "127.0.78.1", 18480, .uid = USER, .undumpable = true },
	[NETNS] = { "inanetns", "127.0.74.1", 18440, .netns = true },
	[CONTAINER] = { "contained", "127.0.75.1", 18450, .netns = true, .pidns = true },
	[INMATE] = { "inmate", "127.0.76.1", 18460, .uid = USER, .with = &parties[CONTAINER] },
};

/* as it knows it itself */
static int inner[PARTIES];

/* Whose a file is: everybody's, root's, or of who has CAP_NET_ADMIN of the machine. */
enum rank { ANYBODY, ROOT, ADMIN };

static const struct {
	const char *path;
	enum rank rank;
} files[] = {
	{ PAGE, ANYBODY },
	{ WHY, ANYBODY },
	{ "/sys/module/tcpwatch/parameters/events", ANYBODY },
	{ "/sys/module/tcpwatch/parameters/without", ANYBODY },
	{ "/proc/tcpwatch_events", ROOT },
	{ TREE "conflicts", ROOT },
	{ TREE "hooks", ROOT },
	{ TREE "stats", ROOT },
	{ "/proc/tcpwatch_ports", ADMIN },
	{ "/proc/tcpwatch_connections", ADMIN },
	{ "/proc/tcpwatch_control", ADMIN },
	{ TREE "timewait", ADMIN },
	{ TREE "ephemeral", ADMIN },
	{ TREE "listeners", ADMIN },
	{ TREE "reconcile", ADMIN },
};

/* What a reader got of each. */
static struct got {
	int error;
	size_t len;
	char text[SIZE];
} (*got)[ARRAY_SIZE(files)];

static void add(struct got *to, int fd)
{
	ssize_t more;

	while ((more = read(fd, to->text + to->len, SIZE - 1 - to->len)) > 0)
		to->len += more;
	if (more < 0 && errno != EAGAIN)
		to->error = errno;
}

static void add_answers(struct got *to, int fd)
{
	char request[64];
	int i, port, len;

	for (i = 0; i < PARTIES; i++) {
		for (port = parties[i].port; port <= parties[i].port + 1; port++) {
			len = snprintf(request, sizeof(request), "tcp 0.0.0.0:%d", port);
			if (write(fd, request, len) != len)
				to->error = errno;
			add(to, fd);
		}
	}
}

/* How a descriptor comes from who has opened it to who reads. */
enum way { SELF, DROPPED, INHERITED, PASSED };

FIXTURE(reader) {
	/* unused */
	int none;
};

FIXTURE_VARIANT(reader) {
	struct who opener;
	enum way way;
	struct who other;
	enum rank rank;
	/* whose processes, addresses and control groups may be seen, and must be */
	unsigned int names, addresses, groups;
	/* by the pids that they know themselves */
	bool inside;
};

#define READER(name, ...) FIXTURE_VARIANT_ADD(reader, name) { __VA_ARGS__ }
#define OPENED_BY(...) .opener = { __VA_ARGS__ }
#define READ_BY(path, ...) .way = path, .other = { __VA_ARGS__ }

#define AS_ROOT .rank = ADMIN, .names = EVERYBODY, .addresses = EVERYBODY, .groups = EVERYBODY
#define AS_USER .names = A(HOST_USER), .addresses = HOST
#define AS_CONTAINER .rank = ROOT, .names = CONTAINED, .addresses = CONTAINED, .inside = true
#define AS_INMATE .names = A(INMATE), .addresses = CONTAINED, .inside = true
#define AS_USERNS .uid = USER, .userns = true
#define IN_NETNS .netns = &parties[NETNS].pid
#define INSIDE .netns = &parties[CONTAINER].pid, .pidns = &parties[CONTAINER].pid

READER(root, AS_ROOT);
READER(user, OPENED_BY(.uid = USER), AS_USER);
READER(userns, OPENED_BY(AS_USERNS, .own_netns = true));
READER(userns_pidns, OPENED_BY(AS_USERNS, .own_netns = true, .own_pidns = true));
/* as `ss -p` there: those of its uid outside are none of its business */
READER(userns_on_host, OPENED_BY(AS_USERNS), .addresses = HOST);
/* its uid is that of others, but they have more than it */
READER(bare_root, OPENED_BY(.bare = true), .rank = ROOT, .addresses = HOST);
/* `ip netns exec`: of the machine still */
READER(netns, OPENED_BY(IN_NETNS), AS_ROOT);
READER(netns_user, OPENED_BY(.uid = USER, IN_NETNS), .addresses = A(NETNS));
/* of a container's root all capabilities are the machine's, unless it has a user namespace */
READER(container, OPENED_BY(INSIDE), AS_CONTAINER);
READER(container_bare, OPENED_BY(.bare = true, INSIDE), .rank = ROOT, .addresses = CONTAINED);
READER(container_user, OPENED_BY(.uid = USER, INSIDE), AS_INMATE);
/* with the network of the host, where it sees addresses, but no process */
READER(container_on_host, OPENED_BY(.own_pidns = true), .rank = ROOT, .addresses = HOST);

/* What was opened is its opener's, whoever reads or asks. */
READER(root_dropped, READ_BY(DROPPED, .uid = USER), AS_ROOT);
READER(root_inherited, READ_BY(INHERITED, .uid = USER), AS_ROOT);
READER(root_passed, READ_BY(PASSED, .uid = USER), AS_ROOT);
READER(root_passed_inside, READ_BY(PASSED, .uid = USER, INSIDE), AS_ROOT);
READER(user_passed, OPENED_BY(.uid = USER), READ_BY(PASSED), AS_USER);
READER(netns_passed, OPENED_BY(.uid = USER, IN_NETNS), READ_BY(PASSED), .addresses = A(NETNS));
READER(container_passed, OPENED_BY(INSIDE), READ_BY(PASSED), AS_CONTAINER);
READER(userns_passed, OPENED_BY(AS_USERNS, .own_netns = true), READ_BY(PASSED));

FIXTURE_SETUP(reader)
{
	static struct events events;
	int i;

	if (unfit())
		SKIP(return, "%s", unfit());
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP(return, "no cgroup2");
	got = mmap(NULL, sizeof(*got), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(got, MAP_FAILED);
	ASSERT_EQ(write_text(TREE "control", "clear"), 0);
	for (i = 0; i < PARTIES; i++) {
		inner[i] = party_start(&parties[i]);
		ASSERT_GT(inner[i], 0) {
			TH_LOG("%s", parties[i].name);
		}
	}
	/* two refusals each; what an event tells is complete when it can be read */
	ASSERT_EQ(events_open(&events), 0);
	for (i = 0; i < 2 * PARTIES; i++)
		ASSERT_NE(events_next(&events, PATIENCE), NULL);
	close(events.fd);
}

FIXTURE_TEARDOWN(reader)
{
	int i;

	for (i = PARTIES; i--; )
		party_end(&parties[i]);
}

static void take(const int *fds)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (fds[i] >= 0 && !strcmp(files[i].path, WHY))
			add_answers(&(*got)[i], fds[i]);
		else if (fds[i] >= 0)
			add(&(*got)[i], fds[i]);
	}
}

static int open_all(int *fds)
{
	bool asked;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		asked = !strcmp(files[i].path, WHY);
		fds[i] = open(files[i].path, (asked ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
		(*got)[i].error = fds[i] < 0 ? errno : 0;
	}
	return 0;
}

/* In a child of the test's. */
static int open_and_take(const struct _fixture_variant_reader *variant, int ctl)
{
	int fds[ARRAY_SIZE(files)], status = 0;
	size_t i;
	pid_t pid;

	if (become(&variant->opener))
		return 1;
	open_all(fds);
	switch (variant->way) {
	case DROPPED:
		if (change_uid(variant->other.uid))
			return 1;
		take(fds);
		break;
	case INHERITED:
		pid = fork();
		if (!pid) {
			prctl(PR_SET_NAME, "heir");
			if (become(&variant->other))
				_exit(1);
			take(fds);
			_exit(0);
		}
		return waitpid(pid, &status, 0) != pid || status;
	case PASSED:
		for (i = 0; i < ARRAY_SIZE(files); i++)
			say(ctl, i + 1, fds[i]);
		return 0;
	default:
		take(fds);
	}
	return 0;
}

static int hear_and_take(const struct _fixture_variant_reader *variant, int ctl)
{
	int fds[ARRAY_SIZE(files)];
	size_t i;

	if (become(&variant->other))
		return 1;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fds[i] = -1;
		if (hear(ctl, &fds[i]) != (int)i + 1)
			return 1;
	}
	take(fds);
	return 0;
}

static int run(const struct _fixture_variant_reader *variant)
{
	int ends[2], status, failed = 0;
	pid_t pid[2] = { 0, 0 };
	int i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		return 1;
	for (i = 0; i < (variant->way == PASSED ? 2 : 1); i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		close(ends[!i]);
		_exit(i ? hear_and_take(variant, ends[1]) : open_and_take(variant, ends[0]));
	}
	close(ends[0]);
	for (i = 0; i < 2 && pid[i]; i++)
		failed |= waitpid(pid[i], &status, 0) != pid[i] || status;
	close(ends[1]);
	return failed;
}

/* In which file that is found, or NULL. */
static const char *where(const char *what)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (memmem((*got)[i].text, (*got)[i].len, what, strlen(what)))
			return files[i].path;
	}
	return NULL;
}

/* A pid, as the page, an event and a table have it. */
static const char *where_pid(int pid)
{
	static const char *const forms[] = { "[%d]", "pid=%d ", "\t%d\tm-", "\t%d\tx-" };
	const char *found = NULL;
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms) && !found; i++) {
		snprintf(text, sizeof(text), forms[i], pid);
		found = where(text);
	}
	return found;
}

static void expect_seen(struct __test_metadata *_metadata, const char *what, const char *found,
			bool wanted)
{
	EXPECT_EQ(!!found, wanted) {
		TH_LOG("%s: %s", what, found ?: "nowhere");
	}
}

TEST_F(reader, sees)
{
	bool names, addresses, groups;
	size_t i;

	ASSERT_EQ(run(variant), 0);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		bool permitted = files[i].rank <= variant->rank;

		EXPECT_EQ(!(*got)[i].error, permitted) {
			TH_LOG("%s: %s", files[i].path, strerror((*got)[i].error));
		}
		if (permitted)
			EXPECT_GT((*got)[i].len, 0U) {
				TH_LOG("%s", files[i].path);
			}
	}
	for (i = 0; i < PARTIES; i++) {
		names = variant->names & A(i);
		addresses = variant->addresses & A(i);
		groups = variant->groups & A(i);
		expect_seen(_metadata, parties[i].address, where(parties[i].address), addresses);
		expect_seen(_metadata, called('m', &parties[i]), where(called('m', &parties[i])),
			    names);
		expect_seen(_metadata, called('x', &parties[i]), where(called('x', &parties[i])),
			    names);
		expect_seen(_metadata, called('c', &parties[i]), where(called('c', &parties[i])),
			    groups);
		expect_seen(_metadata, "its pid", where_pid(parties[i].pid),
			    names && !variant->inside);
		if (variant->inside && names)
			expect_seen(_metadata, "its pid inside", where_pid(inner[i]), true);
	}
}

TEST_HARNESS_MAIN
