// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/socket.h>
#include <linux/time64.h>

#include "fields.h"
#include "format.h"
#include "reader.h"

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
	X(FIELD, TW_REUSE, "tcp_tw_reuse")

enum field {
	TCPWATCH_FIELDS(TCPWATCH_ENUM)
	TCPWATCH_FIELD_COUNT
};

static const char *const keys[] = { TCPWATCH_FIELDS(TCPWATCH_NAME) };

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
		     const struct tcpwatch_reader *reader, enum field field)
{
	const struct tcpwatch_bind *want = &event->facts.want.bind;
	const struct tcpwatch_task *task = &event->facts.task;
	bool known = tcpwatch_reader_knows(reader, task);
	pid_t tid = tcpwatch_reader_tid(reader, task);

	switch (field) {
	case TCPWATCH_FIELD_SEQ:
		return number(buf, true, event->facts.seq);
	case TCPWATCH_FIELD_TIME:
		return moment(buf, event->found.real);
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
		return hostile(buf, *event->found.cgroup_path, event->found.cgroup_path);
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
		       const struct tcpwatch_reader *reader, enum field field)
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
		return number(buf, event->found.owners > 1, event->found.owners);
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
		      const struct tcpwatch_reader *reader, enum field field)
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
		return number(buf, bound->exited, 1);
	case TCPWATCH_FIELD_BOUND_EXITED_MS:
		return number(buf, bound->exited && bound->exited_at,
			      tcpwatch_format_ms(bound->exited_at, event->facts.time));
	case TCPWATCH_FIELD_BOUND_SEEDED:
		return number(buf, bound->seeded, 1);
	default:
		return false;
	}
}

/* Of a connect, of the namespace, and of a range that is exhausted. */
static bool put_rest(struct seq_buf *buf, const struct tcpwatch_event *event,
		     const struct tcpwatch_reader *reader, enum field field)
{
	const struct tcpwatch_range *range = &event->found.range;
	const struct tcpwatch_task *resident = &event->found.netns_task;
	pid_t pid;

	switch (field) {
	case TCPWATCH_FIELD_TO:
		return address(buf, event->facts.call == TCPWATCH_CALL_CONNECT,
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
static bool put_top(struct seq_buf *buf, const struct tcpwatch_event *event, enum field field)
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

/* Of TIME-WAIT that gave way. */
static bool put_reuse(struct seq_buf *buf, const struct tcpwatch_event *event, enum field field)
{
	bool any = event->facts.kind == TCPWATCH_KIND_REUSE;

	switch (field) {
	case TCPWATCH_FIELD_CAUSE:
		return word(buf, any, any ? tcpwatch_cause_names[event->facts.cause] : NULL);
	case TCPWATCH_FIELD_THANKS:
		return word(buf, any, any ? tcpwatch_thanks_names[event->facts.thanks] : NULL);
	case TCPWATCH_FIELD_TW_REUSE:
		return number(buf, any, event->facts.sysctl_tw_reuse);
	default:
		return false;
	}
}

/* What an event does not have: a reuse was not refused, and a packet has no process. */
static bool lacks(const struct tcpwatch_event *event, enum field field)
{
	if (event->facts.kind != TCPWATCH_KIND_REUSE)
		return false;
	if (event->facts.call == TCPWATCH_CALL_NONE &&
	    field >= TCPWATCH_FIELD_WANT && field <= TCPWATCH_FIELD_CGROUP)
		return true;
	return field == TCPWATCH_FIELD_RULE || field == TCPWATCH_FIELD_FIX ||
	       field == TCPWATCH_FIELD_RELATION;
}

static bool put(struct seq_buf *buf, const struct tcpwatch_event *event,
		const struct tcpwatch_reader *reader, enum field field)
{
	if (lacks(event, field))
		return false;
	if (field >= TCPWATCH_FIELD_CAUSE)
		return put_reuse(buf, event, field);
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

void tcpwatch_fields_line(struct seq_buf *buf, const struct tcpwatch_event *event,
			  const struct tcpwatch_reader *reader)
{
	enum field field;
	size_t start;

	for (field = 0; field < TCPWATCH_FIELD_COUNT; field++) {
		start = buf->len;
		seq_buf_printf(buf, "%s%s=", field ? " " : "", keys[field]);
		if (!put(buf, event, reader, field))
			buf->len = start;
	}
	seq_buf_printf(buf, "\n");
}

/* Nobody made the call, so who did is not told; and of one that would succeed no more. */
static bool belongs_in_answer(const struct tcpwatch_event *event, enum field field)
{
	if (field >= TCPWATCH_FIELD_PID && field <= TCPWATCH_FIELD_CGROUP)
		return field == TCPWATCH_FIELD_UID;
	if (event->facts.error || field == TCPWATCH_FIELD_TO)
		return true;
	return field < TCPWATCH_FIELD_PID && field != TCPWATCH_FIELD_ERRNO;
}

void tcpwatch_fields_answer(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader)
{
	enum field field;
	size_t start;

	seq_buf_printf(buf, "event=why verdict=%s", event->facts.error ? "refused" : "free");
	for (field = TCPWATCH_FIELD_CALL; field < TCPWATCH_FIELD_COUNT; field++) {
		if (!belongs_in_answer(event, field))
			continue;
		start = buf->len;
		seq_buf_printf(buf, " %s=", keys[field]);
		if (!put(buf, event, reader, field))
			buf->len = start;
	}
	seq_buf_printf(buf, "\n");
}

void tcpwatch_fields_row(struct seq_buf *buf, const struct tcpwatch_event *event,
			 const struct tcpwatch_reader *reader)
{
	enum field field;

	for (field = 0; field < TCPWATCH_FIELD_COUNT; field++) {
		if (field)
			seq_buf_printf(buf, "\t");
		if (!event)
			seq_buf_printf(buf, "%s", keys[field]);
		else if (!put(buf, event, reader, field))
			seq_buf_printf(buf, "-");
	}
	seq_buf_printf(buf, "\n");
}
