/* SPDX-License-Identifier: GPL-2.0 */
/* The section of /proc/tcpwatch on what ports are used for. */
#ifndef _TCPWATCH_TRAFFIC_H
#define _TCPWATCH_TRAFFIC_H

struct seq_file;
struct tcpwatch_reader;

/**
 * tcpwatch_traffic_show() - print totals, and the ports with which something is wrong
 * @m: where to
 * @reader: for whom: its network namespace, or all
 *
 * Context: process, sleeps.
 * Return: 0, -ENOMEM, or -EINTR when the reader is killed.
 */
int tcpwatch_traffic_show(struct seq_file *m, const struct tcpwatch_reader *reader);

#endif /* _TCPWATCH_TRAFFIC_H */
