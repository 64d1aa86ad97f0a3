// SPDX-License-Identifier: GPL-2.0
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "cells.h"
#include "cgroup.h"
#include "portlist.h"
#include "portset.h"
#include "reader.h"
#include "usage.h"
#include "walk.h"

/**
 * struct portlist - one open table
 * @reader: for whom
 * @set: the ports it has chosen
 * @in_use: those of them that are in use
 * @usage: what one of them is used for
 * @at: which one, counted from 1; 0: none
 * @sockets: how many it has, or -errno
 * @sum: all ports of its network namespace up to that one
 * @cgroup: the last one
 * @path: and a path
 * @text: and a cell
 */
struct portlist {
	struct tcpwatch_reader reader;
	struct tcpwatch_portset set;
	struct tcpwatch_in_use in_use;
	struct tcpwatch_usage usage;
	unsigned int at;
	long sockets;
	struct tcpwatch_sum sum;
	struct tcpwatch_cgroup cgroup;
	char path[TCPWATCH_CGROUP_LEN];
	char text[TCPWATCH_CELL];
};

static void drop(struct portlist *list)
{
	tcpwatch_in_use_free(&list->in_use);
	list->at = 0;
}

/* Does another network namespace begin, or end, with this one? */
static bool is_edge(const struct portlist *list, unsigned int at, int step)
{
	const struct tcpwatch_port *ports = list->in_use.ports;

	at += step;
	return at >= list->in_use.count || ports[at].netns_cookie != ports[at - step].netns_cookie;
}

/* Once for each, whatever the reader's buffer makes of it. */
static long look_at(struct portlist *list, unsigned int at)
{
	const struct tcpwatch_port *port = &list->in_use.ports[at];
	long sockets;

	if (is_edge(list, at, -1))
		tcpwatch_sum_begin(&list->sum, port->netns_cookie);
	sockets = tcpwatch_usage_take(&list->usage, port);
	if (sockets < 0)
		return sockets;
	list->at = at + 1;
	if (sockets)
		tcpwatch_sum_add(&list->sum, &list->usage, port);
	if (is_edge(list, at, 1))
		tcpwatch_sum_judge(&list->sum);
	return sockets;
}

static void put_peer(struct seq_file *m, const struct tcpwatch_peers *peers)
{
	seq_putc(m, '\t');
	if (peers->top)
		tcpwatch_peers_print(m, peers->top);
	else
		seq_putc(m, '-');
	tcpwatch_cell_number(m, peers->top, peers->top ? peers->top->count : 0);
}

/* Who bound it: a table that is cheap to read scans no processes. */
static void put_owner(struct seq_file *m, struct portlist *list)
{
	const struct tcpwatch_usage *usage = &list->usage;
	const struct tcpwatch_task *task = &usage->bound.task;
	bool any = usage->bound_known;

	tcpwatch_cell_number(m, any, any ? tcpwatch_reader_pid(&list->reader, task) : 0);
	tcpwatch_cell_text(m, any, any ? task->comm : "", list->text);
	tcpwatch_cell_number(m, any, usage->bound.exited);
	tcpwatch_cell_number(m, uid_valid(usage->is.uid),
			     tcpwatch_reader_uid(&list->reader, usage->is.uid));
	tcpwatch_cgroup_path(list->path, usage->is.cgroup, &list->cgroup);
	tcpwatch_cell_text(m, true, list->path, list->text);
}

static void put_counts(struct seq_file *m, const struct tcpwatch_usage *usage)
{
	unsigned int i;

	tcpwatch_usage_roles(m, "\t", usage);
	for (i = 0; i < TCPWATCH_ROLE_COUNT; i++) {
		/* as many as in state LISTEN, or bound */
		if (i == TCPWATCH_ROLE_ACCEPTED || i == TCPWATCH_ROLE_INITIATED)
			tcpwatch_cell_number(m, true, usage->roles[i]);
	}
	for (i = 0; i < TCPWATCH_STATE_COUNT; i++)
		tcpwatch_cell_number(m, true, usage->states[i]);
	tcpwatch_cell_number(m, true, usage->orphans);
	tcpwatch_cell_number(m, usage->last_ms, usage->last_ms);
}

static void show_port(struct seq_file *m, struct portlist *list, const struct tcpwatch_port *port)
{
	const struct tcpwatch_usage *usage = &list->usage;

	seq_put_decimal_ull(m, "", port->netns);
	tcpwatch_cell_number(m, true, port->port);
	put_counts(m, usage);
	tcpwatch_cell_number(m, true, usage->peers.count);
	if (usage->peers.more)
		seq_putc(m, '+');
	put_peer(m, &usage->peers);
	put_peer(m, &usage->unanswered);
	put_owner(m, list);
	tcpwatch_usage_wrongs(m, "\t", usage);
	seq_putc(m, '\n');
}

static void show_sum(struct seq_file *m, struct portlist *list, const struct tcpwatch_port *port)
{
	const struct tcpwatch_usage *sum = &list->sum.usage;

	seq_put_decimal_ull(m, "", port->netns);
	seq_puts(m, "\t*");
	put_counts(m, sum);
	seq_puts(m, "\t-\t-\t-");
	put_peer(m, &sum->unanswered);
	seq_puts(m, "\t-\t-\t-\t-\t-");
	tcpwatch_usage_wrongs(m, "\t", sum);
	seq_putc(m, '\n');
}

static void show_header(struct seq_file *m)
{
	unsigned int i;

	seq_puts(m, "netns\tport\trole\taccepted\tinitiated");
	for (i = 0; i < TCPWATCH_STATE_COUNT; i++)
		seq_printf(m, "\t%s", tcpwatch_state_names[i]);
	seq_puts(m, "\torphans\tlast_ms\tpeers\ttop_peer\ttop_count\tunanswered_peer");
	seq_puts(m, "\tunanswered\tpid\tcomm\texited\tuid\tcgroup\tmarks\n");
}

/* Position 0 is the header; who reads from there reads anew. */
static void *tcpwatch_portlist_start(struct seq_file *m, loff_t *pos)
{
	struct portlist *list = m->private;
	int err;

	if (!*pos) {
		drop(list);
		err = tcpwatch_in_use_take(&list->in_use, 0, &list->set);
		if (err)
			return ERR_PTR(err);
	}
	return *pos <= list->in_use.count ? list : NULL;
}

static void *tcpwatch_portlist_next(struct seq_file *m, void *v, loff_t *pos)
{
	const struct portlist *list = v;

	return ++*pos <= list->in_use.count ? v : NULL;
}

static void tcpwatch_portlist_stop(struct seq_file *m, void *v)
{
}

static int tcpwatch_portlist_show(struct seq_file *m, void *v)
{
	const struct tcpwatch_port *port;
	struct portlist *list = v;

	if (!m->index) {
		show_header(m);
		return 0;
	}
	port = &list->in_use.ports[m->index - 1];
	if (list->at != m->index)
		list->sockets = look_at(list, m->index - 1);
	if (list->sockets < 0)
		return list->sockets;
	if (list->sockets)
		show_port(m, list, port);
	if (!list->set.count && is_edge(list, m->index - 1, 1))
		show_sum(m, list, port);
	return 0;
}

static const struct seq_operations portlist_ops = {
	.start = tcpwatch_portlist_start,
	.next = tcpwatch_portlist_next,
	.stop = tcpwatch_portlist_stop,
	.show = tcpwatch_portlist_show,
};

static int tcpwatch_portlist_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct portlist *list = m->private;

	drop(list);
	tcpwatch_usage_free(&list->usage);
	tcpwatch_usage_free(&list->sum.usage);
	return seq_release_private(inode, file);
}

static int tcpwatch_portlist_open(struct inode *inode, struct file *file)
{
	struct portlist *list;
	int err;

	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	list = __seq_open_private(file, &portlist_ops, sizeof(*list));
	if (!list)
		return -ENOMEM;
	tcpwatch_reader_open(&list->reader, file);
	list->set = tcpwatch_portset_default();
	err = tcpwatch_usage_init(&list->usage) ?: tcpwatch_usage_init(&list->sum.usage);
	if (err)
		tcpwatch_portlist_release(inode, file);
	return err;
}

static ssize_t tcpwatch_portlist_write(struct file *file, const char __user *from, size_t size,
				       loff_t *unused)
{
	struct seq_file *m = file->private_data;
	struct portlist *list = m->private;

	return tcpwatch_portset_choose(&list->set, m, from, size);
}

static const struct proc_ops portlist_proc_ops = {
	.proc_open = tcpwatch_portlist_open,
	.proc_read = seq_read,
	.proc_write = tcpwatch_portlist_write,
	.proc_lseek = seq_lseek,
	.proc_release = tcpwatch_portlist_release,
};

int tcpwatch_portlist_init(void)
{
	return proc_create(TCPWATCH_PORTLIST, 0600, NULL, &portlist_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_portlist_exit(void)
{
	remove_proc_entry(TCPWATCH_PORTLIST, NULL);
}
