// SPDX-License-Identifier: GPL-2.0
/*
 * seq_buf_printf() only: the lowest of its kind that every supported kernel
 * exports.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <net/tcp_states.h>

#include "format.h"
#include "reader.h"

static const char *const state_names[] = {
	[TCP_ESTABLISHED] = "ESTABLISHED",
	[TCP_SYN_SENT] = "SYN-SENT",
	[TCP_SYN_RECV] = "SYN-RECEIVED",
	[TCP_FIN_WAIT1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT2] = "FIN-WAIT-2",
	[TCP_TIME_WAIT] = "TIME-WAIT",
	[TCP_CLOSE] = "BOUND",
	[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_LAST_ACK] = "LAST-ACK",
	[TCP_LISTEN] = "LISTEN",
	[TCP_CLOSING] = "CLOSING",
};

const char *tcpwatch_format_state(const struct tcpwatch_sock *sock)
{
	u8 state = sock->substate;

	if (state >= ARRAY_SIZE(state_names) || !state_names[state])
		return "-";
	return state_names[state];
}

const char *tcpwatch_format_errno(u8 error)
{
	switch (error) {
	case EADDRINUSE:
		return "EADDRINUSE";
	case EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	case EACCES:
		return "EACCES";
	default:
		return "-";
	}
}

static void put_byte(struct seq_buf *buf, unsigned char byte, bool quoted)
{
	if (byte < 0x20 || byte > 0x7e)
		seq_buf_printf(buf, "\\x%02x", byte);
	else if (quoted && (byte == '"' || byte == '\\'))
		seq_buf_printf(buf, "\\%c", byte);
	else
		seq_buf_printf(buf, "%c", byte);
}

/* How many bytes there are before one that is not to be printed as it is. */
static int plain(const char *text)
{
	int n = 0;

	while (text[n] > 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

void tcpwatch_format_text(struct seq_buf *buf, const char *text)
{
	bool quoted = !*text || strpbrk(text, " \"\\=");
	int n;

	if (quoted)
		seq_buf_printf(buf, "\"");
	while (*text) {
		n = plain(text);
		if (n)
			seq_buf_printf(buf, "%.*s", n, text);
		text += n;
		if (*text)
			put_byte(buf, *text++, quoted);
	}
	if (quoted)
		seq_buf_printf(buf, "\"");
}

void tcpwatch_format_address(struct seq_buf *buf, const struct tcpwatch_sock *sock, bool peer)
{
	const struct in6_addr *addr = peer ? &sock->peer : &sock->bind.addr;
	u16 port = peer ? sock->peer_port : sock->port;

	if (sock->bind.family == AF_INET)
		seq_buf_printf(buf, "%pI4:%u", &addr->s6_addr32[3], port);
	else
		seq_buf_printf(buf, "[%pI6c]:%u", addr, port);
}

void tcpwatch_format_who(struct seq_buf *buf, const struct tcpwatch_task *task,
			 const struct tcpwatch_reader *reader)
{
	if (!tcpwatch_reader_knows(reader, task)) {
		seq_buf_printf(buf, "(another user's process)");
		return;
	}
	tcpwatch_format_text(buf, task->comm);
	seq_buf_printf(buf, "[%d]", tcpwatch_reader_pid(reader, task));
}

void tcpwatch_format_fix(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	unsigned int fix;

	for (fix = 0; fix < TCPWATCH_FIX_COUNT; fix++) {
		if (event->facts.fixes & BIT(fix))
			break;
	}
	if (fix == TCPWATCH_FIX_COUNT) {
		seq_buf_printf(buf, "%s", tcpwatch_rule_advice[event->facts.rule]);
		return;
	}
	seq_buf_printf(buf, "%s", tcpwatch_fix_texts[fix]);
	if (fix == TCPWATCH_FIX_WAIT)
		seq_buf_printf(buf, " in %u s, %s %s", DIV_ROUND_UP(event->facts.frees_ms, 1000),
			       event->facts.rule == TCPWATCH_RULE_TIME_WAIT ? "and" : "or",
			       tcpwatch_rule_advice[event->facts.rule]);
}

u64 tcpwatch_format_ms(u64 from, u64 to)
{
	/* two CPUs may be stamped in one order and served in the other */
	return to > from ? div_u64(to - from, NSEC_PER_MSEC) : 0;
}

static void put_age(struct seq_buf *buf, u64 ms)
{
	u32 s = min_t(u64, div_u64(ms, 1000), U32_MAX);

	tcpwatch_format_age(buf, s);
}

/* A process that has it open, or why there is none. */
static void put_process(struct seq_buf *buf, const struct tcpwatch_event *event,
			const struct tcpwatch_reader *reader)
{
	const struct tcpwatch_found *found = &event->found;

	if (found->owner.pid) {
		seq_buf_printf(buf, " ");
		tcpwatch_format_who(buf, &found->owner, reader);
		return;
	}
	switch (event->facts.holder.belongs) {
	case TCPWATCH_BELONGS_TIME_WAIT:
		seq_buf_printf(buf, ", no process");
		break;
	case TCPWATCH_BELONGS_KERNEL:
		seq_buf_printf(buf, ", a socket of the kernel, no process");
		break;
	case TCPWATCH_BELONGS_ORPHAN:
		seq_buf_printf(buf, ", orphan: no process");
		break;
	case TCPWATCH_BELONGS_UNACCEPTED:
		seq_buf_printf(buf, ", not accepted yet: no process");
		break;
	}
}

/* Who bound it, where that tells more than who holds it. */
static void put_bound(struct seq_buf *buf, const struct tcpwatch_event *event,
		      const struct tcpwatch_reader *reader)
{
	const struct tcpwatch_bound *bound = &event->found.bound;
	bool left = event->facts.holder.bind.state == TCP_TIME_WAIT;

	if (!bound->task.pid || (bound->task.pid == event->found.owner.pid && !bound->exited))
		return;
	seq_buf_printf(buf, left ? ", left by " : ", bound by ");
	tcpwatch_format_who(buf, &bound->task, reader);
	if (!bound->exited || !tcpwatch_reader_knows(reader, &bound->task))
		return;
	seq_buf_printf(buf, ", which exited");
	if (bound->exited_at) {
		seq_buf_printf(buf, " ");
		put_age(buf, tcpwatch_format_ms(bound->exited_at, event->facts.time));
		seq_buf_printf(buf, " before");
	}
}

static void put_range(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	const struct tcpwatch_range *range = &event->found.range;

	seq_buf_printf(buf, "all of %u-%u", event->facts.range_lo, event->facts.range_hi);
	if (range->known)
		seq_buf_printf(buf, ": %u reserved, %u in use (%u in TIME-WAIT, %u bound)",
			       range->reserved, range->used, range->time_wait, range->bound);
}

void tcpwatch_format_holder(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader)
{
	const struct tcpwatch_sock *holder = &event->facts.holder;

	if (event->facts.range_hi) {
		put_range(buf, event);
		return;
	}
	if (!event->facts.holders) {
		seq_buf_printf(buf, event->facts.error == EADDRNOTAVAIL ? "-" :
			       "nobody that could be seen");
		return;
	}
	tcpwatch_format_address(buf, holder, false);
	if (holder->peer_port) {
		seq_buf_printf(buf, "->");
		tcpwatch_format_address(buf, holder, true);
	}
	seq_buf_printf(buf, " %s", tcpwatch_format_state(holder));
	put_process(buf, event, reader);
	put_bound(buf, event, reader);
	if (event->facts.frees_ms)
		seq_buf_printf(buf, ", free in %u s", DIV_ROUND_UP(event->facts.frees_ms, 1000));
	if (event->facts.holders > 1)
		seq_buf_printf(buf, " and %u%s more", event->facts.holders - 1,
			       event->facts.holders_capped ? " or" : "");
}

/* What was wanted: an address, of connect() both ends. */
void tcpwatch_format_want(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	tcpwatch_format_address(buf, &event->facts.want, false);
	if (event->facts.call != TCPWATCH_CALL_CONNECT)
		return;
	seq_buf_printf(buf, "->");
	tcpwatch_format_address(buf, &event->facts.want, true);
}

void tcpwatch_format_age(struct seq_buf *buf, u32 seconds)
{
	if (seconds < 60)
		seq_buf_printf(buf, "%us", seconds);
	else if (seconds < 3600)
		seq_buf_printf(buf, "%um%02us", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		seq_buf_printf(buf, "%uh%02um", seconds / 3600, seconds / 60 % 60);
	else
		seq_buf_printf(buf, "%ud%02uh", seconds / 86400, seconds / 3600 % 24);
}

static void format_stuck(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	const struct tcpwatch_facts *facts = &event->facts;

	tcpwatch_format_address(buf, &facts->holder, false);
	seq_buf_printf(buf, " netns %u: nobody has accepted for %u s, and %u of %u+1 wait: ",
		       facts->netns, facts->stuck_ms / 1000, facts->accept_now, facts->backlog);
	seq_buf_printf(buf, "held by ");
	tcpwatch_format_holder(buf, event, NULL);
	if (event->found.owners)
		seq_buf_printf(buf, " (%c)", event->found.owner_state);
}

void tcpwatch_format_alert(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	if (event->facts.kind == TCPWATCH_KIND_STUCK) {
		format_stuck(buf, event);
		return;
	}
	seq_buf_printf(buf, "%s ", tcpwatch_call_names[event->facts.call]);
	tcpwatch_format_want(buf, event);
	seq_buf_printf(buf, " refused (%s) to ", tcpwatch_rule_names[event->facts.rule]);
	tcpwatch_format_who(buf, &event->facts.task, NULL);
	seq_buf_printf(buf, " uid %u netns %u",
		       from_kuid_munged(&init_user_ns, event->facts.task.uid), event->facts.netns);
	if (event->facts.holders || event->facts.range_hi || event->facts.error == EADDRINUSE) {
		seq_buf_printf(buf, event->facts.range_hi ? ": " : ": held by ");
		tcpwatch_format_holder(buf, event, NULL);
	}
	seq_buf_printf(buf, "; ");
	tcpwatch_format_fix(buf, event);
}
