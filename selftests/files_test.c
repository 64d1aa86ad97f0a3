// SPDX-License-Identifier: GPL-2.0
/*
 * The files themselves: who may do what to them, what a bad write does, and how
 * the stream of events behaves for readers of every kind.
 */
#include "tcpwatch.h"
#include <signal.h>
#include <sys/wait.h>
#include "../kselftest.h"
#include "harness.h"

#define PORT	18080

static char text[65536];

static ssize_t read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += got;
	close(fd);
	text[len] = '\0';
	return got < 0 ? got : (ssize_t)len;
}

/* 0, or the errno with which the write was refused. */
static int write_file(const char *path, const char *what, size_t len)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, what, len) != (ssize_t)len)
		err = errno;
	close(fd);
	return err;
}

/* Make n refusals in the current netns. */
static int refuse(int n)
{
	int holder = socket(AF_INET, SOCK_STREAM, 0), asker = socket(AF_INET, SOCK_STREAM, 0), i;

	if (bind_to(holder, "127.0.0.1", PORT))
		return -1;
	for (i = 0; i < n; i++) {
		if (!bind_to(asker, "127.0.0.1", PORT) || errno != EADDRINUSE)
			return -1;
	}
	close(holder);
	close(asker);
	return 0;
}

FIXTURE(files) {
	struct events events;
};

FIXTURE_SETUP(files)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
}

FIXTURE_TEARDOWN(files)
{
	close(self->events.fd);
}

TEST_F(files, modes)
{
	static const struct {
		const char *path;
		mode_t mode;
	} files[] = {
		{ PAGE, 0444 },
		{ "/proc/tcpwatch_events", 0400 },
		{ TREE "conflicts", 0400 },
		{ TREE "timewait", 0400 },
		{ TREE "ephemeral", 0400 },
		{ TREE "listeners", 0400 },
		{ TREE "reconcile", 0400 },
		{ TREE "ports", 0600 },
		{ TREE "connections", 0600 },
		{ TREE "hooks", 0400 },
		{ TREE "stats", 0400 },
		{ TREE "control", 0600 },
	};
	struct stat st;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ASSERT_EQ(stat(files[i].path, &st), 0) {
			TH_LOG("%s: %m", files[i].path);
		}
		EXPECT_EQ(st.st_mode & 07777, files[i].mode) {
			TH_LOG("%s", files[i].path);
		}
	}
}

/* The files that only tell: a write is an error and changes nothing. */
TEST_F(files, read_only)
{
	static const char *const paths[] = {
		PAGE, TREE "events", TREE "conflicts", TREE "hooks", TREE "stats",
	};
	long long before = stat_value("conflicts");
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		err = write_file(paths[i], "clear", 5);
		/* procfs says EIO, a file without a write method EINVAL */
		EXPECT_TRUE(err == EINVAL || err == EIO) {
			TH_LOG("%s: %s", paths[i], strerror(err));
		}
	}
	EXPECT_EQ(stat_value("conflicts"), before);
}

TEST_F(files, control)
{
	static const char *const bad[] = {
		"", " ", "\n", "nonsense", "alert", "alert=", "alert=yes", "alert=ON",
		"alert=on=off", "alert_rate=0", "alert_rate=1001", "alert_rate=-1",
		"alert_rate=5x", "alert_rate", "clear=1", "=", "=on", "alert_rate=7 nonsense",
		"nonsense alert_rate=7", "alert=off alert_rate=0", "\x1b[2J", "alert=\xff\xfe",
		"alert_rate=99999999999999999999", "exhaustion", "exhaustion=101",
		"exhaustion=-1", "exhaustion=90 exhaustion=x", "stuck", "stuck=3601", "stuck=x",
		"ports", "ports=", "ports=0", "ports=80-70", "alert=off ports=x", "ports=+80",
		/* kstrtouint() would take the sign */
		"alert_rate=+7", "exhaustion=+7", "stuck=+7",
	};
	char before[256], big[4096];
	size_t i;

	ASSERT_EQ(write_file(TREE "control", "alert=on alert_rate=5\n", 22), 0);
	ASSERT_GT(read_file(TREE "control"), 0);
	snprintf(before, sizeof(before), "%.255s", text);
	EXPECT_STREQ(before, "alert=on\nalert_rate=5\nexhaustion=90\nstuck=5\nports=all\nclear\n");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		/* write() of nothing does not reach a file's method */
		if (*bad[i])
			EXPECT_EQ(write_file(TREE "control", bad[i], strlen(bad[i])), EINVAL) {
				TH_LOG("'%s'", bad[i]);
			}
		read_file(TREE "control");
		EXPECT_STREQ(text, before);
	}
	EXPECT_EQ(write_file(TREE "control", "alert=off\0x", 11), EINVAL);
	memset(big, ' ', sizeof(big));
	memcpy(big, "alert=off", 9);
	EXPECT_EQ(write_file(TREE "control", big, sizeof(big)), EINVAL);
	read_file(TREE "control");
	EXPECT_STREQ(text, before);

	EXPECT_EQ(write_file(TREE "control", "alert=off\talert_rate=17", 23), 0);
	read_file(TREE "control");
	EXPECT_STREQ(text, "alert=off\nalert_rate=17\nexhaustion=90\nstuck=5\nports=all\nclear\n");
	EXPECT_EQ(write_file(TREE "control", before, 22), 0);
}

/* `clear` forgets the events; a cursor that was behind is told, a new one not. */
TEST_F(files, clear)
{
	struct events behind, late;
	const char *line;

	ASSERT_EQ(events_open(&behind), 0);
	ASSERT_EQ(refuse(3), 0);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_EQ(write_file(TREE "control", "clear", 5), 0);
	line = events_next(&behind, PATIENCE);
	ASSERT_NE(line, NULL);
	EXPECT_STREQ(value(line, "event"), "gap");
	EXPECT_GE(number(line, "lost"), 3);
	ASSERT_EQ(events_open(&late), 0);
	EXPECT_EQ(events_next(&late, SILENCE), NULL);
	ASSERT_EQ(refuse(1), 0);
	EXPECT_STREQ(value(events_next(&late, PATIENCE), "event"), "conflict");
	EXPECT_STREQ(value(events_next(&self->events, PATIENCE), "event"), "conflict");
	close(behind.fd);
	close(late.fd);
}

TEST_F(files, nonblock)
{
	/* whatever is retained of others' is passed over in our netns */
	events_next(&self->events, SILENCE);
	EXPECT_EQ(read(self->events.fd, text, sizeof(text)), -1);
	EXPECT_EQ(errno, EAGAIN);
}

TEST_F(files, poll)
{
	struct pollfd pfd = { .fd = self->events.fd, .events = POLLIN };

	events_next(&self->events, SILENCE);
	EXPECT_EQ(poll(&pfd, 1, 0), 0);
	ASSERT_EQ(refuse(1), 0);
	EXPECT_EQ(poll(&pfd, 1, PATIENCE), 1);
	EXPECT_EQ(pfd.revents, POLLIN);
}

/* Each open has its own cursor, from the oldest event on. */
TEST_F(files, cursors)
{
	struct events second;
	long long seq;

	ASSERT_EQ(refuse(2), 0);
	seq = number(events_next(&self->events, PATIENCE), "seq");
	EXPECT_EQ(number(events_next(&self->events, PATIENCE), "seq"), seq + 1);
	ASSERT_EQ(events_open(&second), 0);
	EXPECT_EQ(number(events_next(&second, PATIENCE), "seq"), seq);
	close(second.fd);
}

/* A reader with a tiny buffer gets every byte once. */
TEST_F(files, small_reads)
{
	char small[7], joined[8192] = "";
	struct events whole;
	size_t len = 0;
	ssize_t got;

	ASSERT_EQ(refuse(2), 0);
	/* both are there when another has them */
	ASSERT_EQ(events_open(&whole), 0);
	ASSERT_NE(events_next(&whole, PATIENCE), NULL);
	ASSERT_NE(events_next(&whole, PATIENCE), NULL);
	close(whole.fd);
	while ((got = read(self->events.fd, small, sizeof(small))) > 0) {
		ASSERT_LT(len + got, sizeof(joined));
		memcpy(joined + len, small, got);
		len += got;
	}
	joined[len] = '\0';
	ASSERT_EQ(events_open(&whole), 0);
	got = read(whole.fd, text, sizeof(text) - 1);
	ASSERT_GT(got, 0);
	text[got] = '\0';
	EXPECT_STREQ(joined, text);
	close(whole.fd);
}

/* A reader asleep is woken by an event, and by a signal. */
TEST_F(files, blocking)
{
	int ready[2], status;
	pid_t pid;

	ASSERT_EQ(pipe(ready), 0);
	events_next(&self->events, SILENCE);
	pid = fork();
	if (!pid) {
		int fd = open(TREE "events", O_RDONLY);

		if (write(ready[1], "", 1) != 1)
			_exit(2);
		_exit(read(fd, text, sizeof(text)) > 0 ? 0 : 1);
	}
	ASSERT_EQ(read(ready[0], text, 1), 1);
	usleep(200000);
	EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
	ASSERT_EQ(refuse(1), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);

	/* as many as are retained, then asleep: only a signal ends it */
	pid = fork();
	if (!pid) {
		int fd = open(TREE "events", O_RDONLY);

		while (read(fd, text, sizeof(text)) > 0)
			;
		_exit(1);
	}
	usleep(300000);
	kill(pid, SIGTERM);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* A reader that was overtaken is told by how many, and loses nothing else. */
TEST_F(files, gap)
{
	const int n = 5000;
	long long lost = 0, seen = 0;
	const char *line;

	ASSERT_EQ(refuse(1), 0);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_EQ(refuse(n), 0);
	while ((line = events_next(&self->events, PATIENCE))) {
		if (!strcmp(value(line, "event"), "gap"))
			lost += number(line, "lost");
		else
			seen++;
	}
	TH_LOG("%lld seen, %lld lost", seen, lost);
	EXPECT_EQ(seen + lost, n);
	EXPECT_GT(lost, 0);
}

/* The table: a header, newest first, as many columns in every line. */
TEST_F(files, table)
{
	int columns[4] = { 0 }, rows = 0;
	long long seq[4] = { 0 };
	char *at, *next;

	ASSERT_EQ(refuse(3), 0);
	while (rows < 3 && events_next(&self->events, PATIENCE))
		rows++;
	ASSERT_EQ(rows, 3);
	rows = 0;
	ASSERT_GT(read_file(TREE "conflicts"), 0);
	EXPECT_EQ(strncmp(text, "seq\ttime\tevent\tcall\t", 20), 0);
	for (at = text; rows < 4 && (next = strchr(at, '\n')); at = next + 1, rows++) {
		*next = '\0';
		seq[rows] = atoll(at);
		for (columns[rows] = 1; (at = strchr(at, '\t')); at++)
			columns[rows]++;
	}
	ASSERT_EQ(rows, 4);
	EXPECT_EQ(columns[1], columns[0]);
	EXPECT_EQ(columns[3], columns[0]);
	EXPECT_EQ(seq[1], seq[2] + 1);
	EXPECT_EQ(seq[2], seq[3] + 1);
}

/* The page is for everybody, and names other people's processes to nobody. */
/* More than one scan looks for: whoever reads again is told of all once more. */
TEST_F(files, read_twice)
{
	int listeners[135], fd, turn;
	char named_pid[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(listeners); i++) {
		listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(listen(listeners[i], 1), 0);
	}
	fd = open(TREE "listeners", O_RDONLY);
	ASSERT_GE(fd, 0);
	snprintf(named_pid, sizeof(named_pid), "\t%d\tfiles_test\t", getpid());
	for (turn = 0; turn < 2; turn++) {
		const char *at = text;
		size_t len = 0, named = 0;
		ssize_t got;

		ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
		while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
			len += got;
		text[len] = '\0';
		while ((at = strstr(at, named_pid))) {
			named++;
			at++;
		}
		/* who has it open, and who called listen() */
		EXPECT_EQ(named, 2 * ARRAY_SIZE(listeners));
	}
	close(fd);
	for (i = 0; i < ARRAY_SIZE(listeners); i++)
		close(listeners[i]);
}

TEST_F(files, unprivileged_page)
{
	ASSERT_EQ(refuse(1), 0);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_GT(read_file(PAGE), 0);
	EXPECT_NE(strstr(text, "files_test["), NULL);
	ASSERT_EQ(setresuid(1000, 1000, 1000), 0);
	ASSERT_GT(read_file(PAGE), 0);
	EXPECT_NE(strstr(text, "127.0.0.1:18080"), NULL);
	EXPECT_EQ(strstr(text, "files_test["), NULL);
	EXPECT_LT(open("/proc/tcpwatch_events", O_RDONLY), 0);
	EXPECT_EQ(errno, EACCES);
}

/* A namespace sees its own conflicts only. */
TEST_F(files, other_netns)
{
	struct events other;

	ASSERT_EQ(refuse(1), 0);
	ASSERT_NE(events_next(&self->events, PATIENCE), NULL);
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_GT(read_file(PAGE), 0);
	EXPECT_EQ(strstr(text, "127.0.0.1:18080"), NULL);
	ASSERT_EQ(events_open(&other), 0);
	EXPECT_EQ(events_next(&other, SILENCE), NULL);
	close(other.fd);
}

/* Who switches ftrace off is told no, instead of making us blind. */
TEST_F(files, not_blinded)
{
	EXPECT_EQ(write_file("/proc/sys/kernel/ftrace_enabled", "0", 1), EBUSY);
	ASSERT_GT(read_file("/proc/sys/kernel/ftrace_enabled"), 0);
	EXPECT_STREQ(text, "1\n");
}

TEST_HARNESS_MAIN
