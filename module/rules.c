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

bool tcpwatch_rules_wildcard(const struct in6_addr *addr)
{
	return ipv6_addr_any(addr) || (ipv6_addr_v4mapped(addr) && !addr->s6_addr32[3]);
}

static bool mapped(const struct tcpwatch_bind *bind)
{
	return ipv6_addr_v4mapped(&bind->addr);
}

/*
 * inet_rcv_saddr_equal(). The IPv4 comparison reads addr4 even of an IPv6 socket:
 * a connected one that was never told IPV6_V6ONLY stands in the way of 0.0.0.0.
 */
static bool equal(const struct tcpwatch_bind *one, const struct tcpwatch_bind *two,
		  bool two_wild)
{
	if (one->family == AF_INET || (mapped(one) && mapped(two)))
		return !two->v6only && (one->addr4 == two->addr4 || !one->addr4 ||
					(two_wild && !two->addr4));
	if (ipv6_addr_any(&one->addr) && ipv6_addr_any(&two->addr))
		return true;
	if (ipv6_addr_any(&two->addr) && two_wild)
		return !(two->v6only && mapped(one));
	if (ipv6_addr_any(&one->addr))
		return !(one->v6only && mapped(two));
	return two->family == AF_INET6 && ipv6_addr_equal(&one->addr, &two->addr);
}

static bool overlap_specific(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	if (own->v6only && mapped(want))
		return false;
	if (ipv6_addr_any(&own->addr))
		return true;
	if (mapped(own) && !own->addr4)
		return mapped(want) &&
		       (COMPAT_MAPPED_ANY_COVERS || want->family != own->bucket_family ||
			want->family == AF_INET);
	return ipv6_addr_equal(&want->addr, &own->addr);
}

static bool overlap(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return tcpwatch_rules_wildcard(&want->addr) ? equal(want, own, true)
						    : overlap_specific(want, own);
}

static bool same_reuseport(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return want->reuseport && own->reuseport && !want->group_closed_to &&
	       (own->state == TCP_TIME_WAIT || uid_eq(want->uid, own->uid));
}

static bool flags_conflict(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own,
			   enum tcpwatch_pick pick)
{
	if (want->dev && own->dev && want->dev != own->dev)
		return false;
	if (tcpwatch_rules_reuse(want->reuse, own->reuse, own->state))
		return pick == TCPWATCH_PICK_AUTO ||
		       (pick == TCPWATCH_PICK_AUTO_REUSE && same_reuseport(want, own));
	return pick != TCPWATCH_PICK_EXPLICIT || !same_reuseport(want, own);
}

bool tcpwatch_rules_conflict(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own,
			     enum tcpwatch_pick pick)
{
	return flags_conflict(want, own, pick) && overlap(want, own);
}

bool tcpwatch_rules_shortcut(const struct tcpwatch_bind *want, bool listening,
			     const struct tcpwatch_bucket *bucket)
{
	if (bucket->reuse > 0 && want->reuse && !listening)
		return true;
	if (bucket->reuseport <= 0 || !want->reuseport || want->grouped ||
	    !uid_eq(bucket->last.uid, want->uid))
		return false;
	return !bucket->strict || equal(&bucket->last, want, false);
}

enum tcpwatch_relation tcpwatch_rules_relation(const struct tcpwatch_bind *want,
					       const struct tcpwatch_bind *own)
{
	bool wide = tcpwatch_rules_wildcard(&want->addr);
	bool own_wide = tcpwatch_rules_wildcard(&own->addr);

	if ((ipv6_addr_any(&want->addr) && mapped(own)) ||
	    (ipv6_addr_any(&own->addr) && mapped(want)))
		return TCPWATCH_RELATION_DUAL_STACK;
	if (wide != own_wide)
		return wide ? TCPWATCH_RELATION_WANT_WILDCARD : TCPWATCH_RELATION_HOLDER_WILDCARD;
	if (want->family != own->family && mapped(want) && mapped(own))
		return TCPWATCH_RELATION_MAPPED;
	return TCPWATCH_RELATION_SAME;
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

/* With these options instead, the addresses being what they are. */
static bool passes(const struct tcpwatch_bind *want, const struct tcpwatch_bind *own)
{
	return !flags_conflict(want, own, TCPWATCH_PICK_EXPLICIT);
}

unsigned int tcpwatch_rules_fixes(const struct tcpwatch_bind *want,
				  const struct tcpwatch_bind *own)
{
	struct tcpwatch_bind other;
	unsigned int fixes = 0;

	/* an option that both must have is no use if the owner lacks it */
	if (own->reuse) {
		other = *want;
		other.reuse = true;
		if (passes(&other, own))
			fixes |= BIT(TCPWATCH_FIX_REUSEADDR);
	}
	if (own->reuseport) {
		other = *want;
		other.reuseport = true;
		if (passes(&other, own))
			fixes |= BIT(TCPWATCH_FIX_REUSEPORT);
	}
	if (ipv6_addr_any(&want->addr)) {
		other = *want;
		other.v6only = true;
		if (!overlap(&other, own))
			fixes |= BIT(TCPWATCH_FIX_V6ONLY);
	}
	if (own->state == TCP_TIME_WAIT)
		fixes |= BIT(TCPWATCH_FIX_WAIT);
	return fixes;
}

enum tcpwatch_rule tcpwatch_rules_tuple(u8 state)
{
	switch (state) {
	case TCP_TIME_WAIT:
		return TCPWATCH_RULE_TUPLE_TIME_WAIT;
	case TCP_SYN_RECV:
	case TCP_NEW_SYN_RECV:
		return TCPWATCH_RULE_TUPLE_SYNRECV;
	default:
		return TCPWATCH_RULE_TUPLE_ACTIVE;
	}
}

enum tcpwatch_reason tcpwatch_rules_takeover(const struct tcpwatch_timewait *tw, bool bound,
					     int sysctl)
{
	if (!bound && !sysctl)
		return TCPWATCH_REASON_OFF;
	if (!bound && tw->substate == TCP_FIN_WAIT2)
		return TCPWATCH_REASON_FIN_WAIT2;
	if (!bound && sysctl == 2 && !tw->loopback)
		return TCPWATCH_REASON_NOT_LOOPBACK;
	if (!tw->timestamps)
		return TCPWATCH_REASON_NO_TIMESTAMPS;
	return bound || tw->aged ? TCPWATCH_REASON_NONE : TCPWATCH_REASON_TOO_YOUNG;
}
