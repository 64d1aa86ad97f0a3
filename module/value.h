/* SPDX-License-Identifier: GPL-2.0 */
/* The fields of an event, and the value of each as text. */
#ifndef _TCPWATCH_VALUE_H
#define _TCPWATCH_VALUE_H

#include <linux/seq_buf.h>
#include "event.h"

struct tcpwatch_reader;

/* X(FIELD, item, key), in their order; new ones go to the end. */
#define TCPWATCH_FIELDS(X) \
	X(FIELD, SEQ, "seq") \
	X(FIELD, TIME, "time") \
	X(FIELD, EVENT, "event") \
	X(FIELD, CALL, "call") \
	X(FIELD, ERRNO, "errno") \
	X(FIELD, NETNS, "netns") \
	X(FIELD, WANT, "want") \
	X(FIELD, REUSEADDR, "reuseaddr") \
	X(FIELD, REUSEPORT, "reuseport") \
	X(FIELD, V6ONLY, "v6only") \
	X(FIELD, DEV, "dev") \
	X(FIELD, PID, "pid") \
	X(FIELD, TID, "tid") \
	X(FIELD, COMM, "comm") \
	X(FIELD, UID, "uid") \
	X(FIELD, CGROUP, "cgroup") \
	X(FIELD, RULE, "rule") \
	X(FIELD, FIX, "fix") \
	X(FIELD, FREES_MS, "frees_ms") \
	X(FIELD, HOLDERS, "holders") \
	X(FIELD, HOLDERS_CAPPED, "holders_capped") \
	X(FIELD, HOLDER, "holder") \
	X(FIELD, PEER, "peer") \
	X(FIELD, STATE, "state") \
	X(FIELD, HOLDER_REUSEADDR, "holder_reuseaddr") \
	X(FIELD, HOLDER_REUSEPORT, "holder_reuseport") \
	X(FIELD, HOLDER_V6ONLY, "holder_v6only") \
	X(FIELD, HOLDER_DEV, "holder_dev") \
	X(FIELD, HOLDER_UID, "holder_uid") \
	X(FIELD, HOLDER_INO, "holder_ino") \
	X(FIELD, HOLDER_CGROUP, "holder_cgroup") \
	X(FIELD, HOLDER_PID, "holder_pid") \
	X(FIELD, HOLDER_COMM, "holder_comm") \
	X(FIELD, HOLDER_PROCS, "holder_procs") \
	X(FIELD, HOLDER_UNKNOWN, "holder_unknown") \
	X(FIELD, HOLDER_IS, "holder_is") \
	X(FIELD, HOLDER_RULE_UID, "holder_rule_uid") \
	X(FIELD, RELATION, "relation") \
	X(FIELD, BOUND_PID, "bound_pid") \
	X(FIELD, BOUND_COMM, "bound_comm") \
	X(FIELD, BOUND_UID, "bound_uid") \
	X(FIELD, BOUND_CGROUP, "bound_cgroup") \
	X(FIELD, BOUND_MS, "bound_ms") \
	X(FIELD, BOUND_EXITED, "bound_exited") \
	X(FIELD, BOUND_EXITED_MS, "bound_exited_ms") \
	X(FIELD, BOUND_SEEDED, "bound_seeded") \
	X(FIELD, TO, "to") \
	X(FIELD, REQUESTER_GROUP, "requester_group") \
	X(FIELD, NETNS_PID, "netns_pid") \
	X(FIELD, RANGE, "range") \
	X(FIELD, PORTS_RESERVED, "ports_reserved") \
	X(FIELD, PORTS_USED, "ports_used") \
	X(FIELD, PORTS_TIME_WAIT, "ports_time_wait") \
	X(FIELD, PORTS_BOUND, "ports_bound") \
	X(FIELD, PORTS_FREE, "ports_free") \
	X(FIELD, TOP1, "top1") \
	X(FIELD, TOP1_PORTS, "top1_ports") \
	X(FIELD, TOP2, "top2") \
	X(FIELD, TOP2_PORTS, "top2_ports") \
	X(FIELD, TOP3, "top3") \
	X(FIELD, TOP3_PORTS, "top3_ports") \
	X(FIELD, CAUSE, "cause") \
	X(FIELD, THANKS, "thanks") \
	X(FIELD, TW_REUSE, "tcp_tw_reuse") \
	X(FIELD, REASON, "reason") \
	X(FIELD, AGED_MS, "aged_ms") \
	X(FIELD, PERCENT, "percent") \
	X(FIELD, POOL_USED, "pool_used") \
	X(FIELD, POOL_FREE, "pool_free") \
	X(FIELD, HOLDER_RUNS, "holder_runs") \
	X(FIELD, SYN_ACCEPT_FULL, "syn_accept_full") \
	X(FIELD, ACK_ACCEPT_FULL, "ack_accept_full") \
	X(FIELD, SYN_COOKIE, "syn_cookie") \
	X(FIELD, SYN_DROP, "syn_drop") \
	X(FIELD, SYN_RESERVE, "syn_reserve") \
	X(FIELD, SYN_NO_MEMORY, "syn_no_memory") \
	X(FIELD, OTHER_DROPS, "other_drops") \
	X(FIELD, COOKIES_SENT, "cookies_sent") \
	X(FIELD, COOKIES_RECEIVED, "cookies_received") \
	X(FIELD, COOKIES_FAILED, "cookies_failed") \
	X(FIELD, ACCEPT_NOW, "accept_now") \
	X(FIELD, ACCEPT_MAX, "accept_max") \
	X(FIELD, SYN_NOW, "syn_now") \
	X(FIELD, SYN_MAX, "syn_max") \
	X(FIELD, BACKLOG, "backlog") \
	X(FIELD, STUCK_MS, "stuck_ms")

enum tcpwatch_field {
	TCPWATCH_FIELDS(TCPWATCH_ENUM)
	TCPWATCH_FIELD_COUNT
};

/**
 * tcpwatch_value_put() - print the value of a field
 * @buf: where to
 * @event: of which event
 * @reader: for whom: not all may know all
 * @field: of which field
 *
 * Context: any.
 * Return: false when there is none, or it is not for @reader; then what was printed is
 * to be dropped.
 */
bool tcpwatch_value_put(struct seq_buf *buf, const struct tcpwatch_event *event,
			const struct tcpwatch_reader *reader, enum tcpwatch_field field);

#endif /* _TCPWATCH_VALUE_H */
