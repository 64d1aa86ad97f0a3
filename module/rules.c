// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel judges by address first and flags second for a specific request,
 * the other way round for a wildcard one; the outcome is the conjunction, and
 * so it is written here.
 */
#include <linux/bits.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "compat.h"
#include "rules.h"

/* As inet_use_hash2_on_bind() sees it, negated. */
static bool wildcard(const struct tcpwatch_bind *bind)
{
	if (ipv6_addr_any(&bind->addr))
		return true;
	return ipv6_addr_v4mapped(&bind->addr) && !bind->addr4;
}

static bool mapped(const struct tcpwatch_bind *bind)
{
	return ipv6_addr_v4mapped(&bind->addr);
}

/*
 * The IPv4 comparison reads addr4 even of an IPv6 socket: a connected one that
 * was never told IPV6_V6ONLY stands in the way of 0.0.0.0.
 */
static bool overlap4(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	if (own->v6only)
		return false;
	return want->addr4 == own->addr4 || !want->addr4 || !own->addr4;
}

static bool overlap_wildcard(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	if (want->family == AF_INET || (mapped(want) && mapped(own)))
		return overlap4(want, own);
	if (ipv6_addr_any(&own->addr))
		return !(own->v6only && mapped(want));
	if (ipv6_addr_any(&want->addr))
		return !(want->v6only && mapped(own));
	return own->family == AF_INET6 && ipv6_addr_equal(&want->addr, &own->addr);
}

static bool overlap_specific(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	if (own->v6only && mapped(want))
		return false;
	if (ipv6_addr_any(&own->addr))
		return true;
	if (mapped(own) && !own->addr4)
		return mapped(want) && (COMPAT_MAPPED_ANY_COVERS || want->family != own->family ||
					want->family == AF_INET);
	return ipv6_addr_equal(&want->addr, &own->addr);
}

static bool overlap(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return wildcard(want) ? overlap_wildcard(want, own) : overlap_specific(want, own);
}

static bool same_reuseport(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return own->state == TCP_TIME_WAIT || uid_eq(want->uid, own->uid);
}

static bool flags_conflict(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	if (want->dev && own->dev && want->dev != own->dev)
		return false;
	if (want->reuse && own->reuse && own->state != TCP_LISTEN)
		return false;
	return !(want->reuseport && own->reuseport && !want->group_closed_to &&
		 same_reuseport(want, own));
}

bool tcpwatch_rules_conflict(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return flags_conflict(want, own) && overlap(want, own);
}

enum tcpwatch_rule tcpwatch_rules_name(enum tcpwatch_call call,
				       const struct tcpwatch_bind *want,
				       const struct tcpwatch_sock *own)
{
	const struct tcpwatch_bind *bind = &own->bind;

	if (want->reuseport && bind->reuseport) {
		if (want->group_closed_to)
			return TCPWATCH_RULE_REUSEPORT_GROUP;
		/* told apart by the uid itself: only where an orphan counts
		 * as root does the one that is compared differ from its own
		 */
		if (!uid_eq(bind->uid, own->uid) && uid_eq(want->uid, own->uid))
			return TCPWATCH_RULE_REUSEPORT_ORPHAN;
		return TCPWATCH_RULE_REUSEPORT_UID;
	}

	switch (bind->state) {
	case TCP_TIME_WAIT:
		return TCPWATCH_RULE_TIME_WAIT;
	case TCP_LISTEN:
		if (want->reuseport || bind->reuseport)
			return TCPWATCH_RULE_REUSEPORT_MISSING;
		if (call == TCPWATCH_CALL_LISTEN && want->reuse && bind->reuse)
			return TCPWATCH_RULE_LISTEN_LOST;
		return TCPWATCH_RULE_LISTENER;
	case TCP_CLOSE:
		if (want->reuseport != bind->reuseport)
			return TCPWATCH_RULE_REUSEPORT_MISSING;
		return TCPWATCH_RULE_BOUND_ONLY;
	default:
		return own->connect_bound ? TCPWATCH_RULE_EPHEMERAL_CLIENT
					  : TCPWATCH_RULE_CONN_ACTIVE;
	}
}

int tcpwatch_rules_weight(const struct tcpwatch_bind *own)
{
	switch (own->state) {
	case TCP_LISTEN:
		return 2;
	case TCP_TIME_WAIT:
		return 0;
	default:
		return 1;
	}
}

unsigned int tcpwatch_rules_fixes(const struct tcpwatch_bind *want,
				  const struct tcpwatch_bind *own)
{
	struct tcpwatch_bind other = *want;
	unsigned int fixes = 0;

	other.reuse = true;
	if (!flags_conflict(&other, own))
		fixes |= BIT(TCPWATCH_FIX_REUSEADDR);
	other = *want;
	other.reuseport = true;
	if (!flags_conflict(&other, own))
		fixes |= BIT(TCPWATCH_FIX_REUSEPORT);
	if (own->state == TCP_TIME_WAIT)
		fixes |= BIT(TCPWATCH_FIX_WAIT);
	return fixes;
}
