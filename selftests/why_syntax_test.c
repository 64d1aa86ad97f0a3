// SPDX-License-Identifier: GPL-2.0
/*
 * What may be asked of the dry run: whatever makes no sense is refused with
 * EINVAL and a reason to read, and spoils nothing for the next request.
 */
#include <sys/mman.h>
#include "../kselftest.h"
#include "harness.h"
#include "why.h"

FIXTURE(syntax) {
	struct world world;
	struct why why;
};

FIXTURE_SETUP(syntax)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(why_open(&self->why), 0);
}

FIXTURE_TEARDOWN(syntax)
{
	expect_silence(_metadata, &self->world);
	close(self->why.fd);
	leave_world(_metadata, &self->world);
}

static const char *const good[] = {
	"tcp 127.0.0.1:18081", "tcp 127.0.0.1:18081\n", "tcp 0.0.0.0:0", "tcp [::]:65535",
	"tcp [::1]:18081 v6only", "tcp [::ffff:127.0.0.1]:18081", "tcp 0.0.0.0:1 listen",
	"tcp 127.0.0.1:18081 reuseaddr reuseport listen dev=lo uid=1000",
	"tcp 127.0.0.1:18081 uid=0 listen reuseport", "tcp 127.0.0.1:0 range=40000-40001",
	"tcp 127.0.0.1:0 range=40000-40000", "tcp 127.0.0.1:18081 uid=4294967294",
	"connect from 127.0.0.1 to 127.0.0.1:80", "connect from 127.0.0.1:18081 to 127.0.0.1:80",
	"tcp connect from [::1]:18081 to [::1]:80 reuseaddr", "connect from [::1] to [::1]:80",
};

static const char *const bad[] = {
	" ", "\n", "tcp", "tcp ", "tcp\n", "udp 127.0.0.1:80", "bind 127.0.0.1:80",
	"listen 127.0.0.1:80", "127.0.0.1:80", "tcp tcp 127.0.0.1:80", "tcp127.0.0.1:80",
	"tcp listen", "tcp listen 127.0.0.1:80", "\x1b[2J", "\xff\xfe", "tcp \xff:80", "=", "tcp =",
	/* addresses */
	"tcp 127.0.0.1", "tcp :80", "tcp *:80", "tcp 80", "tcp 127.0.0:80", "tcp 127.0.0.256:80",
	"tcp 1.2.3.4.5:80", "tcp .0.0.1:80", "tcp localhost:80", "tcp ::1:80", "tcp :::80",
	"tcp [::1]", "tcp [::1]80", "tcp [::1:80", "tcp ::1]:80", "tcp []:80", "tcp [::1] :80",
	"tcp [127.0.0.1]:80", "tcp [::g]:80", "tcp [1:2:3:4:5:6:7:8:9]:80", "tcp [1::2::3]:80",
	"tcp [[::1]]:80", "tcp 127.0.0.1:80 127.0.0.1:81",
	/* ports */
	"tcp 127.0.0.1:", "tcp 127.0.0.1: 80", "tcp 127.0.0.1:x", "tcp 127.0.0.1:80x",
	"tcp 127.0.0.1:-1", "tcp 127.0.0.1:+80", "tcp 127.0.0.1:0x50", "tcp 127.0.0.1:65536",
	"tcp 127.0.0.1:99999999999999999999", "tcp 127.0.0.1::80", "tcp 127.0.0.1:80:80",
	"tcp 127.0.0.1:80,listen", "tcp 127.0.0.1:80;", "tcp 127.0.0.1:http",
	/* words */
	"tcp 127.0.0.1:80 nonsense", "tcp 127.0.0.1:80 LISTEN", "tcp 127.0.0.1:80 listen=1",
	"tcp 127.0.0.1:80 listen,reuseaddr", "tcp 127.0.0.1:80 listenreuseaddr",
	"tcp 127.0.0.1:80 reuse", "tcp 127.0.0.1:80 reuseaddr=1", "tcp 127.0.0.1:80 reuseport=",
	"tcp [::1]:80 v6only=0", "tcp 127.0.0.1:80 =", "tcp 127.0.0.1:80 =1",
	"tcp 127.0.0.1:80 listen nonsense", "tcp 127.0.0.1:80 \x1b[2J", "tcp 127.0.0.1:80 \xc3\x28",
	"tcp 127.0.0.1:80 dev", "tcp 127.0.0.1:80 dev=", "tcp 127.0.0.1:80 dev=no_such_dev",
	"tcp 127.0.0.1:80 dev=a_name_that_no_device_can_have", "tcp 127.0.0.1:80 dev=lo=lo",
	"tcp 127.0.0.1:80 uid", "tcp 127.0.0.1:80 uid=", "tcp 127.0.0.1:80 uid=root",
	"tcp 127.0.0.1:80 uid=-1", "tcp 127.0.0.1:80 uid=4294967295",
	"tcp 127.0.0.1:80 uid=4294967296", "tcp 127.0.0.1:80 uid=1x", "tcp 127.0.0.1:80 uid==1",
	"tcp 127.0.0.1:80 netns", "tcp 127.0.0.1:80 netns=", "tcp 127.0.0.1:80 netns=x",
	"tcp 127.0.0.1:80 netns=-1",
	"tcp 127.0.0.1:0 range", "tcp 127.0.0.1:0 range=", "tcp 127.0.0.1:0 range=1",
	"tcp 127.0.0.1:0 range=1-", "tcp 127.0.0.1:0 range=-1", "tcp 127.0.0.1:0 range=2-1",
	"tcp 127.0.0.1:0 range=1-65536", "tcp 127.0.0.1:0 range=a-b", "tcp 127.0.0.1:0 range=1-2-3",
	"tcp 127.0.0.1:0 range=1 - 2",
	"tcp 127.0.0.1:80 fd", "tcp 127.0.0.1:80 fd=", "tcp 127.0.0.1:80 fd=x",
	"tcp 127.0.0.1:80 fd=-1", "tcp 127.0.0.1:80 fd=999999", "tcp 127.0.0.1:80 fd=99999999999",
	/* connect */
	"connect", "connect ", "connect from", "connect from 127.0.0.1", "connect to 127.0.0.1:80",
	"connect from 127.0.0.1 to", "connect from 127.0.0.1:1 to ", "connect from to 127.0.0.1:80",
	"connect 127.0.0.1 to 127.0.0.1:80", "connect from 127.0.0.1 127.0.0.1:80",
	"connect from 127.0.0.1 to 127.0.0.1", "connect from 127.0.0.1 to 127.0.0.1:",
	"connect from 127.0.0.1: to 127.0.0.1:80", "connect from 127.0.0.1:65536 to 127.0.0.1:80",
	"connect from 127.0.0.1 to 127.0.0.1:80 to 127.0.0.1:81",
	"connect from 127.0.0.1 to [::1]:80", "connect from [::1] to 127.0.0.1:80",
	"connect from 127.0.0.1 to 127.0.0.1:80 nonsense",
	"tcp tcp connect from 127.0.0.1 to 127.0.0.1:80",
	"connect from ::1 to [::1]:80", "connect from 127.0.0.1 TO 127.0.0.1:80",
	/* the kernel has chosen an address before it looks for a port */
	"connect from 0.0.0.0 to 127.0.0.1:80", "connect from 0.0.0.0:18081 to 127.0.0.1:80",
	"connect from [::] to [::1]:80", "connect from [::]:18081 to [::1]:80",
};

static void expect_invalid(struct __test_metadata *_metadata, struct why *why, const char *what)
{
	const char *line = why_read(why), *reason, *at;

	EXPECT_NE(line, NULL) {
		TH_LOG("no reason: '%s'", what);
	}
	if (!line)
		return;
	expect_keys(_metadata, line, "event", "why", "verdict", "invalid", "rule", "", NULL);
	reason = value(line, "reason");
	/* a person is to read it */
	EXPECT_GE((int)strlen(reason), 8) {
		TH_LOG("'%s': %s", what, line);
	}
	for (at = line; *at; at++)
		EXPECT_TRUE(*at >= 0x20 && *at < 0x7f);
}

TEST_F(syntax, good)
{
	const char *line;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		line = why_ask(&self->why, "%s", good[i]);
		EXPECT_NE(line, NULL) {
			TH_LOG("'%s': %m", good[i]);
		}
		if (line)
			EXPECT_STREQ(value(line, "verdict"), "free") {
				TH_LOG("'%s': %s", good[i], line);
			}
	}
}

TEST_F(syntax, bad)
{
	size_t i;

	ASSERT_GE((int)ARRAY_SIZE(bad), 60);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(write(self->why.fd, bad[i], strlen(bad[i])), -1) {
			TH_LOG("'%s'", bad[i]);
		}
		EXPECT_EQ(errno, EINVAL) {
			TH_LOG("'%s': %m", bad[i]);
		}
		expect_invalid(_metadata, &self->why, bad[i]);
		/* the next one starts anew */
		EXPECT_NE(why_ask(&self->why, "tcp 127.0.0.1:18081"), NULL);
	}
}

/* Descriptors that are no TCP sockets, or not of the kind that is asked about. */
TEST_F(syntax, bad_fd)
{
	int fds[] = {
		open("/dev/null", O_RDONLY), socket(AF_INET, SOCK_DGRAM, 0),
		socket(AF_UNIX, SOCK_STREAM, 0), self->why.fd,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_GE(fds[i], 0);
		EXPECT_EQ(why_ask(&self->why, "tcp 127.0.0.1:18081 fd=%d", fds[i]), NULL);
		EXPECT_EQ(errno, EINVAL);
		expect_invalid(_metadata, &self->why, "fd");
	}
	/* IPv6's option, of a socket that is of none */
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(why_ask(&self->why, "tcp 127.0.0.1:18081 fd=%d v6only", fds[0]), NULL);
	expect_invalid(_metadata, &self->why, "v6only");
}

/* Bytes within, and more of them than any request has. */
TEST_F(syntax, bad_bytes)
{
	char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char big[1 << 20];

	ASSERT_NE(nowhere, MAP_FAILED);
	EXPECT_EQ(write(self->why.fd, "tcp 127.0.0.1:80\0listen", 23), -1);
	EXPECT_EQ(errno, EINVAL);
	expect_invalid(_metadata, &self->why, "a NUL");
	memset(big, 'a', sizeof(big));
	EXPECT_EQ(write(self->why.fd, big, sizeof(big)), -1);
	EXPECT_EQ(errno, EINVAL);
	expect_invalid(_metadata, &self->why, "a's");
	memcpy(big, "tcp 127.0.0.1:80 ", 17);
	EXPECT_EQ(write(self->why.fd, big, 4000), -1);
	EXPECT_EQ(errno, EINVAL);
	expect_invalid(_metadata, &self->why, "a long word");
	EXPECT_EQ(write(self->why.fd, nowhere, 20), -1);
	EXPECT_EQ(errno, EFAULT);
}

/* Each open file is a conversation of its own, and waits for no other. */
TEST_F(syntax, handles)
{
	struct why other;
	char piece[8], line[8192] = "";
	ssize_t got;

	ASSERT_EQ(why_open(&other), 0);
	expect_invalid(_metadata, &other, "nothing");
	EXPECT_NE(why_ask(&self->why, "tcp 127.0.0.1:18081"), NULL);
	EXPECT_EQ(write(other.fd, "nonsense", 8), -1);
	/* read to its end, it is at its end */
	EXPECT_EQ(read(self->why.fd, piece, sizeof(piece)), 0);
	ASSERT_EQ(write(self->why.fd, "tcp 192.0.2.1:80", 16), 16);
	expect_invalid(_metadata, &other, "nonsense");
	/* in pieces */
	while ((got = read(self->why.fd, piece, sizeof(piece) - 1)) > 0) {
		piece[got] = '\0';
		strcat(line, piece);
	}
	EXPECT_EQ(got, 0);
	expect_keys(_metadata, line, "event", "why", "verdict", "refused",
		    "rule", "addr_not_local", "want", "192.0.2.1:80", NULL);
	/* an answer that nobody has read is gone with the next request */
	ASSERT_EQ(write(self->why.fd, "tcp 192.0.2.1:80", 16), 16);
	EXPECT_STREQ(value(why_ask(&self->why, "tcp 127.0.0.1:18081"), "want"), "127.0.0.1:18081");
	EXPECT_EQ(access(TREE "why", R_OK | W_OK), 0);
	close(other.fd);
}

/* Requests with one character wrong: an answer or a reason, whichever it is. */
TEST_F(syntax, mutations)
{
	static const char letters[] = "0159.:[]-= afltx\n\t\xff";
	char text[128];
	unsigned int seed = 1, at;
	const char *line;
	int i, refused = 0;

	for (i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "%s", good[i % ARRAY_SIZE(good)]);
		at = rand_r(&seed) % strlen(text);
		if (i % 3)
			text[at] = letters[rand_r(&seed) % (sizeof(letters) - 1)];
		else
			memmove(text + at, text + at + 1, strlen(text + at));
		line = why_ask(&self->why, "%s", text);
		if (!line) {
			ASSERT_EQ(errno, EINVAL) {
				TH_LOG("'%s': %m", text);
			}
			expect_invalid(_metadata, &self->why, text);
			refused++;
			continue;
		}
		EXPECT_TRUE(!strcmp(value(line, "verdict"), "free") ||
			    !strcmp(value(line, "verdict"), "refused")) {
			TH_LOG("'%s': %s", text, line);
		}
	}
	TH_LOG("%d of %d refused", refused, i);
	EXPECT_GT(refused, i / 4);
}

TEST_HARNESS_MAIN
