// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/socket.h>
#include <linux/time64.h>

#include "format.h"
#include "reader.h"
#include "value.h"

/* Those that follow print their value and return true, or there is none. */

static bool number(struct seq_buf *buf, bool any, u64 value)
{
	if (any)
		seq_buf_printf(buf, "%llu", value);
	return any;
}

static bool word(struct seq_buf *buf, bool any, const char *text)
{
	if (any)
		seq_buf_printf(buf, "%s", text);
	return any;
}

static bool hostile(struct seq_buf *buf, bool any, const char *text)
{
	if (any)
		tcpwatch_format_text(buf, text);
	return any;
}

static bool address(struct seq_buf *buf, bool any, const struct tcpwatch_sock *sock, bool peer)
{
	if (any)
		tcpwatch_format_address(buf, sock, peer);
	return any;
}

static bool moment(struct seq_buf *buf, u64 ns)
{
	struct tm tm;
	u32 rest;

	time64_to_tm(div_u64_rem(ns, NSEC_PER_SEC, &rest), 0, &tm);
	seq_buf_printf(buf, "%04ld-%02d-%02dT%02d:%02d:%02d.%06luZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		       rest / NSEC_PER_USEC);
	return true;
}

static bool fix(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	char text[256];
	struct seq_buf inner;

	seq_buf_init(&inner, text, sizeof(text) - 1);
	tcpwatch_format_fix(&inner, event);
	text[min(inner.len, sizeof(text) - 1)] = '\0';
	return hostile(buf, true, text);
}

/* Of the request. */
static bool put_want(struct seq_buf *buf, const struct tcpwatch_event *event,
		     const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	const struct tcpwatch_bind *want = &event->facts.want.bind;
	const struct tcpwatch_task *task = &event->facts.task;
	bool known = tcpwatch_reader_knows(reader, task);
	pid_t tid = tcpwatch_reader_tid(reader, task);

	switch (field) {
	case TCPWATCH_FIELD_SEQ:
		return number(buf, true, event->facts.seq);
	case TCPWATCH_FIELD_TIME:
		return moment(buf, event->facts.real);
	case TCPWATCH_FIELD_EVENT:
		return word(buf, true, tcpwatch_kind_names[event->facts.kind]);
	case TCPWATCH_FIELD_CALL:
		return word(buf, event->facts.call != TCPWATCH_CALL_NONE,
			    tcpwatch_call_names[event->facts.call]);
	case TCPWATCH_FIELD_ERRNO:
		return word(buf, event->facts.error, tcpwatch_format_errno(event->facts.error));
	case TCPWATCH_FIELD_NETNS:
		return number(buf, true, event->facts.netns);
	case TCPWATCH_FIELD_WANT:
		return address(buf, true, &event->facts.want, false);
	case TCPWATCH_FIELD_REUSEADDR:
		return number(buf, true, want->reuse);
	case TCPWATCH_FIELD_REUSEPORT:
		return number(buf, true, want->reuseport);
	case TCPWATCH_FIELD_V6ONLY:
		return number(buf, want->family == AF_INET6, want->v6only);
	case TCPWATCH_FIELD_DEV:
		return number(buf, want->dev, want->dev);
	case TCPWATCH_FIELD_PID:
		return number(buf, known, tcpwatch_reader_pid(reader, task));
	case TCPWATCH_FIELD_TID:
		return number(buf, known && tid, tid);
	case TCPWATCH_FIELD_COMM:
		return hostile(buf, known, task->comm);
	case TCPWATCH_FIELD_UID:
		return number(buf, true, tcpwatch_reader_uid(reader, task->uid));
	case TCPWATCH_FIELD_CGROUP:
		return hostile(buf, reader->admin && *event->found.cgroup_path,
			       event->found.cgroup_path);
	case TCPWATCH_FIELD_RULE:
		return word(buf, true, tcpwatch_rule_names[event->facts.rule]);
	case TCPWATCH_FIELD_FIX:
		return fix(buf, event);
	case TCPWATCH_FIELD_FREES_MS:
		return number(buf, event->facts.frees_ms, event->facts.frees_ms);
	default:
		return false;
	}
}

/* Of the holder. */
static bool put_holder(struct seq_buf *buf, const struct tcpwatch_event *event,
		       const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	const struct tcpwatch_sock *holder = &event->facts.holder;
	const struct tcpwatch_task *owner = &event->found.owner;
	bool known = owner->pid && tcpwatch_reader_knows(reader, owner);

	switch (field) {
	case TCPWATCH_FIELD_HOLDERS_CAPPED:
		return number(buf, event->facts.holders_capped, 1);
	case TCPWATCH_FIELD_HOLDER:
		return address(buf, true, holder, false);
	case TCPWATCH_FIELD_PEER:
		return address(buf, holder->peer_port, holder, true);
	case TCPWATCH_FIELD_STATE:
		return word(buf, true, tcpwatch_format_state(holder));
	case TCPWATCH_FIELD_HOLDER_REUSEADDR:
		return number(buf, true, holder->bind.reuse);
	case TCPWATCH_FIELD_HOLDER_REUSEPORT:
		return number(buf, true, holder->bind.reuseport);
	case TCPWATCH_FIELD_HOLDER_V6ONLY:
		return number(buf, holder->bind.family == AF_INET6, holder->bind.v6only);
	case TCPWATCH_FIELD_HOLDER_DEV:
		return number(buf, holder->bind.dev, holder->bind.dev);
	case TCPWATCH_FIELD_HOLDER_UID:
		return number(buf, uid_valid(holder->uid),
			      tcpwatch_reader_uid(reader, holder->uid));
	case TCPWATCH_FIELD_HOLDER_INO:
		return number(buf, holder->ino, holder->ino);
	case TCPWATCH_FIELD_HOLDER_CGROUP:
		return hostile(buf, reader->admin && *event->found.holder_cgroup_path,
			       event->found.holder_cgroup_path);
	case TCPWATCH_FIELD_HOLDER_PID:
		return number(buf, known, tcpwatch_reader_pid(reader, owner));
	case TCPWATCH_FIELD_HOLDER_COMM:
		return hostile(buf, known, owner->comm);
	case TCPWATCH_FIELD_HOLDER_PROCS:
		return number(buf, known && event->found.owners > 1, event->found.owners);
	case TCPWATCH_FIELD_HOLDER_UNKNOWN:
		return number(buf, event->found.owner_unknown, 1);
	case TCPWATCH_FIELD_HOLDER_IS:
		return word(buf, true, tcpwatch_belongs_names[holder->belongs]);
	case TCPWATCH_FIELD_HOLDER_RULE_UID:
		return number(buf, uid_valid(holder->uid) && !uid_eq(holder->uid, holder->bind.uid),
			      tcpwatch_reader_uid(reader, holder->bind.uid));
	case TCPWATCH_FIELD_RELATION:
		return word(buf, event->facts.call != TCPWATCH_CALL_CONNECT,
			    tcpwatch_relation_names[event->facts.relation]);
	default:
		return false;
	}
}

/* Of who bound the holder's port. */
static bool put_bound(struct seq_buf *buf, const struct tcpwatch_event *event,
		      const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	const struct tcpwatch_bound *bound = &event->found.bound;
	const char *path = event->found.bound_cgroup_path;
	bool known = tcpwatch_reader_knows(reader, &bound->task);

	switch (field) {
	case TCPWATCH_FIELD_BOUND_PID:
		return number(buf, known, tcpwatch_reader_pid(reader, &bound->task));
	case TCPWATCH_FIELD_BOUND_COMM:
		return hostile(buf, known, bound->task.comm);
	case TCPWATCH_FIELD_BOUND_UID:
		return number(buf, true, tcpwatch_reader_uid(reader, bound->task.uid));
	case TCPWATCH_FIELD_BOUND_CGROUP:
		return hostile(buf, reader->admin && *path, path);
	case TCPWATCH_FIELD_BOUND_MS:
		return number(buf, true, tcpwatch_format_ms(bound->time, event->facts.time));
	case TCPWATCH_FIELD_BOUND_EXITED:
		return number(buf, known && bound->exited, 1);
	case TCPWATCH_FIELD_BOUND_EXITED_MS:
		return number(buf, known && bound->exited && bound->exited_at,
			      tcpwatch_format_ms(bound->exited_at, event->facts.time));
	case TCPWATCH_FIELD_BOUND_SEEDED:
		return number(buf, bound->seeded, 1);
	default:
		return false;
	}
}

/* Of a connect, of the namespace, and of a range that is exhausted. */
static bool put_rest(struct seq_buf *buf, const struct tcpwatch_event *event,
		     const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	const struct tcpwatch_range *range = &event->found.range;
	const struct tcpwatch_task *resident = &event->found.netns_task;
	pid_t pid;

	switch (field) {
	case TCPWATCH_FIELD_TO:
		return address(buf, event->facts.call == TCPWATCH_CALL_CONNECT ||
			       event->facts.kind == TCPWATCH_KIND_EXHAUSTION,
			       &event->facts.want, true);
	case TCPWATCH_FIELD_REQUESTER_GROUP:
		return number(buf, event->facts.want.bind.group_closed_to, 1);
	case TCPWATCH_FIELD_NETNS_PID:
		pid = resident->pid && tcpwatch_reader_knows(reader, resident) ?
			tcpwatch_reader_pid(reader, resident) : 0;
		return number(buf, pid, pid);
	case TCPWATCH_FIELD_RANGE:
		if (event->facts.range_hi)
			seq_buf_printf(buf, "%u-%u", event->facts.range_lo, event->facts.range_hi);
		return event->facts.range_hi;
	case TCPWATCH_FIELD_PORTS_RESERVED:
		return number(buf, range->known, range->reserved);
	case TCPWATCH_FIELD_PORTS_USED:
		return number(buf, range->known, range->used);
	case TCPWATCH_FIELD_PORTS_TIME_WAIT:
		return number(buf, range->known, range->time_wait);
	case TCPWATCH_FIELD_PORTS_BOUND:
		return number(buf, range->known, range->bound);
	case TCPWATCH_FIELD_PORTS_FREE:
		return number(buf, range->known, range->free);
	default:
		return false;
	}
}

/* Destinations and how many ports each has, in turn. */
static bool put_top(struct seq_buf *buf, const struct tcpwatch_event *event,
		    enum tcpwatch_field field)
{
	unsigned int nth = (field - TCPWATCH_FIELD_TOP1) / 2;
	const struct tcpwatch_range *range = &event->found.range;
	struct tcpwatch_sock to = {
		.bind.family = range->top[nth].family,
		.peer = range->top[nth].addr,
		.peer_port = range->top[nth].port,
	};
	bool any = range->known && range->top[nth].ports;

	if ((field - TCPWATCH_FIELD_TOP1) % 2)
		return number(buf, any, range->top[nth].ports);
	return address(buf, any, &to, true);
}

/* Of TIME-WAIT that gave way, or did not, or is missing, and of ports that run out. */
static bool put_timewait(struct seq_buf *buf, const struct tcpwatch_facts *facts,
			 enum tcpwatch_field field)
{
	bool exhaustion = facts->kind == TCPWATCH_KIND_EXHAUSTION;
	bool reuse = facts->kind == TCPWATCH_KIND_REUSE;

	switch (field) {
	case TCPWATCH_FIELD_CAUSE:
		return word(buf, reuse, reuse ? tcpwatch_cause_names[facts->cause] : NULL);
	case TCPWATCH_FIELD_THANKS:
		return word(buf, reuse, reuse ? tcpwatch_thanks_names[facts->thanks] : NULL);
	case TCPWATCH_FIELD_TW_REUSE:
		return number(buf, reuse || facts->kind == TCPWATCH_KIND_REFUSAL,
			      facts->sysctl_tw_reuse);
	case TCPWATCH_FIELD_REASON:
		return word(buf, facts->reason, tcpwatch_reason_names[facts->reason]);
	case TCPWATCH_FIELD_AGED_MS:
		return number(buf, facts->reason == TCPWATCH_REASON_TOO_YOUNG, facts->aged_ms);
	case TCPWATCH_FIELD_PERCENT:
		return number(buf, exhaustion, facts->percent);
	case TCPWATCH_FIELD_POOL_USED:
		return number(buf, exhaustion, facts->pool_used);
	case TCPWATCH_FIELD_POOL_FREE:
		return number(buf, exhaustion, facts->pool_free);
	default:
		return false;
	}
}

/* In their order. */
static_assert(TCPWATCH_FIELD_COOKIES_FAILED - TCPWATCH_FIELD_SYN_ACCEPT_FULL ==
	      TCPWATCH_KNOCK_COUNT - 1);

/* Of a listener in trouble. */
static bool put_listener(struct seq_buf *buf, const struct tcpwatch_event *event,
			 const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	const struct tcpwatch_facts *facts = &event->facts;
	u32 knocks;

	if (facts->kind != TCPWATCH_KIND_BACKLOG && facts->kind != TCPWATCH_KIND_STUCK)
		return false;
	switch (field) {
	case TCPWATCH_FIELD_HOLDER_RUNS:
		if (!event->found.owners || !tcpwatch_reader_knows(reader, &event->found.owner))
			return false;
		seq_buf_printf(buf, "%c", event->found.owner_state);
		return true;
	case TCPWATCH_FIELD_ACCEPT_NOW:
		return number(buf, true, facts->accept_now);
	case TCPWATCH_FIELD_ACCEPT_MAX:
		return number(buf, true, facts->accept_max);
	case TCPWATCH_FIELD_SYN_NOW:
		return number(buf, true, facts->syn_now);
	case TCPWATCH_FIELD_SYN_MAX:
		return number(buf, true, facts->syn_max);
	case TCPWATCH_FIELD_BACKLOG:
		return number(buf, true, facts->backlog);
	case TCPWATCH_FIELD_STUCK_MS:
		return number(buf, facts->stuck_ms, facts->stuck_ms);
	default:
		knocks = facts->knocks[field - TCPWATCH_FIELD_SYN_ACCEPT_FULL];
		return number(buf, knocks, knocks);
	}
}

bool tcpwatch_value_put(struct seq_buf *buf, const struct tcpwatch_event *event,
			const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	if (field >= TCPWATCH_FIELD_HOLDER_RUNS)
		return put_listener(buf, event, reader, field);
	if (field >= TCPWATCH_FIELD_CAUSE)
		return put_timewait(buf, &event->facts, field);
	if (field < TCPWATCH_FIELD_HOLDERS)
		return put_want(buf, event, reader, field);
	if (field == TCPWATCH_FIELD_HOLDERS)
		return number(buf, true, event->facts.holders);
	if (field < TCPWATCH_FIELD_BOUND_PID)
		return event->facts.holders && put_holder(buf, event, reader, field);
	if (field < TCPWATCH_FIELD_TO)
		return event->found.bound.task.pid && put_bound(buf, event, reader, field);
	if (field < TCPWATCH_FIELD_TOP1)
		return put_rest(buf, event, reader, field);
	return put_top(buf, event, field);
}
