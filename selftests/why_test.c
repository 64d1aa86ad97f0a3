// SPDX-License-Identifier: GPL-2.0
/*
 * The dry run: what it says beforehand is what the call then gets, and what the
 * event says of it. It takes nothing, and nobody learns from it what is not his.
 */
#include "../kselftest.h"
#include "harness.h"
#include "actor.h"
#include "why.h"

FIXTURE(why) {
	struct world world;
	struct why why;
};

FIXTURE_SETUP(why)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(why_open(&self->why), 0);
}

FIXTURE_TEARDOWN(why)
{
	close(self->why.fd);
	leave_world(_metadata, &self->world);
}

/* One who holds the port, one who asks for it: as words, and as a call. */
FIXTURE(same) {
	struct world world;
	struct why why;
};

FIXTURE_VARIANT(same) {
	struct side holder;
	bool listening;
	struct side want;
	bool listens;
};

#define SAME(name, holder_, listening_, want_, listens_) \
	FIXTURE_VARIANT_ADD(same, name) { \
		.holder = holder_, .listening = listening_, .want = want_, .listens = listens_ }
#define AT(...) { __VA_ARGS__ }

SAME(nobody, AT("127.0.0.2"), true, AT("127.0.0.1"), true);
SAME(listener, AT("127.0.0.1"), true, AT("0.0.0.0"), false);
SAME(bound, AT("0.0.0.0"), false, AT("127.0.0.1"), false);
SAME(reuseaddr, AT("127.0.0.1", REUSEADDR), false, AT("127.0.0.1", REUSEADDR), false);
SAME(reuseaddr_listen, AT("127.0.0.1", REUSEADDR), false, AT("127.0.0.1", REUSEADDR), true);
SAME(reuseaddr_one, AT("127.0.0.1", REUSEADDR), false, AT("127.0.0.1"), false);
SAME(reuseaddr_listener, AT("127.0.0.1", REUSEADDR), true, AT("127.0.0.1", REUSEADDR), false);
SAME(reuseport, AT("::", REUSEPORT), true, AT("::1", REUSEPORT), true);
SAME(reuseport_one, AT("::", REUSEPORT), true, AT("::1"), false);
SAME(uid, AT("127.0.0.1", OTHERS_REUSEPORT), true, AT("127.0.0.1", REUSEPORT), true);
SAME(uid_same, AT("127.0.0.1", OTHERS_REUSEPORT), true, AT("127.0.0.1", OTHERS_REUSEPORT), true);
SAME(v6only, AT("0.0.0.0"), true, AT("::", V6ONLY), true);
SAME(v6only_not, AT("0.0.0.0"), true, AT("::"), true);
SAME(mapped, AT("127.0.0.1"), true, AT("::ffff:127.0.0.1"), false);
SAME(device, AT("127.0.0.1", ON_LO), true, AT("127.0.0.1", ON_LO), false);
SAME(device_one, AT("127.0.0.1"), true, AT("127.0.0.1", ON_LO), false);
SAME(not_local, AT("127.0.0.1"), true, AT("192.0.2.1"), false);
SAME(not_local_v6, AT("127.0.0.1"), true, AT("2001:db8::1"), true);

FIXTURE_SETUP(same)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(why_open(&self->why), 0);
}

FIXTURE_TEARDOWN(same)
{
	close(self->why.fd);
	leave_world(_metadata, &self->world);
}

static const char *ask(struct why *why, const struct side *side, bool listens, int fd)
{
	char number[16] = "";

	if (fd >= 0)
		snprintf(number, sizeof(number), "%d", fd);
	return why_ask(why, "tcp %s%s%s%s%s%s%s%s%s\n", endpoint(side->address, PORT),
		       listens ? " listen" : "", fd >= 0 ? " fd=" : "", number,
		       fd < 0 && side->flags & REUSEADDR ? " reuseaddr" : "",
		       fd < 0 && side->flags & REUSEPORT ? " reuseport" : "",
		       fd < 0 && side->flags & V6ONLY ? " v6only" : "",
		       fd < 0 && side->flags & ON_LO ? " dev=lo" : "",
		       fd < 0 && side->flags & OTHER_UID ? " uid=1000" : "");
}

/* Keys of the event that the answer has in the same words. */
static const char *const common[] = {
	"call", "errno", "want", "rule", "fix", "reuseaddr", "reuseport", "v6only", "dev",
	"holders", "holder", "state", "relation", "holder_ino", "holder_uid", "holder_pid",
	"holder_comm", "holder_is", "bound_pid", "bound_comm",
};

TEST_F(same, asked_and_done)
{
	int holder = make_socket(&variant->holder), fd = make_socket(&variant->want), err;
	char words[4096], socket[4096];
	const char *line;
	size_t i;

	ASSERT_EQ(bind_to(holder, variant->holder.address, PORT), 0);
	if (variant->listening)
		ASSERT_EQ(listen(holder, 1), 0);
	line = ask(&self->why, &variant->want, variant->listens, -1);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	snprintf(words, sizeof(words), "%s", line);
	line = ask(&self->why, &variant->want, variant->listens, fd);
	ASSERT_NE(line, NULL);
	snprintf(socket, sizeof(socket), "%s", line);
	expect_silence(_metadata, &self->world);

	err = bind_to(fd, variant->want.address, PORT) ||
	      (variant->listens && listen(fd, 1)) ? errno : 0;
	if (!err) {
		expect_keys(_metadata, words, "event", "why", "verdict", "free", "errno", "",
			    "rule", "", "want", endpoint(variant->want.address, PORT), NULL);
		EXPECT_STREQ(value(socket, "verdict"), "free");
		expect_silence(_metadata, &self->world);
		return;
	}
	expect_keys(_metadata, words, "event", "why", "verdict", "refused", NULL);
	expect_keys(_metadata, socket, "event", "why", "verdict", "refused", NULL);
	line = events_next(&self->world.events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	for (i = 0; i < ARRAY_SIZE(common); i++) {
		expect_keys(_metadata, words, common[i], value(line, common[i]), NULL);
		expect_keys(_metadata, socket, common[i], value(line, common[i]), NULL);
	}
}

/* A bound socket does not stand in its own way. */
TEST_F(why, listen_of_a_bound_socket)
{
	struct side side = { "127.0.0.1", REUSEADDR };
	int first = make_socket(&side), second = make_socket(&side);

	ASSERT_EQ(bind_to(first, side.address, PORT), 0);
	expect_why(_metadata, ask(&self->why, &side, true, first), NULL, NULL);
	ASSERT_EQ(bind_to(second, side.address, PORT), 0);
	expect_why(_metadata, ask(&self->why, &side, true, first), NULL, NULL);
	ASSERT_EQ(listen(second, 1), 0);
	expect_why(_metadata, ask(&self->why, &side, true, first), "listen", "listen_lost");
	ASSERT_EQ(listen(first, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "listen_lost",
		     endpoint(side.address, PORT), "");
}

TEST_F(why, port_0)
{
	int holders[2], i;

	ASSERT_EQ(range(40000, 40099), 0);
	for (i = 0; i < 2; i++) {
		holders[i] = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(bind_to(holders[i], "0.0.0.0", 40010 + i), 0);
	}
	expect_why(_metadata, why_ask(&self->why, "tcp 127.0.0.1:0"), NULL, NULL);
	expect_why(_metadata, why_ask(&self->why, "tcp 127.0.0.1:0 listen range=40010-40013"),
		   NULL, NULL);
	expect_why(_metadata, why_ask(&self->why, "tcp 127.0.0.1:0 range=40010-40011"),
		   "bind", "range_exhausted");
	ASSERT_EQ(range(40010, 40011), 0);
	expect_why(_metadata, why_ask(&self->why, "tcp [::]:0 listen"), "bind",
		   "range_exhausted");
	/* the last of three is not looked at */
	ASSERT_EQ(range(40010, 40012), 0);
	expect_why(_metadata, why_ask(&self->why, "tcp 127.0.0.1:0"), "bind", "range_exhausted");
	ASSERT_EQ(range(40010, 40013), 0);
	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "40012-40013\n"), 0);
	expect_why(_metadata, why_ask(&self->why, "tcp 127.0.0.1:0"), "bind", "range_exhausted");
	expect_silence(_metadata, &self->world);
}

TEST_F(why, connect)
{
	struct side side = { "127.0.0.1", REUSEADDR };
	int first = make_socket(&side), second = make_socket(&side);

	ASSERT_GE(server_on("0.0.0.0", SERVER), 0);
	ASSERT_EQ(bind_to(first, side.address, PORT), 0);
	expect_why(_metadata,
		   why_ask(&self->why, "connect from 127.0.0.1:%d to 127.0.0.1:%d reuseaddr",
			   PORT, SERVER), NULL, NULL);
	ASSERT_EQ(connect_to(first, side.address, SERVER), 0);
	expect_why(_metadata,
		   why_ask(&self->why, "tcp connect from 127.0.0.1:%d to 127.0.0.1:%d reuseaddr",
			   PORT, SERVER), "connect", "tuple_active");
	expect_why(_metadata,
		   why_ask(&self->why, "connect from 127.0.0.1:%d to 127.0.0.2:%d reuseaddr",
			   PORT, SERVER), NULL, NULL);
	ASSERT_EQ(bind_to(second, side.address, PORT), 0);
	expect_why(_metadata,
		   why_ask(&self->why, "connect from 127.0.0.1:%d to 127.0.0.1:%d fd=%d",
			   PORT, SERVER, second), "connect", "tuple_active");
	ASSERT_EQ(connect_to(second, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "tuple_active",
		     endpoint(side.address, PORT), endpoint(side.address, SERVER));

	expect_why(_metadata, why_ask(&self->why, "connect from 127.0.0.1 to 127.0.0.1:%d",
				      SERVER), NULL, NULL);
	ASSERT_GE(client_on(40000, "127.0.0.1", SERVER), 0);
	expect_why(_metadata, why_ask(&self->why, "connect from 127.0.0.1 to 127.0.0.1:%d",
				      SERVER), "connect", "no_source_port");
	expect_why(_metadata, why_ask(&self->why, "connect from 127.0.0.1 to 127.0.0.2:%d",
				      SERVER), NULL, NULL);
	expect_silence(_metadata, &self->world);
}

/* It says for how long, as the event does. */
TEST_F(why, time_wait)
{
	int server = server_on("127.0.0.1", SERVER);
	const char *line;

	ASSERT_GE(server, 0);
	ASSERT_EQ(time_wait_on(server, PORT, "127.0.0.1", SERVER), 0);
	line = why_ask(&self->why, "tcp 0.0.0.0:%d", PORT);
	expect_why(_metadata, line, "bind", "time_wait");
	/* TCP_TIMEWAIT_LEN is 60 s; timers may be late by an eighth */
	EXPECT_GT(number(line, "frees_ms"), 60000 - PATIENCE);
	EXPECT_LE(number(line, "frees_ms"), 60000 * 9 / 8);
	EXPECT_STREQ(value(line, "holder_is"), "time_wait");
}

/* TCP sockets in use in our namespace. */
static int sockets(void)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "r");
	char line[256];
	int inuse = -1;

	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "TCP: inuse %d", &inuse) != 1)
		;
	if (file)
		fclose(file);
	return inuse;
}

TEST_F(why, takes_nothing)
{
	static const char *const requests[] = {
		"tcp 127.0.0.1:18081", "tcp 0.0.0.0:18081 listen",
		"tcp [::]:18081 reuseaddr listen", "tcp 127.0.0.1:0",
		"tcp 127.0.0.1:0 range=18081-18081", "tcp 127.0.0.1:18080",
		"tcp 0.0.0.0:18080 listen", "tcp 192.0.2.1:18081",
		"connect from 127.0.0.1:18081 to 127.0.0.1:18080",
		"connect from 127.0.0.1 to 127.0.0.1:18080",
	};
	int server = server_on("127.0.0.1", SERVER), asker = socket(AF_INET, SOCK_STREAM, 0), i;
	long long conflicts = stat_value("conflicts");
	int before = sockets();

	ASSERT_GE(server, 0);
	ASSERT_GE(before, 1);
	for (i = 0; i < 1000; i++)
		ASSERT_NE(why_ask(&self->why, "%s", requests[i % ARRAY_SIZE(requests)]), NULL);
	EXPECT_EQ(sockets(), before);
	EXPECT_EQ(stat_value("conflicts"), conflicts);
	expect_silence(_metadata, &self->world);
	EXPECT_EQ(bind_to(asker, "0.0.0.0", PORT), 0);
	EXPECT_EQ(listen(asker, 1), 0);
	expect_silence(_metadata, &self->world);
}

/* Everybody may ask for where he is; names are for those who may know them. */
TEST_F(why, unprivileged)
{
	struct actor holder;
	struct why why;
	struct stat st;
	const char *line;

	ASSERT_EQ(stat(WHY, &st), 0);
	EXPECT_EQ((int)st.st_mode & 07777, 0666);
	ASSERT_EQ(stat("/proc/self/ns/net", &st), 0);
	holder = start("holder");
	if (!holder.pid) {
		say(holder.ctl, server_on("127.0.0.1", PORT) >= 0, -1);
		idle(holder.ctl);
	}
	ASSERT_EQ(hear(holder.ctl, NULL), 1);
	line = why_ask(&self->why, "tcp 0.0.0.0:%d", PORT);
	expect_why(_metadata, line, "bind", "listener");
	EXPECT_EQ(number(line, "holder_pid"), holder.pid);
	EXPECT_EQ(number(line, "bound_pid"), holder.pid);

	ASSERT_EQ(seteuid(1000), 0);
	ASSERT_EQ(why_open(&why), 0);
	line = why_ask(&why, "tcp 0.0.0.0:%d", PORT);
	expect_why(_metadata, line, "bind", "listener");
	expect_keys(_metadata, line, "holder", "127.0.0.1:18081", "holder_pid", "",
		    "holder_comm", "", "bound_pid", "", "bound_comm", "", NULL);
	EXPECT_NE(number(line, "netns_pid"), holder.pid);
	/* for another uid is but another question */
	EXPECT_STREQ(value(line, "uid"), "1000");
	EXPECT_NE(why_ask(&why, "tcp 0.0.0.0:%d uid=0 reuseport", PORT), NULL);
	EXPECT_EQ(why_ask(&why, "tcp 0.0.0.0:%d netns=%lld", PORT, (long long)st.st_ino), NULL);
	EXPECT_EQ(errno, EPERM);
	expect_keys(_metadata, why_read(&why), "event", "why", "verdict", "invalid", NULL);
	ASSERT_EQ(seteuid(0), 0);
	ASSERT_EQ(end(&holder), 0);
	close(why.fd);
}

/* Of another namespace, for who may see all; and not from within that other one. */
TEST(netns)
{
	struct actor holder;
	struct why why;
	struct stat st;
	unsigned int inum;
	const char *line;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(why_open(&why), 0);
	holder = start("holder");
	if (!holder.pid) {
		int fd = enter_netns() ? -1 : server_on("127.0.0.1", PORT);

		say(holder.ctl, fd < 0 || stat("/proc/self/ns/net", &st) ? 0 : (int)st.st_ino, -1);
		if (why_open(&why) || why_ask(&why, "tcp 127.0.0.1:80 netns=4026531840"))
			errno = 0;
		say(holder.ctl, errno, -1);
		idle(holder.ctl);
	}
	inum = (unsigned int)hear(holder.ctl, NULL);
	ASSERT_NE(inum, 0U);
	EXPECT_EQ(hear(holder.ctl, NULL), EPERM);
	line = why_ask(&why, "tcp 127.0.0.1:%d netns=%u", PORT, inum);
	expect_why(_metadata, line, "bind", "listener");
	EXPECT_EQ(number(line, "holder_pid"), holder.pid);
	expect_why(_metadata, why_ask(&why, "tcp 127.0.0.1:%d", PORT), NULL, NULL);
	ASSERT_EQ(end(&holder), 0);
	close(why.fd);
}

TEST_HARNESS_MAIN
