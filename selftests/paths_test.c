// SPDX-License-Identifier: GPL-2.0
/*
 * The ways to be refused by bind() and listen(), over TCP and MPTCP: one event
 * each. The same errors from other protocols, and other errors, are none.
 */
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

#define PORT	18081

FIXTURE(path) {
	struct world world;
};

FIXTURE_VARIANT(path) {
	int family;
	int protocol;
	const char *at;
	const char *other;
	const char *any;
	const char *nonlocal;
};

#define V4 .family = AF_INET, .at = "127.0.0.1", .other = "127.0.0.2", .any = "0.0.0.0", \
	.nonlocal = "192.0.2.1"
#define V6 .family = AF_INET6, .at = "::1", .other = "2001:db8::2", .any = "::", \
	.nonlocal = "2001:db8::1"

FIXTURE_VARIANT_ADD(path, v4) { V4 };
FIXTURE_VARIANT_ADD(path, v6) { V6 };
FIXTURE_VARIANT_ADD(path, mptcp_v4) { V4, .protocol = IPPROTO_MPTCP };
FIXTURE_VARIANT_ADD(path, mptcp_v6) { V6, .protocol = IPPROTO_MPTCP };

static int tcp(const struct _fixture_variant_path *variant)
{
	return socket(variant->family, SOCK_STREAM | SOCK_CLOEXEC, variant->protocol);
}

FIXTURE_SETUP(path)
{
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(system("ip -6 addr add 2001:db8::2/128 dev lo"), 0);
	fd = tcp(variant);
	if (fd < 0 && variant->protocol)
		SKIP(return, "no MPTCP here: %m");
	close(fd);
}

FIXTURE_TEARDOWN(path)
{
	leave_world(_metadata, &self->world);
}

TEST_F(path, listener)
{
	int holder = server_on(variant->any, PORT), asker = tcp(variant);
	const char *line;

	ASSERT_GE(holder, 0);
	ASSERT_EQ(bind_to(asker, variant->at, PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
			    endpoint(variant->at, PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));
	EXPECT_STREQ(value(line, "relation"), "holder_wildcard");
}

/* An MPTCP holder: the socket that its process has is not the one on the port. */
TEST_F(path, holder)
{
	int holder = tcp(variant), asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;

	ASSERT_EQ(bind_to(holder, variant->at, PORT), 0);
	ASSERT_EQ(listen(holder, 1), 0);
	ASSERT_EQ(bind_to(asker, variant->at, PORT), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
			    endpoint(variant->at, PORT), "");
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));
	EXPECT_EQ(number(line, "holder_pid"), getpid());
	EXPECT_EQ(number(line, "bound_pid"), getpid());
	expect_keys(_metadata, line, "holder_is", "process", "relation", "same", NULL);
}

TEST_F(path, listen_lost)
{
	int first = socket(variant->family, SOCK_STREAM, 0), second = tcp(variant), i;

	ASSERT_EQ(set_on(first, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(set_on(second, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(bind_to(first, variant->at, PORT), 0);
	ASSERT_EQ(bind_to(second, variant->at, PORT), 0);
	ASSERT_EQ(listen(first, 1), 0);
	/* each try is one event */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(listen(second, 1), -1);
		ASSERT_EQ(errno, EADDRINUSE);
		expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "listen_lost",
			     endpoint(variant->at, PORT), "");
	}
	close(first);
	EXPECT_EQ(listen(second, 1), 0);
	expect_silence(_metadata, &self->world);
}

/* Two ports, one held and one reserved: none for listen() to choose. */
TEST_F(path, listen_unbound)
{
	int holder = socket(variant->family, SOCK_STREAM, 0), asker = tcp(variant);
	const char *line;

	ASSERT_EQ(range(40000, 40001), 0);
	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "40001\n"), 0);
	ASSERT_EQ(bind_to(holder, variant->any, 40000), 0);
	ASSERT_EQ(listen(asker, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->any, 0), "");
	expect_keys(_metadata, line, "range", "40000-40001", "ports_reserved", "1",
		    "ports_used", "1", "ports_bound", "1", "ports_time_wait", "0",
		    "ports_free", "0", "top1", "", NULL);

	/* what is reserved is still there for who asks for it */
	ASSERT_EQ(bind_to(asker, variant->any, 40001), 0);
	EXPECT_EQ(listen(asker, 1), 0);
	expect_silence(_metadata, &self->world);
}

TEST_F(path, bind_port_0)
{
	int holder = socket(variant->family, SOCK_STREAM, 0), asker = tcp(variant);
	const char *line;

	ASSERT_EQ(range(40000, 40003), 0);
	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "40001-40005\n"), 0);
	ASSERT_EQ(bind_to(holder, variant->any, 40000), 0);
	ASSERT_EQ(bind_to(asker, variant->at, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->at, 0), "");
	expect_keys(_metadata, line, "range", "40000-40003", "ports_reserved", "3",
		    "ports_used", "1", "ports_bound", "1", "ports_time_wait", "0",
		    "ports_free", "0", "holders", "0", NULL);

	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "\n"), 0);
	EXPECT_EQ(bind_to(asker, variant->at, 0), 0);
	expect_silence(_metadata, &self->world);
}

/* Another address has the port to itself. */
TEST_F(path, bind_port_0_other_address)
{
	int holder = socket(variant->family, SOCK_STREAM, 0), asker = tcp(variant);
	int another = tcp(variant);

	ASSERT_EQ(range(40000, 40000), 0);
	ASSERT_EQ(bind_to(holder, variant->at, 40000), 0);
	ASSERT_EQ(bind_to(asker, variant->other, 0), 0);
	EXPECT_EQ(local_port(asker), 40000);
	expect_silence(_metadata, &self->world);
	ASSERT_EQ(bind_to(another, variant->at, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "range_exhausted",
		     endpoint(variant->at, 0), "");
}

/* The socket's own range, within that of the namespace. */
TEST_F(path, local_port_range)
{
	int holders[2], asker = tcp(variant), i;
	unsigned int own = 40011u << 16 | 40010;
	const char *line;

	ASSERT_EQ(range(40000, 40099), 0);
	if (setsockopt(asker, SOL_IP, IP_LOCAL_PORT_RANGE, &own, sizeof(own)))
		SKIP(return, "no IP_LOCAL_PORT_RANGE for this socket: %m");
	for (i = 0; i < 2; i++) {
		holders[i] = socket(variant->family, SOCK_STREAM, 0);
		ASSERT_EQ(bind_to(holders[i], variant->any, 40010 + i), 0);
	}
	ASSERT_EQ(bind_to(asker, variant->at, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->at, 0), "");
	expect_keys(_metadata, line, "range", "40010-40011", "ports_reserved", "0",
		    "ports_used", "2", "ports_bound", "2", "ports_free", "0", NULL);

	close(holders[1]);
	ASSERT_EQ(bind_to(asker, variant->at, 0), 0);
	EXPECT_EQ(local_port(asker), 40011);
	expect_silence(_metadata, &self->world);
}

TEST_F(path, not_local)
{
	int asker = tcp(variant), other = tcp(variant);
	const char *line;

	ASSERT_EQ(bind_to(asker, variant->nonlocal, PORT), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_not_local",
			    endpoint(variant->nonlocal, PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "holders"), 0);
	EXPECT_EQ(strncmp(value(line, "fix"), "set IP_FREEBIND on this socket before bind()", 44),
		  0);

	ASSERT_EQ(bind_to(asker, variant->nonlocal, 0), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_not_local",
		     endpoint(variant->nonlocal, 0), "");

	ASSERT_EQ(set_on(other, SOL_IP, IP_FREEBIND), 0);
	EXPECT_EQ(bind_to(other, variant->nonlocal, PORT), 0);
	expect_silence(_metadata, &self->world);
}

/* The privileged port and the double bind have other errors. */
TEST_F(path, other_errors)
{
	int asker = tcp(variant);

	ASSERT_EQ(bind_to(asker, variant->at, PORT), 0);
	EXPECT_EQ(bind_to(asker, variant->at, PORT), -1);
	EXPECT_EQ(errno, EINVAL);
	asker = tcp(variant);
	ASSERT_EQ(seteuid(1000), 0);
	EXPECT_EQ(bind_to(asker, variant->at, 80), -1);
	EXPECT_EQ(errno, EACCES);
	/* no device for a link-local address */
	EXPECT_EQ(bind_to(asker, "fe80::1", PORT), -1);
	EXPECT_NE(errno, EADDRNOTAVAIL);
	ASSERT_EQ(seteuid(0), 0);
	expect_silence(_metadata, &self->world);
}

struct other {
	int type;
	int protocol;
};

/* The stack's other protocols bind through the same functions. */
TEST_F(path, other_protocols)
{
	static const struct other others[] = {
		{ SOCK_DGRAM, IPPROTO_UDP }, { SOCK_DGRAM, IPPROTO_UDPLITE },
		{ SOCK_STREAM, IPPROTO_SCTP }, { SOCK_RAW, IPPROTO_EGP },
	};
	size_t i;

	if (variant->protocol)
		SKIP(return, "is the same for MPTCP");
	ASSERT_EQ(range(40000, 40000), 0);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		const struct other *other = &others[i];
		int holder = socket(variant->family, other->type, other->protocol);
		int asker = socket(variant->family, other->type, other->protocol);

		if (holder < 0) {
			TH_LOG("no protocol %d: %m", other->protocol);
			ASSERT_NE(other->protocol, IPPROTO_UDP);
			continue;
		}
		EXPECT_EQ(bind_to(asker, variant->nonlocal, PORT), -1);
		EXPECT_EQ(errno, EADDRNOTAVAIL);
		ASSERT_EQ(bind_to(holder, variant->at, 40000), 0);
		if (other->type != SOCK_RAW) {
			EXPECT_EQ(bind_to(asker, variant->at, 40000), -1);
			EXPECT_EQ(errno, EADDRINUSE);
			EXPECT_EQ(bind_to(asker, variant->at, 0), -1);
			EXPECT_EQ(errno, EADDRINUSE);
		}
		close(holder);
		close(asker);
	}
	expect_silence(_metadata, &self->world);
}

TEST_HARNESS_MAIN
