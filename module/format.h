/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pieces of which all views are made. All text from processes goes through
 * one escape: printable ASCII as it is, every other byte as \xHH, in double
 * quotes when it holds a space, a quote, a backslash or an equals sign.
 */
#ifndef _TCPWATCH_FORMAT_H
#define _TCPWATCH_FORMAT_H

#include <linux/seq_buf.h>
#include "event.h"

struct tcpwatch_reader;

/**
 * tcpwatch_format_alert() - an event as a sentence for the kernel log
 * @buf: where to
 * @event: the event
 *
 * Context: any.
 */
void tcpwatch_format_alert(struct seq_buf *buf, const struct tcpwatch_event *event);

/**
 * tcpwatch_format_text() - text from a process, escaped
 * @buf: where to
 * @text: hostile text
 *
 * Context: any.
 */
void tcpwatch_format_text(struct seq_buf *buf, const char *text);

/**
 * tcpwatch_format_address() - an address and port as ss prints them
 * @buf: where to
 * @sock: whose
 * @peer: the remote end instead of the local one
 *
 * Context: any.
 */
void tcpwatch_format_address(struct seq_buf *buf, const struct tcpwatch_sock *sock, bool peer);

/**
 * tcpwatch_format_who() - a task as name[pid]
 * @buf: where to
 * @task: the task
 * @reader: for whom; NULL: for the kernel log, which knows the initial pids
 *
 * Context: any.
 */
void tcpwatch_format_who(struct seq_buf *buf, const struct tcpwatch_task *task,
			 const struct tcpwatch_reader *reader);

/**
 * tcpwatch_format_holder() - who or what holds the port, in a few words
 * @buf: where to
 * @event: an event
 * @reader: for whom; NULL: for the kernel log
 *
 * Context: any.
 */
void tcpwatch_format_holder(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader);

/**
 * tcpwatch_format_fix() - the smallest change that would have helped
 * @buf: where to
 * @event: the event
 *
 * Context: any.
 */
void tcpwatch_format_fix(struct seq_buf *buf, const struct tcpwatch_event *event);

/**
 * tcpwatch_format_want() - what was asked for
 * @buf: where to
 * @event: an event
 *
 * Context: any.
 */
void tcpwatch_format_want(struct seq_buf *buf, const struct tcpwatch_event *event);

/**
 * tcpwatch_format_age() - a time span as a person says it
 * @buf: where to
 * @seconds: how long
 *
 * Context: any.
 */
void tcpwatch_format_age(struct seq_buf *buf, u32 seconds);

/**
 * tcpwatch_format_ms() - how long from one moment to another
 * @from: the first, in nanoseconds
 * @to: the second
 *
 * Context: any.
 * Return: milliseconds.
 */
u64 tcpwatch_format_ms(u64 from, u64 to);

/**
 * tcpwatch_format_state() - the name of a socket's state
 * @sock: the socket
 *
 * Context: any.
 * Return: as in RFC 9293, or BOUND for one that is bound and nothing more.
 */
const char *tcpwatch_format_state(const struct tcpwatch_sock *sock);

/**
 * tcpwatch_format_errno() - the name of an errno
 * @error: the errno, positive
 *
 * Context: any.
 * Return: the name of one that a refusal can have.
 */
const char *tcpwatch_format_errno(u8 error);

#endif /* _TCPWATCH_FORMAT_H */
