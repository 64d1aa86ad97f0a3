/* SPDX-License-Identifier: GPL-2.0 */
/* Counters: one line here is all that a new one takes. */
#ifndef _TCPWATCH_STATS_H
#define _TCPWATCH_STATS_H

#include <linux/percpu.h>
#include "event.h"

/* X(STAT, item, name). All of them only rise. */
#define TCPWATCH_STATS(X) \
	/* calls that the kernel refused, each of them an event */ \
	X(STAT, CONFLICTS, "conflicts") \
	/* refusals at whose time a predicate's probe was missing, or missed a call */ \
	X(STAT, UNEXPLAINED, "unexplained") \
	/* what was in the way began or ceased to be so between the kernel's look and ours */ \
	X(STAT, RACED, "raced") \
	/* the kernel saw a conflict in which our rules find none */ \
	X(STAT, DISAGREED, "disagreed") \
	/* more calls at once than there are places to explain them in */ \
	X(STAT, CROWDED, "crowded") \
	/* TIME-WAIT sockets that gave way: to a bind, a connect(), a SYN */ \
	X(STAT, TW_BIND_OVER, "tw_bind_over") \
	X(STAT, TW_CONNECT, "tw_connect") \
	X(STAT, TW_SYN, "tw_syn") \
	/* events that are no conflicts, too many at once to be recorded one by one */ \
	X(STAT, TW_COALESCED, "tw_coalesced") \
	/* connections closed in order that got no TIME-WAIT where they should */ \
	X(STAT, TW_OVERFLOW, "tw_overflow") \
	/* what was not added up for want of a row, and rows given to others after a rest */ \
	X(STAT, LEDGER_FULL, "ledger_full") \
	X(STAT, LEDGER_FORGOTTEN, "ledger_forgotten") \
	/* those that did not give way to a connect(), and why not */ \
	X(STAT, TW_OFF, "tw_refused_off") \
	X(STAT, TW_FIN_WAIT2, "tw_refused_fin_wait2") \
	X(STAT, TW_NOT_LOOPBACK, "tw_refused_not_loopback") \
	X(STAT, TW_NO_TIMESTAMPS, "tw_refused_no_timestamps") \
	X(STAT, TW_TOO_YOUNG, "tw_refused_too_young") \
	X(STAT, TW_RACED, "tw_refused_raced") \
	/* destinations that came to have most of the source ports they can have */ \
	X(STAT, EXHAUSTIONS, "exhaustions") \
	/* listeners that found no row, again whenever somebody knocks */ \
	X(STAT, LISTENERS_FULL, "listeners_full") \
	/* connections whose wait could not be noted, because too many were waiting */ \
	X(STAT, WAITS_FULL, "waits_full") \
	/* listeners in whose queue connections waited that nobody accepted */ \
	X(STAT, STUCK, "listeners_stuck") \
	/* connect() that failed for a reason of its own, or whose reason cannot be told */ \
	X(STAT, CONNECTS_OTHER, "connects_other") \
	/* times that probes were disarmed behind our back, and how long, in ms */ \
	X(STAT, DISARMED, "disarmed") \
	X(STAT, DISARMED_MS, "disarmed_ms") \
	/* events overwritten before the worker could publish them */ \
	X(STAT, LOST, "lost") \
	/* holders that a live process was found for, was not, was not looked for */ \
	X(STAT, OWNERS_FOUND, "owners_found") \
	X(STAT, OWNERS_NONE, "owners_none") \
	X(STAT, OWNERS_UNKNOWN, "owners_unknown") \
	/* sockets whose binder was forgotten, because others needed the place */ \
	X(STAT, BOUND_FORGOTTEN, "bound_forgotten") \
	/* exhausted ranges that nobody looked at, because too many came at once */ \
	X(STAT, RANGES_UNKNOWN, "ranges_unknown") \
	/* refusals told to the kernel log one by one, and those told as a number */ \
	X(STAT, ALERTS, "alerts") \
	X(STAT, ALERTS_HELD, "alerts_held")

enum tcpwatch_stat {
	TCPWATCH_STATS(TCPWATCH_ENUM)
	TCPWATCH_STAT_COUNT
};

struct tcpwatch_stats {
	u64 stat[TCPWATCH_STAT_COUNT];
	u64 rule[TCPWATCH_RULE_COUNT];
};

DECLARE_PER_CPU(struct tcpwatch_stats, tcpwatch_stats);

extern const char *const tcpwatch_stat_names[TCPWATCH_STAT_COUNT];

/**
 * tcpwatch_stat_add() - count
 * @stat: what
 * @n: how many
 *
 * Context: any.
 */
static inline void tcpwatch_stat_add(enum tcpwatch_stat stat, u64 n)
{
	this_cpu_add(tcpwatch_stats.stat[stat], n);
}

/**
 * tcpwatch_stat_rule() - count a refusal by its rule
 * @rule: the rule
 *
 * Context: any.
 */
static inline void tcpwatch_stat_rule(enum tcpwatch_rule rule)
{
	this_cpu_inc(tcpwatch_stats.rule[rule]);
}

/**
 * tcpwatch_stats_sum() - add up what all CPUs have counted
 * @sum: the result
 *
 * Context: any; not a snapshot, counters move meanwhile.
 */
void tcpwatch_stats_sum(struct tcpwatch_stats *sum);

#endif /* _TCPWATCH_STATS_H */
