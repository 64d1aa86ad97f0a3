// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "backlog.h"
#include "cells.h"
#include "cgroup.h"
#include "format.h"
#include "listing.h"
#include "owner.h"
#include "reader.h"
#include "roster.h"

/**
 * struct listing - one open table
 * @reader: for whom
 * @roster: the listeners
 * @owners: who has them open; of so many lines at a time as one scan looks for
 * @scanned: the first line that @owners does not answer for
 * @cgroup: the last one
 * @path: and a path
 * @text: and a cell
 */
struct listing {
	struct tcpwatch_reader reader;
	struct tcpwatch_roster roster;
	struct tcpwatch_owners owners;
	unsigned int scanned;
	struct tcpwatch_cgroup cgroup;
	char path[TCPWATCH_CGROUP_LEN];
	char text[TCPWATCH_CELL];
};

/* One scan of the processes serves as many lines as it can. */
static void scan_from(struct listing *listing, unsigned int first)
{
	unsigned int i;

	tcpwatch_owners_init(&listing->owners);
	for (i = first; i < listing->roster.count; i++) {
		if (!tcpwatch_owners_add(&listing->owners, listing->roster.lines[i].row.is.ino))
			break;
	}
	listing->scanned = i;
	tcpwatch_owners_scan(&listing->owners);
}

static void put_task(struct seq_file *m, struct listing *listing, bool any,
		     const struct tcpwatch_task *task)
{
	tcpwatch_cell_number(m, any, any ? tcpwatch_reader_pid(&listing->reader, task) : 0);
	tcpwatch_cell_text(m, any, any ? task->comm : "", listing->text);
}

static void put_owner(struct seq_file *m, struct listing *listing,
		      const struct tcpwatch_listener *row)
{
	const struct tcpwatch_owner *owner = tcpwatch_owners_find(&listing->owners, row->is.ino);
	bool any = row->is.ino && owner && owner->count;

	put_task(m, listing, any, any ? &owner->task : NULL);
	tcpwatch_cell_number(m, any, any ? owner->count : 0);
	if (any)
		seq_printf(m, "\t%c", owner->state);
	else
		seq_puts(m, "\t-");
	tcpwatch_cell_number(m, uid_valid(row->is.uid),
			     tcpwatch_reader_uid(&listing->reader, row->is.uid));
	tcpwatch_cgroup_path(listing->path, row->is.cgroup, &listing->cgroup);
	tcpwatch_cell_text(m, true, listing->path, listing->text);
	put_task(m, listing, row->task.pid, &row->task);
}

/* n:count - so many waited less than n us, and not less than half of it. */
static void put_waits(struct seq_file *m, const struct tcpwatch_listener *row)
{
	const char *between = "\t";
	unsigned long count;
	int i;

	for (i = 0; i < TCPWATCH_WAITS; i++) {
		count = atomic_long_read(&row->waits[i]);
		if (!count)
			continue;
		seq_printf(m, "%s%llu:%lu", between, BIT_ULL(i), count);
		between = ",";
	}
	if (*between == '\t')
		seq_puts(m, "\t-");
	tcpwatch_cell_number(m, true, atomic_long_read(&row->waits_lost));
}

/* Since then, for what is noted in jiffies. */
static u64 ago_ms(unsigned long then)
{
	return jiffies64_to_msecs(jiffies - then);
}

static void show_line(struct seq_file *m, struct listing *listing,
		      const struct tcpwatch_roster_line *line)
{
	const struct tcpwatch_listener *row = &line->row;
	unsigned long accepted = atomic_long_read(&row->accepted);
	int i;

	seq_printf(m, "%u", row->netns);
	tcpwatch_cell_address(m, &row->is, false, listing->text);
	tcpwatch_cell_number(m, row->is.bind.dev, row->is.bind.dev);
	tcpwatch_cell_number(m, line->group, line->group);
	put_owner(m, listing, row);
	tcpwatch_cell_number(m, true, tcpwatch_format_ms(row->since, ktime_get_boottime_ns()));
	if (row->asked_known)
		seq_printf(m, "\t%d", row->asked);
	else
		seq_puts(m, "\t-");
	tcpwatch_cell_number(m, true, row->somaxconn);
	tcpwatch_cell_number(m, true, line->live.backlog);
	tcpwatch_cell_number(m, true, line->live.accept_now);
	tcpwatch_cell_number(m, true, row->accept_max);
	tcpwatch_cell_number(m, row->accept_max, ago_ms(row->accept_max_at));
	tcpwatch_cell_number(m, true, line->live.syn_now);
	tcpwatch_cell_number(m, true, row->syn_max);
	tcpwatch_cell_number(m, row->syn_max, ago_ms(row->syn_max_at));
	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++)
		tcpwatch_cell_number(m, true, atomic_long_read(&row->counts.of[i]));
	tcpwatch_cell_number(m, true, accepted);
	tcpwatch_cell_number(m, accepted, ago_ms(row->accepted_at));
	tcpwatch_cell_number(m, line->stuck_ms, line->stuck_ms);
	tcpwatch_roster_marks(m, line, "\t");
	put_waits(m, row);
	seq_putc(m, '\n');
}

/* Position 0 is the header. */
static void *tcpwatch_listing_start(struct seq_file *m, loff_t *pos)
{
	struct listing *listing = m->private;

	/* of whom was looked for, the last are known: who reads again begins again */
	if (!*pos)
		listing->scanned = 0;
	return *pos <= listing->roster.count ? listing : NULL;
}

static void *tcpwatch_listing_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return tcpwatch_listing_start(m, pos);
}

static void tcpwatch_listing_stop(struct seq_file *m, void *v)
{
}

static int tcpwatch_listing_line(struct seq_file *m, void *v)
{
	struct listing *listing = v;
	int i;

	if (m->index) {
		if (m->index > listing->scanned)
			scan_from(listing, m->index - 1);
		show_line(m, listing, &listing->roster.lines[m->index - 1]);
		return 0;
	}
	seq_puts(m, "netns\taddress\tdev\tgroup\tpid\tcomm\tprocs\truns\tuid\tcgroup");
	seq_puts(m, "\tlistened_pid\tlistened_comm\tsince_ms\tasked\tsomaxconn\tbacklog");
	seq_puts(m, "\taccept_now\taccept_max\taccept_max_ms\tsyn_now\tsyn_max\tsyn_max_ms");
	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++)
		seq_printf(m, "\t%s", tcpwatch_knock_names[i]);
	seq_puts(m, "\taccepted\taccepted_ms\tstuck_ms\tmarks\twaits_us\twaits_lost\n");
	return 0;
}

static const struct seq_operations listing_ops = {
	.start = tcpwatch_listing_start,
	.next = tcpwatch_listing_next,
	.stop = tcpwatch_listing_stop,
	.show = tcpwatch_listing_line,
};

static int tcpwatch_listing_open(struct inode *inode, struct file *file)
{
	struct listing *listing;
	int err;

	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	listing = __seq_open_private(file, &listing_ops, sizeof(*listing));
	if (!listing)
		return -ENOMEM;
	tcpwatch_reader_open(&listing->reader, file);
	err = tcpwatch_roster_take(&listing->roster, 0);
	if (err)
		seq_release_private(inode, file);
	return err;
}

static int tcpwatch_listing_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct listing *listing = m->private;

	tcpwatch_roster_free(&listing->roster);
	return seq_release_private(inode, file);
}

const struct file_operations tcpwatch_listing_table = {
	.owner = THIS_MODULE,
	.open = tcpwatch_listing_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = tcpwatch_listing_release,
};

static int tcpwatch_reconcile_show(struct seq_file *m, void *v)
{
	struct tcpwatch_reconciled sums[TCPWATCH_MIB_COUNT];
	struct net *net;
	int i;

	tcpwatch_backlog_settle();
	seq_puts(m, "netns\tcounter\tkernel\tlisteners\tunattributed\n");
	down_read(&net_rwsem);
	for_each_net(net) {
		tcpwatch_listeners_reconcile(sums, net);
		for (i = 0; i < TCPWATCH_MIB_COUNT; i++)
			seq_printf(m, "%u\t%s\t%lu\t%lu\t%ld\n", net->ns.inum,
				   tcpwatch_mib_names[i], sums[i].kernel, sums[i].ours,
				   (long)(sums[i].kernel - sums[i].ours));
	}
	up_read(&net_rwsem);
	return 0;
}

static int tcpwatch_reconcile_open(struct inode *inode, struct file *file)
{
	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	return single_open(file, tcpwatch_reconcile_show, NULL);
}

const struct file_operations tcpwatch_listing_reconcile = {
	.owner = THIS_MODULE,
	.open = tcpwatch_reconcile_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
