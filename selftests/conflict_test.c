// SPDX-License-Identifier: GPL-2.0
/*
 * Two sockets and one port: a refused bind() is one event with the right rule,
 * holder and requester; a call that succeeds is none. What is refused is for the
 * running kernel to say: the rules are expectations only where it refuses.
 */
#include "tcpwatch.h"
#include <sys/syscall.h>
#include "../kselftest.h"
#include "harness.h"

#define PORT	18080

/* What the holder has done. */
enum holder { BOUND, LISTENING };

FIXTURE(pair) {
	struct events events;
};

FIXTURE_VARIANT(pair) {
	struct side holder;
	enum holder state;
	struct side want;
	const char *rule;	/* NULL: the bind succeeds */
};

#define PAIR(name, holder_, state_, want_, rule_) \
	FIXTURE_VARIANT_ADD(pair, name) { \
		.holder = holder_, .state = state_, .want = want_, .rule = rule_ }
#define AT(...) { __VA_ARGS__ }

/* addresses */
PAIR(v4_same, AT("127.0.0.1"), LISTENING, AT("127.0.0.1"), "listener");
PAIR(v4_holder_wildcard, AT("0.0.0.0"), LISTENING, AT("127.0.0.1"), "listener");
PAIR(v4_want_wildcard, AT("127.0.0.1"), LISTENING, AT("0.0.0.0"), "listener");
PAIR(v4_both_wildcard, AT("0.0.0.0"), LISTENING, AT("0.0.0.0"), "listener");
PAIR(v4_different, AT("127.0.0.1"), LISTENING, AT("127.0.0.2"), NULL);
PAIR(v6_same, AT("::1"), LISTENING, AT("::1"), "listener");
PAIR(v6_holder_wildcard, AT("::"), LISTENING, AT("::1"), "listener");
PAIR(v6_want_wildcard, AT("::1"), LISTENING, AT("::"), "listener");
PAIR(v6_v4_specific, AT("::1"), LISTENING, AT("127.0.0.1"), NULL);
PAIR(dual_holder, AT("::"), LISTENING, AT("0.0.0.0"), "listener");
PAIR(dual_holder_specific, AT("::"), LISTENING, AT("127.0.0.1"), "listener");
PAIR(dual_want, AT("0.0.0.0"), LISTENING, AT("::"), "listener");
PAIR(v6only_holder, AT("::", V6ONLY), LISTENING, AT("0.0.0.0"), NULL);
PAIR(v6only_holder_specific, AT("::", V6ONLY), LISTENING, AT("127.0.0.1"), NULL);
PAIR(v6only_want, AT("0.0.0.0"), LISTENING, AT("::", V6ONLY), NULL);
PAIR(mapped_holder, AT("::ffff:127.0.0.1"), LISTENING, AT("127.0.0.1"), "listener");
PAIR(mapped_want, AT("127.0.0.1"), LISTENING, AT("::ffff:127.0.0.1"), "listener");
PAIR(mapped_want_wildcard_holder, AT("0.0.0.0"), LISTENING, AT("::ffff:127.0.0.1"), "listener");
PAIR(device_one_side, AT("127.0.0.1", ON_LO), LISTENING, AT("127.0.0.1"), "listener");

/* flags, and a holder that does not listen */
PAIR(bound, AT("127.0.0.1"), BOUND, AT("127.0.0.1"), "bound_only");
PAIR(bound_v6, AT("::1"), BOUND, AT("::"), "bound_only");
PAIR(bound_want_reuseaddr, AT("127.0.0.1"), BOUND, AT("127.0.0.1", REUSEADDR), "bound_only");
PAIR(bound_holder_reuseaddr, AT("127.0.0.1", REUSEADDR), BOUND, AT("127.0.0.1"), "bound_only");
PAIR(bound_both_reuseaddr, AT("127.0.0.1", REUSEADDR), BOUND, AT("127.0.0.1", REUSEADDR), NULL);
PAIR(listen_reuseaddr, AT("::1", REUSEADDR), LISTENING, AT("::1", REUSEADDR), "listener");
PAIR(reuseport_both, AT("127.0.0.1", REUSEPORT), LISTENING, AT("127.0.0.1", REUSEPORT), NULL);
PAIR(reuseport_want, AT("::1"), LISTENING, AT("::1", REUSEPORT), "reuseport_missing");
PAIR(reuseport_holder, AT("::1", REUSEPORT), LISTENING, AT("::1"), "reuseport_missing");
PAIR(reuseport_bound, AT("0.0.0.0", REUSEPORT), BOUND, AT("127.0.0.1"), "reuseport_missing");
PAIR(reuseport_uid, AT("::1", OTHERS_REUSEPORT), LISTENING, AT("::1", REUSEPORT), "reuseport_uid");

FIXTURE_SETUP(pair)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
}

FIXTURE_TEARDOWN(pair)
{
	close(self->events.fd);
}

/* The change that `fix` names, made on a new socket; -1: it names no option. */
static int retry(const struct side *want, const char *fix)
{
	struct side other = *want;
	int fd, err;

	if (!strncmp(fix, "set SO_REUSEADDR on this socket", 31))
		other.flags |= REUSEADDR;
	else if (!strncmp(fix, "set SO_REUSEPORT on this socket", 31))
		other.flags |= REUSEPORT;
	else
		return -1;
	fd = make_socket(&other);
	err = bind_to(fd, other.address, PORT) ? errno : 0;
	close(fd);
	return err;
}

/* What `v6only` is to say of a side; -1: nothing. */
static int v6only(const struct side *side)
{
	if (!strchr(side->address, ':'))
		return -1;
	if (!strcmp(side->address, "::"))
		return !!(side->flags & V6ONLY);
	return strncmp(side->address, "::ffff:", 7) != 0;
}

static long long own_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? -2 : (long long)st.st_ino;
}

TEST_F(pair, bind)
{
	const struct side *want = &variant->want, *held = &variant->holder;
	int holder = make_socket(held), asker = make_socket(want);
	const char *line;

	ASSERT_GE(holder, 0);
	ASSERT_GE(asker, 0);
	ASSERT_EQ(bind_to(holder, held->address, PORT), 0);
	if (variant->state == LISTENING)
		ASSERT_EQ(listen(holder, 1), 0);

	if (!variant->rule) {
		ASSERT_EQ(bind_to(asker, want->address, PORT), 0);
		EXPECT_EQ(events_next(&self->events, SILENCE), NULL);
		return;
	}
	ASSERT_EQ(bind_to(asker, want->address, PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);

	EXPECT_STREQ(value(line, "event"), "conflict");
	EXPECT_STREQ(value(line, "call"), "bind");
	EXPECT_STREQ(value(line, "errno"), "EADDRINUSE");
	EXPECT_STREQ(value(line, "rule"), variant->rule);
	EXPECT_STREQ(value(line, "want"), endpoint(want->address, PORT));
	EXPECT_EQ(number(line, "netns"), own_netns());
	EXPECT_EQ(number(line, "dev"), want->flags & ON_LO ? 1 : -1);
	/* a specific IPv6 address is bound as v6only */
	EXPECT_EQ(number(line, "v6only"), v6only(want));
	EXPECT_EQ(number(line, "reuseaddr"), !!(want->flags & REUSEADDR));
	EXPECT_EQ(number(line, "reuseport"), !!(want->flags & REUSEPORT));
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "tid"), syscall(SYS_gettid));
	EXPECT_STREQ(value(line, "comm"), "conflict_test");
	EXPECT_EQ(number(line, "uid"), 0);

	EXPECT_EQ(number(line, "holders"), 1);
	EXPECT_STREQ(value(line, "state"), variant->state == LISTENING ? "LISTEN" : "BOUND");
	EXPECT_STREQ(value(line, "holder"), endpoint(held->address, PORT));
	EXPECT_EQ(number(line, "holder_dev"), held->flags & ON_LO ? 1 : -1);
	EXPECT_EQ(number(line, "holder_v6only"), v6only(held));
	EXPECT_EQ(number(line, "holder_reuseaddr"), !!(held->flags & REUSEADDR));
	EXPECT_EQ(number(line, "holder_reuseport"), !!(held->flags & REUSEPORT));
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));
	EXPECT_EQ(number(line, "holder_pid"), getpid());
	EXPECT_STREQ(value(line, "holder_comm"), "conflict_test");
	EXPECT_EQ(number(line, "holder_uid"), held->flags & OTHER_UID ? 1000 : 0);
	EXPECT_STREQ(value(line, "peer"), "");
	EXPECT_NE(*value(line, "fix"), '\0');
	EXPECT_LE(retry(want, value(line, "fix")), 0);
	EXPECT_EQ(events_next(&self->events, SILENCE), NULL);
}

TEST_HARNESS_MAIN
