/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Knocking at a listener: SYNs from addresses that nobody has, so that nobody answers
 * the SYN-ACK, and what the listener's row says of it.
 */
#ifndef _SELFTESTS_KNOCK_H
#define _SELFTESTS_KNOCK_H

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include "tables.h"

/* A segment as it goes through a raw socket: 40 or 60 bytes. */
struct segment {
	union {
		struct iphdr v4;
		struct ip6_hdr v6;
	};
	struct tcphdr tcp;
};

/* Addresses of ours that are routed, as those of the loopback are not. */
#define HERE	"192.0.2.1"
#define HERE6	"2001:db8:1::1"

/* Packets to 10.0.0.0/8 and 2001:db8:9::/48 go nowhere. */
static inline int make_nowhere(void)
{
	return system("ip addr add " HERE "/32 dev lo") ||
	       system("ip addr add " HERE6 "/128 dev lo nodad") ||
	       system("ip link add nowhere type dummy") || system("ip link set nowhere up") ||
	       system("ip route add 10.0.0.0/8 dev nowhere") ||
	       system("ip -6 route add 2001:db8:9::/48 dev nowhere");
}

static inline int make_knocker(bool v6)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	return fd < 0 || (v6 && set_on(fd, IPPROTO_IPV6, IPV6_HDRINCL)) ? -1 : fd;
}

static inline unsigned int sum_words(unsigned int sum, const void *from, size_t bytes)
{
	const unsigned short *words = from;
	size_t i;

	for (i = 0; i < bytes / 2; i++)
		sum += words[i];
	return sum;
}

/* Addresses are the last fields of either header, and the segment is without data. */
static inline unsigned short checksum(const void *addresses, size_t bytes, const struct tcphdr *tcp)
{
	unsigned int sum = htons(IPPROTO_TCP) + htons(sizeof(*tcp));

	sum = sum_words(sum_words(sum, addresses, bytes), tcp, sizeof(*tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* A segment from one address to another; its header is complete but for the checksum. */
static inline int send_segment(int fd, const char *from, const char *to, struct tcphdr tcp)
{
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, to, 0);
	char packet[sizeof(struct segment)];
	size_t size;

	if (strchr(to, ':')) {
		struct ip6_hdr v6 = {
			.ip6_flow = htonl(6 << 28), .ip6_plen = htons(sizeof(tcp)),
			.ip6_nxt = IPPROTO_TCP, .ip6_hlim = 64,
		};

		inet_pton(AF_INET6, from, &v6.ip6_src);
		inet_pton(AF_INET6, to, &v6.ip6_dst);
		tcp.check = checksum(&v6.ip6_src, 32, &tcp);
		memcpy(packet, &v6, sizeof(v6));
		size = sizeof(v6);
	} else {
		struct iphdr v4 = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
			.tot_len = htons(sizeof(v4) + sizeof(tcp)),
		};

		inet_pton(AF_INET, from, &v4.saddr);
		inet_pton(AF_INET, to, &v4.daddr);
		tcp.check = checksum(&v4.saddr, 8, &tcp);
		memcpy(packet, &v4, sizeof(v4));
		size = sizeof(v4);
	}
	memcpy(packet + size, &tcp, sizeof(tcp));
	size += sizeof(tcp);
	return sendto(fd, packet, size, 0, (struct sockaddr *)&ss, len) == (ssize_t)size ? 0 : -1;
}

/* A SYN, or an ACK to nothing, from the nth address of a thousand and any port. */
static inline int knock_from(int fd, const char *from, int from_port, const char *to, int port,
			     bool syn)
{
	const struct tcphdr tcp = {
		.source = htons(from_port), .dest = htons(port), .seq = htonl(1000 + from_port),
		.ack_seq = htonl(syn ? 0 : 77), .syn = syn, .ack = !syn, .doff = 5,
		.window = htons(4096),
	};

	return send_segment(fd, from, to, tcp);
}

/* The nth SYN, each from another address and port. */
static inline int knock(int fd, unsigned int n, const char *to, int port)
{
	char from[40];

	if (strchr(to, ':'))
		snprintf(from, sizeof(from), "2001:db8:9::%x:%x", n >> 16, n & 0xffff);
	else
		snprintf(from, sizeof(from), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	return knock_from(fd, from, 1024 + n % 60000, to, port, true);
}

/* Of the one listener on an address and port: "127.0.0.1:18080". */
static inline const char *listener_cell(const char *at, const char *column)
{
	return cell("listeners", "address", at, "address", at, column);
}

static inline long long listener_count(const char *at, const char *column)
{
	return strtoll(listener_cell(at, column), NULL, 10);
}

static const char *const reconciled[] = {
	"ListenOverflows", "ListenDrops", "TCPReqQFullDoCookies", "TCPReqQFullDrop",
	"SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed",
};

/* What the kernel has counted in our namespace, listeners have, or had. */
static inline bool is_reconciled(const char *name)
{
	long long kernel, listeners;
	int tries;

	/* a SYN may come again while we look */
	for (tries = 0; tries < 5; tries++) {
		listeners = strtoll(cell("reconcile", "counter", name, "counter", name,
					 "listeners"), NULL, 10);
		kernel = mib(name);
		if (listeners == kernel &&
		    !strcmp(cell("reconcile", "counter", name, "counter", name,
				 "unattributed"), "0"))
			return true;
		usleep(20000);
	}
	ksft_print_msg("%s: the kernel counts %lld, listeners %lld\n", name, kernel, listeners);
	return false;
}

static inline bool all_reconciled(void)
{
	long long full = stat_value("listeners_full");
	bool all = true;
	size_t i;

	for (i = 0; i < sizeof(reconciled) / sizeof(*reconciled); i++)
		all &= is_reconciled(reconciled[i]);
	if (full)
		ksft_print_msg("listeners_full is %lld\n", full);
	return all && !full;
}

#endif /* _SELFTESTS_KNOCK_H */
