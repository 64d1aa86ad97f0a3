// SPDX-License-Identifier: GPL-2.0
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/net_namespace.h>

#include "census.h"
#include "compat.h"
#include "format.h"
#include "netns.h"
#include "pools.h"
#include "reader.h"
#include "section.h"
#include "stats.h"

/* Ports and destinations on the page; the table in debugfs has them all. */
#define MOST	5

/* Room for a cell. */
#define CELL	128

/**
 * struct view - one section being shown
 * @reader: for whom
 * @census: the sockets
 * @row: of the line being shown
 * @sums: of all rows
 * @cell: where a cell is formatted
 */
struct view {
	const struct tcpwatch_reader *reader;
	struct tcpwatch_census census;
	struct tcpwatch_ledger_row row;
	u64 sums[TCPWATCH_TALLY_COUNT];
	char cell[CELL];
};

static const char *end_cell(struct seq_buf *buf, struct view *view)
{
	view->cell[min(buf->len, sizeof(view->cell) - 1)] = '\0';
	return view->cell;
}

static const char *age(struct view *view, u32 ms, bool any)
{
	struct seq_buf buf;

	seq_buf_init(&buf, view->cell, sizeof(view->cell) - 1);
	if (any)
		tcpwatch_format_age(&buf, DIV_ROUND_UP(ms, MSEC_PER_SEC));
	else
		seq_buf_printf(&buf, "-");
	return end_cell(&buf, view);
}

static const char *whose(struct view *view, const struct tcpwatch_census_line *line)
{
	const struct tcpwatch_sock to = {
		.bind.family = line->family,
		.peer = line->peer,
		.peer_port = line->peer_port,
	};
	struct seq_buf buf;

	seq_buf_init(&buf, view->cell, sizeof(view->cell) - 1);
	if (line->port) {
		seq_buf_printf(&buf, ":%u", line->port);
	} else {
		seq_buf_printf(&buf, "to ");
		tcpwatch_format_address(&buf, &to, true);
	}
	return end_cell(&buf, view);
}

static const char *left_by(struct view *view, const struct tcpwatch_census_line *line)
{
	struct tcpwatch_census_owner owner;
	struct seq_buf buf;

	tcpwatch_census_find_owner(&owner, line, &view->row);
	seq_buf_init(&buf, view->cell, sizeof(view->cell) - 1);
	if (owner.task.pid)
		tcpwatch_format_who(&buf, &owner.task, view->reader);
	else if (uid_valid(owner.uid))
		seq_buf_printf(&buf, "uid %u", tcpwatch_reader_uid(view->reader, owner.uid));
	else
		seq_buf_printf(&buf, "-");
	if (owner.exited && tcpwatch_reader_knows(view->reader, &owner.task))
		seq_buf_printf(&buf, ", which exited");
	return end_cell(&buf, view);
}

static u32 total(const struct tcpwatch_census_line *line)
{
	return line->ages.time_wait + line->ages.fin_wait2;
}

static void show_line(struct seq_file *m, struct view *view,
		      const struct tcpwatch_census_line *line)
{
	const struct tcpwatch_ages *ages = &line->ages;
	const atomic_long_t *tallies = view->row.tallies;

	tcpwatch_census_row(&view->row, line);
	if (view->reader->all)
		seq_printf(m, "%-10u ", line->netns);
	seq_printf(m, "%-28s %6u ", whose(view, line), total(line));
	seq_printf(m, "%-6s ", age(view, ages->next_ms, total(line)));
	seq_printf(m, "%-6s ", age(view, ages->last_ms, total(line)));
	seq_printf(m, "%7ld %8ld %5ld  %s\n", atomic_long_read(&tallies[TCPWATCH_TALLY_ACTIVE]),
		   atomic_long_read(&tallies[TCPWATCH_TALLY_PASSIVE]),
		   atomic_long_read(&tallies[TCPWATCH_TALLY_SIMULTANEOUS]), left_by(view, line));
}

/* The line with the most sockets after those that were shown: they are crossed out. */
static struct tcpwatch_census_line *take_most(struct tcpwatch_census *census)
{
	struct tcpwatch_census_line *line, *most = NULL;

	for (line = census->lines; line < census->lines + census->count; line++) {
		if (line->kind != TCPWATCH_CENSUS_CHOSEN && total(line) &&
		    (!most || total(line) > total(most)))
			most = line;
	}
	return most;
}

static void add_sums(struct view *view)
{
	unsigned int i, n;

	for (i = 0; i < view->census.count; i++) {
		tcpwatch_census_row(&view->row, &view->census.lines[i]);
		for (n = 0; n < TCPWATCH_TALLY_COUNT; n++)
			view->sums[n] += atomic_long_read(&view->row.tallies[n]);
	}
}

/* Of all namespaces, so for those who see all. */
static void show_reasons(struct seq_file *m)
{
	struct tcpwatch_stats stats;
	int i;

	tcpwatch_stats_sum(&stats);
	for (i = TCPWATCH_STAT_TW_OFF; i <= TCPWATCH_STAT_TW_RACED; i++) {
		if (stats.stat[i])
			seq_printf(m, "        %s %llu\n", tcpwatch_stat_names[i], stats.stat[i]);
	}
}

static void show_timewait(struct seq_file *m, struct view *view, const struct net *net)
{
	struct tcpwatch_census_line *line;
	unsigned int shown = 0;

	seq_printf(m, "\nTIME-WAIT: %d of tcp_max_tw_buckets %d, tcp_tw_reuse %d\n",
		   compat_tw_count(net), READ_ONCE(net->ipv4.tcp_death_row.sysctl_max_tw_buckets),
		   READ_ONCE(net->ipv4.sysctl_tcp_tw_reuse));
	add_sums(view);
	while (shown < MOST && (line = take_most(&view->census))) {
		if (!shown++)
			seq_printf(m, "%s%-28s %6s %-6s %-6s %7s %8s %5s  %s\n",
				   view->reader->all ? "NETNS      " : "", "PORT OR DESTINATION",
				   "NOW", "NEXT", "LAST", "ACTIVE", "PASSIVE", "BOTH", "LEFT BY");
		show_line(m, view, line);
		line->ages = (struct tcpwatch_ages){};
	}
	seq_printf(m, "closed first: we %llu, the peer %llu, both %llu; %llu without TIME-WAIT (overflow)\n",
		   view->sums[TCPWATCH_TALLY_ACTIVE], view->sums[TCPWATCH_TALLY_PASSIVE],
		   view->sums[TCPWATCH_TALLY_SIMULTANEOUS], view->sums[TCPWATCH_TALLY_OVERFLOW]);
	seq_printf(m, "gave way to %llu bind, %llu connect, %llu SYN; not to %llu connect\n",
		   view->sums[TCPWATCH_TALLY_BIND_OVER], view->sums[TCPWATCH_TALLY_CONNECT],
		   view->sums[TCPWATCH_TALLY_SYN], view->sums[TCPWATCH_TALLY_REFUSED]);
	if (view->reader->all)
		show_reasons(m);
}

static void show_tightest(struct seq_file *m, const struct tcpwatch_pools *pools)
{
	const struct tcpwatch_pool *pool, *most = pools->pools;
	char text[CELL];
	struct seq_buf buf;

	for (pool = pools->pools; pool < pools->pools + pools->count; pool++) {
		if (pool->ports > most->ports)
			most = pool;
	}
	seq_buf_init(&buf, text, sizeof(text) - 1);
	tcpwatch_format_address(&buf, &(struct tcpwatch_sock){
		.bind.family = most->family, .peer = most->addr, .peer_port = most->port }, true);
	text[min(buf.len, sizeof(text) - 1)] = '\0';
	seq_printf(m, "most used: to %s, %u and %u free", text, most->ports,
		   tcpwatch_pool_free(pools, most));
	if (most->reusable)
		seq_printf(m, ", and %u that may be taken over", most->reusable);
	seq_putc(m, '\n');
}

static int show_ephemeral(struct seq_file *m, struct net *net)
{
	struct tcpwatch_pools *pools = kvmalloc(sizeof(*pools), GFP_KERNEL_ACCOUNT);
	const struct tcpwatch_range *range;

	if (!pools)
		return -ENOMEM;
	tcpwatch_pools_take(pools, net);
	range = &pools->range;
	seq_printf(m, "\nEphemeral ports %u-%u: %u used (%u in TIME-WAIT, %u bound), %u reserved, %u free\n",
		   range->lo, range->hi, range->used, range->time_wait, range->bound,
		   range->reserved, range->free);
	if (pools->count)
		show_tightest(m, pools);
	kvfree(pools);
	return 0;
}

int tcpwatch_section_show(struct seq_file *m, const struct tcpwatch_reader *reader)
{
	struct view *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	struct net *net = tcpwatch_netns_get(reader->netns_cookie);
	int err = -ENOMEM;

	if (view)
		err = tcpwatch_census_take(&view->census, reader->all ? 0 : reader->netns_cookie);
	if (!err && net) {
		view->reader = reader;
		show_timewait(m, view, net);
		err = show_ephemeral(m, net);
	}
	if (view)
		tcpwatch_census_free(&view->census);
	if (net)
		put_net(net);
	kfree(view);
	return err;
}
