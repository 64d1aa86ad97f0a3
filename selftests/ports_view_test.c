// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of ports and of connections as people use them: what is marked, how ports
 * are chosen, and what each connection tells.
 */
#include "tcpwatch.h"
#include <ctype.h>
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "knock.h"
#include "portrows.h"

#define FAR	"10.0.0.9"

FIXTURE(view) {
	struct world world;
	int server;
};

FIXTURE_SETUP(view)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(make_nowhere(), 0);
	self->server = server_on("127.0.0.1", SERVER);
	ASSERT_GE(self->server, 0);
}

FIXTURE_TEARDOWN(view)
{
	leave_world(_metadata, &self->world);
}

static int client_from(const char *from)
{
	struct side side = { "127.0.0.1", 0 };
	int fd = make_socket(&side);

	return bind_to(fd, from, 0) || connect_to(fd, "127.0.0.1", SERVER) ? -1 : fd;
}

static bool marked(int port, const char *mark)
{
	char marks[256], *rest = marks, *word;

	snprintf(marks, sizeof(marks), "%s", row_cell(port, "marks"));
	while ((word = strsep(&rest, ","))) {
		if (!strcmp(word, mark))
			return true;
	}
	return false;
}

/* The page has a line with this port and this mark. */
static bool page_has(int port, const char *mark)
{
	FILE *file = fopen(PAGE, "r");
	bool found = false;
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		found |= atoi(line) == port && strstr(line, mark);
	if (file)
		fclose(file);
	return found;
}

/* The application does not close, and so its peers wait in vain for its FIN. */
TEST_F(view, close_wait)
{
	int i, fd;

	for (i = 0; i < 10; i++) {
		EXPECT_FALSE(marked(SERVER, "close_wait"));
		fd = client_from("127.0.0.2");
		ASSERT_GE(fd, 0);
		ASSERT_GE(accept(self->server, NULL, NULL), 0);
		close(fd);
	}
	/* the last FIN may come, and be confirmed, a moment later */
	for (i = 0; i < PATIENCE && row_count(0, "fin_wait2") < 10; i += 20)
		usleep(20000);
	EXPECT_TRUE(marked(SERVER, "close_wait"));
	EXPECT_TRUE(marked(0, "close_wait"));
	EXPECT_TRUE(marked(0, "fin_wait2_orphans"));
	EXPECT_EQ(row_count(0, "orphans"), 10);
	EXPECT_TRUE(page_has(SERVER, "close_wait"));
	EXPECT_FALSE(page_has(SERVER + 1, "close_wait"));
	EXPECT_EQ(row_count(SERVER, "pid"), getpid());
	EXPECT_STREQ(row_cell(SERVER, "comm"), "ports_view_test");
}

TEST_F(view, nobody_answers)
{
	struct side far = { FAR, 0 };
	int i, fd;

	for (i = 0; i < 10; i++) {
		EXPECT_FALSE(marked(0, "syn_sent"));
		fd = make_socket(&far);
		ASSERT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		ASSERT_EQ(connect_to(fd, i == 3 ? "10.0.0.8" : FAR, 80), -1);
	}
	EXPECT_TRUE(marked(0, "syn_sent"));
	EXPECT_STREQ(row_cell(0, "unanswered_peer"), FAR);
	EXPECT_EQ(row_count(0, "unanswered"), 9);
}

/* Requests for half of the backlog, which is 64. */
TEST_F(view, half_open)
{
	int knocker = make_knocker(false), server = server_on(HERE, SERVER + 1), i;

	ASSERT_GE(server, 0);
	for (i = 0; i < 32; i++) {
		EXPECT_FALSE(marked(SERVER + 1, "syn_recv"));
		ASSERT_EQ(knock(knocker, i, HERE, SERVER + 1), 0);
	}
	for (i = 0; i < PATIENCE && !marked(SERVER + 1, "syn_recv"); i += 20)
		usleep(20000);
	EXPECT_TRUE(marked(SERVER + 1, "syn_recv"));
	EXPECT_TRUE(rows_agree());
}

TEST_F(view, one_peer)
{
	int i;

	for (i = 0; i < 64; i++) {
		EXPECT_FALSE(marked(SERVER, "one_peer"));
		ASSERT_GE(client_from(i < 31 ? "127.0.0.2" : "127.0.0.3"), 0);
		ASSERT_GE(accept(self->server, NULL, NULL), 0);
	}
	EXPECT_TRUE(marked(SERVER, "one_peer"));
	EXPECT_STREQ(row_cell(SERVER, "top_peer"), "127.0.0.3");
	ASSERT_GE(client_from("127.0.0.2"), 0);
	ASSERT_GE(client_from("127.0.0.2"), 0);
	/* 33 of 66 are no more than half */
	EXPECT_FALSE(marked(SERVER, "one_peer"));
}

/* The knob says from how much on: 90 of a hundred unless it is set. */
TEST_F(view, ephemeral)
{
	int i;

	ASSERT_EQ(range(30000, 30019), 0);
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(marked(0, "ephemeral"), i >= 18);
		ASSERT_GE(client_from("127.0.0.2"), 0);
	}
	EXPECT_TRUE(marked(0, "ephemeral"));
}

/* Write a choice to a table and read it: how many lines come of ours, or -errno. */
static int lines_of(const char *table, const char *choice)
{
	char path[64], line[1024];
	int fd, lines = 0;
	FILE *file;

	snprintf(path, sizeof(path), TREE "%s", table);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -errno;
	if (choice && write(fd, choice, strlen(choice)) < 0) {
		lines = -errno;
		close(fd);
		return lines;
	}
	file = fdopen(fd, "r");
	/* the header, and what is of our namespace */
	while (fgets(line, sizeof(line), file))
		lines += !lines || strtoul(line, NULL, 10) == our_netns();
	fclose(file);
	return lines;
}

TEST_F(view, choice)
{
	static const char *const wrong[] = {
		"0", "65536", "-1", "+1", "80-", "-80", "90-80", "80,,81", "80 81", "http", " ",
		"0x50", "80-90-100", "all,80", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		/* kstrtou16() would take the newlines */
		"80\n,81", "80\n-81",
	};
	int high = server_on("127.0.0.1", 65535), low = server_on("127.0.0.1", 1);
	size_t i;

	ASSERT_GE(high, 0);
	ASSERT_GE(low, 0);
	EXPECT_EQ(lines_of("ports", "18080"), 2);
	EXPECT_EQ(lines_of("ports", "18080\n"), 2);
	EXPECT_EQ(lines_of("ports", "ports=18080,18080,18000-18090\n"), 2);
	EXPECT_EQ(lines_of("ports", "1,65535"), 3);
	EXPECT_EQ(lines_of("ports", "1-65535"), lines_of("ports", "1-30000,30001-65535"));
	EXPECT_EQ(lines_of("ports", "2-65534"), lines_of("ports", "1-65535") - 2);
	EXPECT_EQ(lines_of("ports", "18079"), 1);
	EXPECT_EQ(lines_of("ports", "2-18079"), 1);
	EXPECT_EQ(lines_of("connections", "65535"), 2);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(lines_of("ports", wrong[i]), -EINVAL) {
			TH_LOG("%s", wrong[i]);
		}
		EXPECT_EQ(lines_of("connections", wrong[i]), -EINVAL);
	}
}

/* A knob for those who only read; what is wrong changes nothing. */
TEST_F(view, knob)
{
	int fd = open(TREE "control", O_WRONLY);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(write(fd, "ports=18080", 11), 11);
	EXPECT_EQ(write(fd, "ports=80-70", 11), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(lines_of("ports", NULL), 2);
	EXPECT_EQ(lines_of("connections", NULL), 2);
	EXPECT_EQ(lines_of("ports", "18079"), 1);
	ASSERT_EQ(write(fd, "ports=all", 9), 9);
	EXPECT_GT(lines_of("ports", NULL), 2);
	close(fd);
}

/* Of one connection of ours, by both its ends. */
static const char *end_cell(const char *local, const char *peer, const char *column)
{
	return cell("connections", "local", local, "peer", peer, column);
}

/* The lesson: the server's end of every client is the same port. */
TEST_F(view, connections)
{
	char buf[8], local[64], server[] = "127.0.0.1:18080";
	long long start = now_ms();
	int fds[3], children[3], i;

	for (i = 0; i < 3; i++) {
		fds[i] = client_from("127.0.0.2");
		ASSERT_GE(fds[i], 0);
		children[i] = accept(self->server, NULL, NULL);
		ASSERT_GE(children[i], 0);
	}
	EXPECT_EQ(lines_of("connections", "18080"), 5);
	EXPECT_STREQ(end_cell(server, "-", "role"), "listening");
	EXPECT_STREQ(end_cell(server, "-", "state"), "LISTEN");
	for (i = 0; i < 3; i++) {
		snprintf(local, sizeof(local), "127.0.0.2:%d", local_port(fds[i]));
		EXPECT_STREQ(end_cell(server, local, "role"), "accepted");
		EXPECT_STREQ(end_cell(server, local, "state"), "ESTABLISHED");
		EXPECT_STREQ(end_cell(local, server, "role"), "initiated");
		EXPECT_STREQ(end_cell(local, server, "state"), "ESTABLISHED");
		EXPECT_EQ(atoi(end_cell(local, server, "pid")), getpid());
		EXPECT_STREQ(end_cell(local, server, "comm"), "ports_view_test");
		EXPECT_STREQ(end_cell(local, server, "belongs"), "process");
	}
	/* what is sent and not read is the one's to read, since the other knows it is there */
	ASSERT_EQ(write(fds[0], "12345", 5), 5);
	snprintf(local, sizeof(local), "127.0.0.2:%d", local_port(fds[0]));
	EXPECT_STREQ(end_cell(server, local, "recv_q"), "5");
	EXPECT_STREQ(end_cell(local, server, "send_q"), "0");
	ASSERT_EQ(set_on(fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	EXPECT_STREQ(end_cell(local, server, "timer"), "keepalive");
	EXPECT_GT(atoi(end_cell(local, server, "timer_ms")), 7100 * 1000);
	/* a client closes, and nobody has it open any more */
	ASSERT_EQ(read(children[0], buf, 5), 5);
	i = local_port(fds[0]);
	close(fds[0]);
	ASSERT_EQ(await_state(i, SERVER, TCP_FIN_WAIT2), 0);
	EXPECT_STREQ(end_cell(local, server, "state"), "FIN-WAIT-2");
	EXPECT_STREQ(end_cell(local, server, "pid"), "-");
	EXPECT_STREQ(end_cell(server, local, "state"), "CLOSE-WAIT");
	close(children[0]);
	ASSERT_EQ(await_state(i, SERVER, TCP_TIME_WAIT), 0);
	EXPECT_STREQ(end_cell(local, server, "state"), "TIME-WAIT");
	EXPECT_STREQ(end_cell(local, server, "timer"), "time_wait");
	EXPECT_GT(atoi(end_cell(local, server, "timer_ms")), 59000 - (now_ms() - start));
	EXPECT_TRUE(isdigit(*end_cell(local, server, "age_ms")));
	EXPECT_LE(atoi(end_cell(local, server, "age_ms")), now_ms() - start + 1);
}

/* What is not answered, or not complete, or not anything yet. */
TEST_F(view, waiting)
{
	struct side far = { FAR, 0 };
	int fd = make_socket(&far), knocker = make_knocker(false);
	int server = server_on(HERE, SERVER + 1);
	long long start;
	char local[64];

	ASSERT_GE(server, 0);
	start = now_ms();
	ASSERT_EQ(bind_to(fd, HERE, 17000), 0);
	EXPECT_STREQ(end_cell(HERE ":17000", "-", "role"), "bound");
	EXPECT_STREQ(end_cell(HERE ":17000", "-", "state"), "BOUND");
	EXPECT_TRUE(isdigit(*end_cell(HERE ":17000", "-", "age_ms")));
	EXPECT_LE(atoi(end_cell(HERE ":17000", "-", "age_ms")), now_ms() - start + 1);
	ASSERT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ASSERT_EQ(connect_to(fd, FAR, 80), -1);
	EXPECT_STREQ(end_cell(HERE ":17000", FAR ":80", "role"), "initiated");
	EXPECT_STREQ(end_cell(HERE ":17000", FAR ":80", "state"), "SYN-SENT");
	EXPECT_STREQ(end_cell(HERE ":17000", FAR ":80", "timer"), "retransmit");
	EXPECT_GT(atoi(end_cell(HERE ":17000", FAR ":80", "timer_ms")), 0);
	/* nothing has gone either way */
	EXPECT_STREQ(end_cell(HERE ":17000", FAR ":80", "idle_ms"), "-");
	/* the SYN in the send queue, as ss has it */
	EXPECT_STREQ(end_cell(HERE ":17000", FAR ":80", "send_q"), "1");
	ASSERT_EQ(knock(knocker, 5, HERE, SERVER + 1), 0);
	snprintf(local, sizeof(local), HERE ":%d", SERVER + 1);
	EXPECT_STREQ(end_cell(local, "10.0.0.5:1029", "role"), "accepted");
	EXPECT_STREQ(end_cell(local, "10.0.0.5:1029", "state"), "SYN-RECEIVED");
	EXPECT_STREQ(end_cell(local, "10.0.0.5:1029", "timer"), "retransmit");
	/* of another namespace there is nothing in ours */
	ASSERT_EQ(enter_netns(), 0);
	EXPECT_STREQ(end_cell(local, "-", "role"), "");
	EXPECT_STREQ(row_cell(SERVER, "role"), "");
}

TEST_HARNESS_MAIN
