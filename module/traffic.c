// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "format.h"
#include "portset.h"
#include "reader.h"
#include "traffic.h"
#include "usage.h"
#include "walk.h"

/* Ports on the page; the table in debugfs has them all. */
#define MOST	8

/* A name of which each byte is escaped, and a number. */
#define CELL	128

/**
 * struct traffic - the section under way
 * @reader: for whom
 * @usage: a port
 * @sum: all of them
 * @wrong: how many have something wrong with them
 * @cell: where a cell is formatted
 */
struct traffic {
	const struct tcpwatch_reader *reader;
	struct tcpwatch_usage usage;
	struct tcpwatch_sum sum;
	unsigned int wrong;
	char cell[CELL];
};

/* Who bound it, or else whose it is: a page that anybody may read scans no processes. */
static const char *who(struct traffic *traffic)
{
	const struct tcpwatch_usage *usage = &traffic->usage;
	struct seq_buf buf;

	seq_buf_init(&buf, traffic->cell, CELL - 1);
	if (usage->bound_known)
		tcpwatch_format_who(&buf, &usage->bound.task, traffic->reader);
	else if (uid_valid(usage->is.uid))
		seq_buf_printf(&buf, "uid %u", tcpwatch_reader_uid(traffic->reader, usage->is.uid));
	else
		seq_buf_printf(&buf, "-");
	traffic->cell[min_t(size_t, buf.len, CELL - 1)] = '\0';
	return traffic->cell;
}

static void put_count(struct seq_file *m, const struct tcpwatch_peer *peer)
{
	tcpwatch_peers_print(m, peer);
	seq_printf(m, ": %u\n", peer->count);
}

static void show_port(struct seq_file *m, struct traffic *traffic,
		      const struct tcpwatch_port *port, u32 sockets)
{
	const struct tcpwatch_usage *usage = &traffic->usage;

	if (!traffic->wrong++)
		seq_printf(m, "%s%-6s %8s  %-34s %s\n", traffic->reader->all ? "NETNS      " : "",
			   "PORT", "SOCKETS", "MARKS", "BY");
	if (traffic->wrong > MOST)
		return;
	if (traffic->reader->all)
		seq_printf(m, "%-10u ", port->netns);
	seq_printf(m, "%-6u %8u", port->port, sockets);
	tcpwatch_usage_wrongs(m, "  ", usage);
	seq_printf(m, "  %s\n", who(traffic));
	if (!usage->peers.top)
		return;
	seq_printf(m, "        %u%s peers, most with ", usage->peers.count,
		   usage->peers.more ? "+" : "");
	put_count(m, usage->peers.top);
}

static void show_sum(struct seq_file *m, struct traffic *traffic, unsigned int ports)
{
	const struct tcpwatch_usage *sum = &traffic->sum.usage;
	const char *between = "";
	unsigned int i;

	seq_printf(m, "%u in use: %u listening, %u accepted, %u initiated, %u bound\n", ports,
		   sum->roles[TCPWATCH_ROLE_LISTENING], sum->roles[TCPWATCH_ROLE_ACCEPTED],
		   sum->roles[TCPWATCH_ROLE_INITIATED], sum->roles[TCPWATCH_ROLE_BOUND]);
	for (i = 0; i < TCPWATCH_STATE_COUNT; i++) {
		if (!sum->states[i] || i == TCPWATCH_STATE_LISTEN || i == TCPWATCH_STATE_CLOSE)
			continue;
		seq_printf(m, "%s%s %u", between, tcpwatch_state_names[i], sum->states[i]);
		between = ", ";
	}
	if (*between)
		seq_putc(m, '\n');
	if (sum->wrongs) {
		tcpwatch_usage_wrongs(m, "all together: ", sum);
		seq_putc(m, '\n');
	}
	if (sum->wrongs & BIT(TCPWATCH_WRONG_SYN_SENT) && sum->unanswered.top) {
		seq_puts(m, "most are not answered by ");
		put_count(m, sum->unanswered.top);
	}
}

static int show_all(struct seq_file *m, struct traffic *traffic,
		    const struct tcpwatch_in_use *in_use)
{
	const struct tcpwatch_port *port;
	unsigned int ports = 0;
	long sockets;

	seq_puts(m, "\nPorts, by a walk, not a snapshot\n");
	tcpwatch_sum_begin(&traffic->sum, traffic->reader->netns_cookie);
	for (port = in_use->ports; port < in_use->ports + in_use->count; port++) {
		sockets = tcpwatch_usage_take(&traffic->usage, port);
		if (sockets < 0)
			return sockets;
		if (!sockets)
			continue;
		ports++;
		tcpwatch_sum_add(&traffic->sum, &traffic->usage, port);
		if (traffic->usage.wrongs)
			show_port(m, traffic, port, sockets);
	}
	if (traffic->wrong > MOST)
		seq_printf(m, "and %u more: see ports in debugfs\n", traffic->wrong - MOST);
	tcpwatch_sum_judge(&traffic->sum);
	show_sum(m, traffic, ports);
	return 0;
}

int tcpwatch_traffic_show(struct seq_file *m, const struct tcpwatch_reader *reader)
{
	struct traffic *traffic = kvzalloc(sizeof(*traffic), GFP_KERNEL_ACCOUNT);
	const struct tcpwatch_portset all = {};
	struct tcpwatch_in_use in_use = {};
	int err = -ENOMEM;

	if (!traffic)
		return err;
	traffic->reader = reader;
	err = tcpwatch_usage_init(&traffic->usage) ?: tcpwatch_usage_init(&traffic->sum.usage) ?:
	      tcpwatch_in_use_take(&in_use, reader->all ? 0 : reader->netns_cookie, &all);
	if (!err)
		err = show_all(m, traffic, &in_use);
	tcpwatch_in_use_free(&in_use);
	tcpwatch_usage_free(&traffic->usage);
	tcpwatch_usage_free(&traffic->sum.usage);
	kvfree(traffic);
	return err;
}
