// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/socket.h>

#include "cells.h"
#include "census.h"
#include "cgroup.h"
#include "pools.h"
#include "reader.h"
#include "tables.h"

/**
 * struct timewait_table - one open file of TIME-WAIT
 * @reader: for whom
 * @census: what there is
 * @cgroup: the last one
 * @row: of the line being shown, its row in the ledger
 * @path: and a path
 * @text: and a cell
 */
struct timewait_table {
	struct tcpwatch_reader reader;
	struct tcpwatch_census census;
	struct tcpwatch_cgroup cgroup;
	struct tcpwatch_ledger_row row;
	char path[TCPWATCH_CGROUP_LEN];
	char text[TCPWATCH_CELL];
};

static void put_peer(struct seq_file *m, u16 family, const struct in6_addr *addr, u16 port,
		     char *text)
{
	const struct tcpwatch_sock sock = {
		.bind.family = family,
		.peer = *addr,
		.peer_port = port,
	};

	tcpwatch_cell_address(m, &sock, true, text);
}

static void put_owner(struct seq_file *m, struct timewait_table *table,
		      const struct tcpwatch_census_line *line)
{
	struct tcpwatch_census_owner owner;
	const struct tcpwatch_task *task = &owner.task;

	tcpwatch_census_find_owner(&owner, line, &table->row);
	tcpwatch_cell_number(m, task->pid, tcpwatch_reader_pid(&table->reader, task));
	tcpwatch_cell_text(m, task->pid, task->comm, table->text);
	tcpwatch_cell_number(m, uid_valid(owner.uid),
			     tcpwatch_reader_uid(&table->reader, owner.uid));
	tcpwatch_cgroup_path(table->path, owner.cgroup, &table->cgroup);
	tcpwatch_cell_text(m, *table->path, table->path, table->text);
	tcpwatch_cell_number(m, task->pid && line->kind == TCPWATCH_CENSUS_LOCAL, owner.exited);
}

static void show_line(struct seq_file *m, struct timewait_table *table,
		      const struct tcpwatch_census_line *line)
{
	const struct tcpwatch_ages *ages = &line->ages;
	bool any = ages->time_wait || ages->fin_wait2;
	int i;

	tcpwatch_census_row(&table->row, line);
	seq_printf(m, "%u", line->netns);
	tcpwatch_cell_number(m, line->port, line->port);
	if (line->peer_port)
		put_peer(m, line->family, &line->peer, line->peer_port, table->text);
	else
		seq_puts(m, "\t-");
	tcpwatch_cell_number(m, true, ages->time_wait);
	tcpwatch_cell_number(m, true, ages->fin_wait2);
	tcpwatch_cell_number(m, ages->time_wait, ages->oldest_ms);
	tcpwatch_cell_number(m, ages->time_wait, ages->newest_ms);
	tcpwatch_cell_number(m, any, ages->next_ms);
	tcpwatch_cell_number(m, any, ages->last_ms);
	for (i = 0; i < TCPWATCH_TALLY_COUNT; i++)
		tcpwatch_cell_number(m, table->row.account,
				     atomic_long_read(&table->row.tallies[i]));
	put_owner(m, table, line);
	seq_putc(m, '\n');
}

/* Position 0 is the header. */
static void *tcpwatch_timewait_start(struct seq_file *m, loff_t *pos)
{
	struct timewait_table *table = m->private;

	return *pos <= table->census.count ? table : NULL;
}

static void *tcpwatch_timewait_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return tcpwatch_timewait_start(m, pos);
}

static void tcpwatch_timewait_stop(struct seq_file *m, void *v)
{
}

static int tcpwatch_timewait_show(struct seq_file *m, void *v)
{
	struct timewait_table *table = v;
	int i;

	if (m->index) {
		show_line(m, table, &table->census.lines[m->index - 1]);
		return 0;
	}
	seq_puts(m, "netns\tport\tpeer\ttime_wait\tfin_wait2\toldest_ms\tnewest_ms\tnext_ms\tlast_ms");
	for (i = 0; i < TCPWATCH_TALLY_COUNT; i++)
		seq_printf(m, "\t%s", tcpwatch_tally_names[i]);
	seq_puts(m, "\tpid\tcomm\tuid\tcgroup\texited\n");
	return 0;
}

static const struct seq_operations timewait_ops = {
	.start = tcpwatch_timewait_start,
	.next = tcpwatch_timewait_next,
	.stop = tcpwatch_timewait_stop,
	.show = tcpwatch_timewait_show,
};

static int tcpwatch_timewait_open(struct inode *inode, struct file *file)
{
	struct timewait_table *table;
	int err;

	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	table = __seq_open_private(file, &timewait_ops, sizeof(*table));
	if (!table)
		return -ENOMEM;
	tcpwatch_reader_open(&table->reader, file);
	err = tcpwatch_census_take(&table->census, 0);
	if (err)
		seq_release_private(inode, file);
	return err;
}

static int tcpwatch_timewait_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct timewait_table *table = m->private;

	tcpwatch_census_free(&table->census);
	return seq_release_private(inode, file);
}

const struct file_operations tcpwatch_tables_timewait = {
	.owner = THIS_MODULE,
	.open = tcpwatch_timewait_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = tcpwatch_timewait_release,
};

/* All namespaces' ranges, each with its pools. */
static int show_pools(struct tcpwatch_pools *pools, void *arg)
{
	struct seq_file *m = arg;
	char text[TCPWATCH_CELL];
	unsigned int i;

	seq_printf(m, "%u\t%u-%u\t%u\t-\t-\t%u\t%u\t-\t%u\t%u\t-\t-\n", pools->netns,
		   pools->range.lo, pools->range.hi, pools->range.reserved, pools->range.used,
		   pools->range.time_wait, pools->range.bound, pools->range.free);
	for (i = 0; i < pools->count; i++) {
		const struct tcpwatch_pool *pool = &pools->pools[i];

		seq_printf(m, "%u\t%u-%u\t%u", pools->netns, pools->range.lo, pools->range.hi,
			   pools->range.reserved);
		if (pool->family == AF_INET)
			seq_printf(m, "\t%pI4", &pool->source.s6_addr32[3]);
		else
			seq_printf(m, "\t%pI6c", &pool->source);
		put_peer(m, pool->family, &pool->addr, pool->port, text);
		seq_printf(m, "\t%u\t%u\t%u\t%u\t%u\t%u\t%u\n", pool->ports, pool->time_wait,
			   pool->reusable, pools->range.bound, tcpwatch_pool_free(pools, pool),
			   tcpwatch_pool_percent(pools, pool), pools->crowded);
	}
	return 0;
}

static int tcpwatch_ephemeral_show(struct seq_file *m, void *v)
{
	seq_puts(m, "netns\trange\treserved\tfrom\tto\tused\ttime_wait\treusable\tbound\tfree\tpercent\tcrowded\n");
	return tcpwatch_pools_each(show_pools, m);
}

static int tcpwatch_ephemeral_open(struct inode *inode, struct file *file)
{
	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	return single_open(file, tcpwatch_ephemeral_show, NULL);
}

const struct file_operations tcpwatch_tables_ephemeral = {
	.owner = THIS_MODULE,
	.open = tcpwatch_ephemeral_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
