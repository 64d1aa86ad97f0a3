// SPDX-License-Identifier: GPL-2.0
/*
 * A range with nothing free, for bind() and for connect(): what it says of the
 * ports is what the test has built. And the addresses that are there but not
 * for this socket, or not yet.
 */
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

FIXTURE(range) {
	struct world world;
	int server;
};

FIXTURE_VARIANT(range) {
	int family;
	const char *any;
	const char *to[3];
};

FIXTURE_VARIANT_ADD(range, v4) {
	.family = AF_INET, .any = "0.0.0.0", .to = { "127.0.0.1", "127.0.0.2", "127.0.0.3" } };
FIXTURE_VARIANT_ADD(range, v6) {
	.family = AF_INET6, .any = "::", .to = { "::1", "2001:db8::2", "2001:db8::3" } };

FIXTURE_SETUP(range)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	ASSERT_EQ(system("ip -6 addr add 2001:db8::2/128 dev lo"), 0);
	ASSERT_EQ(system("ip -6 addr add 2001:db8::3/128 dev lo"), 0);
	/* else a port in TIME-WAIT is free for connect() after a second */
	ASSERT_EQ(sysctl("ipv4/tcp_tw_reuse", "0\n"), 0);
	self->server = server_on(variant->any, SERVER);
	ASSERT_GE(self->server, 0);
}

FIXTURE_TEARDOWN(range)
{
	leave_world(_metadata, &self->world);
}

static int bound_on(const struct _fixture_variant_range *variant, const char *address, int port)
{
	int fd = socket(variant->family, SOCK_STREAM, 0);

	return fd < 0 || bind_to(fd, address, port) ? -1 : fd;
}

/* Twelve ports: 2 reserved, 2 bound, 1 in TIME-WAIT, 7 that connect() chose. */
TEST_F(range, bind)
{
	int asker = socket(variant->family, SOCK_STREAM, 0), bound, port;
	const char *line;

	bound = bound_on(variant, variant->any, 40002);
	ASSERT_GE(bound, 0);
	bound = socket(variant->family, SOCK_STREAM, 0);
	ASSERT_EQ(bind_to(bound, variant->any, 40003), 0);
	ASSERT_EQ(connect_to(bound, variant->to[1], SERVER), 0);
	ASSERT_EQ(time_wait_on(self->server, 40004, variant->to[2], SERVER), 0);
	for (port = 40005; port < 40010; port++)
		ASSERT_GE(client_on(port, variant->to[0], SERVER), 0);
	for (; port < 40012; port++)
		ASSERT_GE(client_on(port, variant->to[1], SERVER), 0);
	ASSERT_EQ(range(40000, 40011), 0);
	/* one of what is reserved is outside of it */
	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "39999-40001\n"), 0);

	ASSERT_EQ(bind_to(asker, variant->any, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->any, 0), "");
	expect_keys(_metadata, line, "range", "40000-40011", "ports_reserved", "2",
		    "ports_used", "10", "ports_time_wait", "1", "ports_bound", "2",
		    "ports_free", "0", NULL);
	expect_keys(_metadata, line, "top1", endpoint(variant->to[0], SERVER), "top1_ports", "5",
		    "top2", endpoint(variant->to[1], SERVER), "top2_ports", "3",
		    "top3", endpoint(variant->to[2], SERVER), "top3_ports", "1", NULL);

	ASSERT_EQ(listen(asker, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->any, 0), "");
	expect_keys(_metadata, line, "ports_used", "10", "ports_reserved", "2", NULL);
}

/* Six ports: 1 reserved, 2 bound, and to the first destination 2 and a TIME-WAIT. */
TEST_F(range, connect)
{
	int asker = socket(variant->family, SOCK_STREAM, 0), bound;
	const char *line;

	bound = bound_on(variant, variant->any, 40001);
	ASSERT_GE(bound, 0);
	bound = bound_on(variant, variant->any, 40002);
	ASSERT_EQ(connect_to(bound, variant->to[1], SERVER), 0);
	ASSERT_GE(client_on(40003, variant->to[0], SERVER), 0);
	ASSERT_GE(client_on(40004, variant->to[0], SERVER), 0);
	ASSERT_EQ(time_wait_on(self->server, 40005, variant->to[0], SERVER), 0);
	ASSERT_EQ(range(40000, 40005), 0);
	ASSERT_EQ(sysctl("ipv4/ip_local_reserved_ports", "40000\n"), 0);

	ASSERT_EQ(connect_to(asker, variant->to[0], SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "no_source_port", endpoint(variant->to[0], 0),
			    endpoint(variant->to[0], SERVER));
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "holders"), 0);
	expect_keys(_metadata, line, "range", "40000-40005", "ports_reserved", "1",
		    "ports_used", "5", "ports_time_wait", "1", "ports_bound", "2",
		    "ports_free", "0", NULL);
	expect_keys(_metadata, line, "top1", endpoint(variant->to[0], SERVER), "top1_ports", "3",
		    "top2", endpoint(variant->to[1], SERVER), "top2_ports", "1", "top3", "", NULL);

	/* ports are short for that destination only */
	EXPECT_EQ(connect_to(asker, variant->to[2], SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/*
 * Neither bind() nor connect() looks at the last of three ports: they take an
 * odd range for one less (not in a range of the socket's own).
 */
TEST_F(range, odd)
{
	int first = bound_on(variant, variant->any, 40000);
	int second = bound_on(variant, variant->any, 40001);
	int asker = socket(variant->family, SOCK_STREAM, 0);
	const char *line;

	ASSERT_GE(first, 0);
	ASSERT_GE(second, 0);
	ASSERT_EQ(range(40000, 40002), 0);
	ASSERT_EQ(bind_to(asker, variant->any, 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "range_exhausted",
			    endpoint(variant->any, 0), "");
	expect_keys(_metadata, line, "range", "40000-40002", "ports_used", "2",
		    "ports_free", "1", NULL);
	ASSERT_EQ(connect_to(asker, variant->to[0], SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "no_source_port", endpoint(variant->to[0], 0),
			    endpoint(variant->to[0], SERVER));
	expect_keys(_metadata, line, "ports_used", "2", "ports_free", "1", NULL);
	EXPECT_EQ(bind_to(asker, variant->any, 40002), 0);
}

/* bind() leaves the choice of the port to connect(), which finds none. */
TEST_F(range, bind_address_no_port)
{
	int asker = socket(variant->family, SOCK_STREAM, 0);
	int holder = bound_on(variant, variant->any, 40000);

	ASSERT_GE(holder, 0);
	ASSERT_EQ(range(40000, 40000), 0);
	ASSERT_EQ(set_on(asker, SOL_IP, IP_BIND_ADDRESS_NO_PORT), 0);
	ASSERT_EQ(bind_to(asker, variant->to[0], 0), 0);
	expect_silence(_metadata, &self->world);
	ASSERT_EQ(connect_to(asker, variant->to[0], SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_port",
		     endpoint(variant->to[0], 0), endpoint(variant->to[0], SERVER));

	/* listen() needs a port now */
	ASSERT_EQ(listen(asker, 1), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "range_exhausted",
		     endpoint(variant->to[0], 0), "");
	close(holder);
	EXPECT_EQ(connect_to(asker, variant->to[0], SERVER), 0);
	EXPECT_EQ(local_port(asker), 40000);
	expect_silence(_metadata, &self->world);
}

TEST_F(range, local_port_range)
{
	int asker = socket(variant->family, SOCK_STREAM, 0);
	int holder = bound_on(variant, variant->any, 40010);
	unsigned int own = 40010u << 16 | 40010;
	const char *line;

	ASSERT_GE(holder, 0);
	ASSERT_EQ(range(40000, 40099), 0);
	ASSERT_EQ(setsockopt(asker, SOL_IP, IP_LOCAL_PORT_RANGE, &own, sizeof(own)), 0);
	ASSERT_EQ(connect_to(asker, variant->to[0], SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "no_source_port", endpoint(variant->to[0], 0),
			    endpoint(variant->to[0], SERVER));
	expect_keys(_metadata, line, "range", "40010-40010", "ports_used", "1",
		    "ports_bound", "1", "ports_free", "0", NULL);
	close(holder);
	EXPECT_EQ(connect_to(asker, variant->to[0], SERVER), 0);
	EXPECT_EQ(local_port(asker), 40010);
	expect_silence(_metadata, &self->world);
}

/* Two connections from one port, of two addresses: one port. */
TEST(same_port_twice)
{
	static const char *const from[] = { "127.0.0.1", "127.0.0.2" };
	struct world world;
	const char *line;
	int asker, fd, i;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&world), 0);
	ASSERT_GE(server_on("0.0.0.0", SERVER), 0);
	ASSERT_EQ(range(40000, 40000), 0);
	for (i = 0; i < 2; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		ASSERT_EQ(set_on(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT), 0);
		ASSERT_EQ(bind_to(fd, from[i], 0), 0);
		ASSERT_EQ(connect_to(fd, "127.0.0.3", SERVER), 0);
		ASSERT_EQ(local_port(fd), 40000);
	}
	asker = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(bind_to(asker, "0.0.0.0", 0), -1);
	ASSERT_EQ(errno, EADDRINUSE);
	line = expect_event(_metadata, &world, "bind", "EADDRINUSE", "range_exhausted",
			    "0.0.0.0:0", "");
	expect_keys(_metadata, line, "ports_used", "1", "ports_bound", "0",
		    "top1", "127.0.0.3:18080", "top1_ports", "1", "top2", "", NULL);
	leave_world(_metadata, &world);
}

FIXTURE(device) {
	struct world world;
};

FIXTURE_SETUP(device)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_world(&self->world), 0);
	/* it is to resolve addresses, or it would not look for duplicates */
	if (system("ip link add dummy0 arp on type dummy"))
		SKIP(return, "no dummy device");
	ASSERT_EQ(sysctl("ipv6/conf/dummy0/addr_gen_mode", "1\n"), 0);
	ASSERT_EQ(sysctl("ipv6/conf/dummy0/accept_dad", "1\n"), 0);
	ASSERT_EQ(sysctl("ipv6/conf/dummy0/dad_transmits", "10000\n"), 0);
	ASSERT_EQ(system("ip link set dummy0 up"), 0);
}

FIXTURE_TEARDOWN(device)
{
	leave_world(_metadata, &self->world);
}

/* Local, though not on the device that the socket is bound to. */
TEST_F(device, elsewhere)
{
	struct side side = { "fe80::1", ON_LO };
	int asker = make_socket(&side);
	const char *line;

	ASSERT_EQ(system("ip addr add fe80::1/64 dev dummy0 nodad"), 0);
	ASSERT_EQ(bind_to(asker, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_not_local",
			    endpoint(side.address, SERVER), "");
	EXPECT_EQ(number(line, "dev"), 1);
	ASSERT_EQ(setsockopt(asker, SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7), 0);
	EXPECT_EQ(bind_to(asker, side.address, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* An IPv4 address in its IPv6 form is judged as the former. */
TEST_F(device, mapped)
{
	struct side side = { "::ffff:192.0.2.1", 0 };

	ASSERT_EQ(bind_to(make_socket(&side), side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_not_local",
		     endpoint(side.address, SERVER), "");
	ASSERT_EQ(system("ip addr add 192.0.2.1/24 dev dummy0"), 0);
	EXPECT_EQ(bind_to(make_socket(&side), side.address, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* Nobody knows yet whether the address is ours alone. */
TEST_F(device, tentative)
{
	struct side side = { "2001:db8::1", 0 };
	int asker = make_socket(&side), other = make_socket(&side);
	const char *line;

	ASSERT_EQ(system("ip addr add 2001:db8::1/64 dev dummy0"), 0);
	ASSERT_EQ(bind_to(asker, side.address, SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_tentative",
			    endpoint(side.address, SERVER), "");
	if (!strncmp(value(line, "fix"), "set IP_FREEBIND on this socket", 30)) {
		ASSERT_EQ(set_on(other, SOL_IP, IP_FREEBIND), 0);
		EXPECT_EQ(bind_to(other, side.address, SERVER), 0);
	}
	close(other);
	/* once it is certain there is nothing to tell */
	ASSERT_EQ(system("ip addr del 2001:db8::1/64 dev dummy0"), 0);
	ASSERT_EQ(system("ip addr add 2001:db8::1/64 dev dummy0 nodad"), 0);
	EXPECT_EQ(bind_to(asker, side.address, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

/* A route, and no address to send from: none, or only a tentative one. */
TEST_F(device, no_source_addr)
{
	int asker = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int bound = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	/* that of the loopback would do otherwise */
	ASSERT_EQ(system("ip addr del ::1/128 dev lo"), 0);
	ASSERT_EQ(system("ip route add 2001:db8:1::/64 dev dummy0"), 0);
	ASSERT_EQ(bind_to(bound, "::", 18081), 0);
	ASSERT_EQ(connect_to(asker, "2001:db8:1::1", SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_addr",
		     "[::]:0", "[2001:db8:1::1]:18080");

	ASSERT_EQ(system("ip addr add 2001:db8::1/64 dev dummy0"), 0);
	ASSERT_EQ(connect_to(asker, "2001:db8:1::1", SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_addr",
		     "[::]:0", "[2001:db8:1::1]:18080");
	ASSERT_EQ(connect_to(bound, "2001:db8:1::1", SERVER), -1);
	ASSERT_EQ(errno, EADDRNOTAVAIL);
	expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL", "no_source_addr",
		     "[::]:18081", "[2001:db8:1::1]:18080");

	ASSERT_EQ(system("ip addr add 2001:db8::2/64 dev dummy0 nodad"), 0);
	EXPECT_EQ(connect_to(asker, "2001:db8:1::1", SERVER), -1);
	EXPECT_EQ(errno, EINPROGRESS);
	EXPECT_EQ(connect_to(bound, "2001:db8:1::1", SERVER), -1);
	EXPECT_EQ(errno, EINPROGRESS);
	expect_silence(_metadata, &self->world);
}

TEST_HARNESS_MAIN
