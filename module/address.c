// SPDX-License-Identifier: GPL-2.0
/*
 * __inet_bind() and __inet6_bind() check the address before they ask for the
 * port. The wildcard, which is always there, does not pay for the return probe.
 */
#include <net/addrconf.h>
#include <net/sock.h>
#include <net/transp_v6.h>

#include "address.h"
#include "compat.h"
#include "hooks.h"
#include "record.h"
#include "sock.h"
#include "verdict.h"

enum { BIND4, BIND6, ROWS };
static struct tcpwatch_hook rows[ROWS];

/**
 * struct bind_call - one bind to a specific address under way
 * @sk: the socket
 * @addr: the address, an IPv4 one as v4-mapped
 * @port: the port asked for
 */
struct bind_call {
	struct sock *sk;
	struct in6_addr addr;
	u16 port;
};

enum tcpwatch_rule tcpwatch_address_rule(struct net *net, const struct in6_addr *addr)
{
	if (ipv6_addr_v4mapped(addr) || !ipv6_chk_addr_and_flags(net, addr, NULL, true, 0, 0))
		return TCPWATCH_RULE_ADDR_NOT_LOCAL;
	/* it is there; if not only tentatively, then on another device */
	return ipv6_chk_addr(net, addr, NULL, 0) ? TCPWATCH_RULE_ADDR_NOT_LOCAL
						 : TCPWATCH_RULE_ADDR_TENTATIVE;
}

static int tcpwatch_hook_bind4_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	const struct sockaddr_in *to = (struct sockaddr_in *)regs_get_kernel_argument(regs, 1);
	struct bind_call *call = (struct bind_call *)ri->data;

	tcpwatch_hook_hit(&rows[BIND4]);
	if (sk->sk_protocol != IPPROTO_TCP || !to->sin_addr.s_addr)
		return 1;
	call->sk = sk;
	ipv6_addr_set_v4mapped(to->sin_addr.s_addr, &call->addr);
	call->port = ntohs(to->sin_port);
	return 0;
}

static int tcpwatch_hook_bind6_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs_get_kernel_argument(regs, 0);
	const struct sockaddr_in6 *to = (struct sockaddr_in6 *)regs_get_kernel_argument(regs, 1);
	struct bind_call *call = (struct bind_call *)ri->data;

	tcpwatch_hook_hit(&rows[BIND6]);
	if (sk->sk_protocol != IPPROTO_TCP || ipv6_addr_any(&to->sin6_addr))
		return 1;
	call->sk = sk;
	call->addr = to->sin6_addr;
	call->port = ntohs(to->sin6_port);
	return 0;
}

static int tcpwatch_hook_bind_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct bind_call *call = (struct bind_call *)ri->data;
	struct tcpwatch_facts facts;

	if ((int)regs_return_value(regs) != -EADDRNOTAVAIL)
		return 0;
	tcpwatch_verdict_init(&facts);
	facts.call = TCPWATCH_CALL_BIND;
	facts.error = EADDRNOTAVAIL;
	facts.rule = tcpwatch_address_rule(sock_net(call->sk), &call->addr);
	facts.fixes = BIT(TCPWATCH_FIX_FREEBIND);
	tcpwatch_sock_copy(&facts.want, call->sk, NULL);
	facts.want.bind.addr = call->addr;
	facts.want.bind.addr4 = call->addr.s6_addr32[3];
	if (!ipv6_addr_v4mapped(&call->addr)) {
		/* as __inet6_bind() would have gone on to make it */
		facts.want.bind.addr4 = LOOPBACK4_IPV6;
		facts.want.bind.v6only = true;
	}
	facts.want.port = call->port;
	tcpwatch_record_refusal(&facts, call->sk);
	return 0;
}

static struct tcpwatch_hook rows[ROWS] = {
	[BIND4] = {
		.symbol = "__inet_bind",
		.lost = "record of bind to an IPv4 address that is not local",
		.entry = tcpwatch_hook_bind4_entry,
		.ret = tcpwatch_hook_bind_return,
		.data_size = sizeof(struct bind_call),
	},
	[BIND6] = {
		.symbol = "__inet6_bind",
		.lost = "record of bind to an IPv6 address that is not local, or tentative",
		.entry = tcpwatch_hook_bind6_entry,
		.ret = tcpwatch_hook_bind_return,
		.data_size = sizeof(struct bind_call),
	},
};

static struct tcpwatch_hooks hooks = { .rows = rows, .count = ROWS };

int tcpwatch_address_init(void)
{
	return tcpwatch_hooks_plant(&hooks);
}

void tcpwatch_address_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
}
