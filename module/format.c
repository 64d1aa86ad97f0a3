// SPDX-License-Identifier: GPL-2.0
/*
 * seq_buf_printf() only: the lowest of its kind that every supported kernel
 * exports.
 */
#include <linux/kernel.h>
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

static void put_byte(struct seq_buf *buf, unsigned char byte, bool quoted)
{
	if (byte < 0x20 || byte > 0x7e)
		seq_buf_printf(buf, "\\x%02x", byte);
	else if (quoted && (byte == '"' || byte == '\\'))
		seq_buf_printf(buf, "\\%c", byte);
	else
		seq_buf_printf(buf, "%c", byte);
}

void tcpwatch_format_text(struct seq_buf *buf, const char *text)
{
	bool quoted = !*text || strpbrk(text, " \"\\=");

	if (quoted)
		seq_buf_printf(buf, "\"");
	for (; *text; text++)
		put_byte(buf, *text, quoted);
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
		if (event->fixes & BIT(fix))
			break;
	}
	if (fix == TCPWATCH_FIX_COUNT) {
		seq_buf_printf(buf, "%s", tcpwatch_rule_advice[event->rule]);
		return;
	}
	seq_buf_printf(buf, "%s", tcpwatch_fix_texts[fix]);
	if (fix == TCPWATCH_FIX_WAIT)
		seq_buf_printf(buf, " in %u s, and %s", DIV_ROUND_UP(event->frees_ms, 1000),
			       tcpwatch_rule_advice[TCPWATCH_RULE_TIME_WAIT]);
}

void tcpwatch_format_holder(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader)
{
	const struct tcpwatch_sock *holder = &event->holder;

	if (!event->holders) {
		seq_buf_printf(buf, "nobody that could be seen");
		return;
	}
	tcpwatch_format_address(buf, holder, false);
	if (holder->peer_port) {
		seq_buf_printf(buf, "->");
		tcpwatch_format_address(buf, holder, true);
	}
	seq_buf_printf(buf, " %s", tcpwatch_format_state(holder));
	if (event->owner.pid) {
		seq_buf_printf(buf, " ");
		tcpwatch_format_who(buf, &event->owner, reader);
	} else if (holder->bind.state == TCP_TIME_WAIT) {
		seq_buf_printf(buf, ", no process, free in %u s",
			       DIV_ROUND_UP(event->frees_ms, 1000));
	} else if (holder->kernel) {
		seq_buf_printf(buf, ", a socket of the kernel, no process");
	} else if (!holder->ino) {
		seq_buf_printf(buf, ", no process");
	}
	if (event->holders > 1)
		seq_buf_printf(buf, " and %u%s more", event->holders - 1,
			       event->holders_capped ? " or" : "");
}

void tcpwatch_format_alert(struct seq_buf *buf, const struct tcpwatch_event *event)
{
	seq_buf_printf(buf, "%s ", tcpwatch_call_names[event->call]);
	tcpwatch_format_address(buf, &event->want, false);
	seq_buf_printf(buf, " refused (%s) to ", tcpwatch_rule_names[event->rule]);
	tcpwatch_format_who(buf, &event->task, NULL);
	seq_buf_printf(buf, " uid %u netns %u: held by ",
		       from_kuid_munged(&init_user_ns, event->task.uid), event->netns);
	tcpwatch_format_holder(buf, event, NULL);
	seq_buf_printf(buf, "; ");
	tcpwatch_format_fix(buf, event);
}
