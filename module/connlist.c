// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "bound.h"
#include "cells.h"
#include "cgroup.h"
#include "connections.h"
#include "connlist.h"
#include "format.h"
#include "holders.h"
#include "owner.h"
#include "portset.h"
#include "reader.h"
#include "usage.h"
#include "walk.h"

/**
 * struct connlist - one open table
 * @reader: for whom
 * @set: the ports it has chosen
 * @in_use: those of them that are in use
 * @next: the first one that has not been looked at yet
 * @connections: the sockets of the one before it
 * @holders: who has them open
 * @first: the position of the first of them
 * @cgroup: the last one
 * @path: and a path
 * @text: and a cell
 */
struct connlist {
	struct tcpwatch_reader reader;
	struct tcpwatch_portset set;
	struct tcpwatch_in_use in_use;
	unsigned int next;
	struct tcpwatch_connections connections;
	struct tcpwatch_holders holders;
	loff_t first;
	struct tcpwatch_cgroup cgroup;
	char path[TCPWATCH_CGROUP_LEN];
	char text[TCPWATCH_CELL];
};

static void forget(struct connlist *list)
{
	tcpwatch_holders_free(&list->holders);
	list->connections.count = 0;
	list->connections.more = 0;
}

static void drop(struct connlist *list)
{
	tcpwatch_in_use_free(&list->in_use);
	forget(list);
	list->next = 0;
	list->first = 1;
}

/* A scan for each port: who asks for a few has one or a few. */
static int take_port(struct connlist *list)
{
	struct tcpwatch_connections *connections = &list->connections;
	unsigned int i;
	int err;

	err = tcpwatch_connections_take(connections, &list->in_use.ports[list->next]) ?:
	      tcpwatch_holders_init(&list->holders, connections->count);
	if (err) {
		/* who reads on after that begins this port again */
		forget(list);
		return err;
	}
	list->next++;
	for (i = 0; i < connections->count; i++) {
		if (connections->list[i].is.ino)
			tcpwatch_holders_add(&list->holders, connections->list[i].is.ino);
	}
	if (connections->count)
		tcpwatch_holders_scan(&list->holders);
	return 0;
}

/* Sockets of a port, and one line more if there were too many. */
static unsigned int lines(const struct connlist *list)
{
	return list->connections.count + !!list->connections.more;
}

/* Position 0 is the header; who reads from there reads anew. */
static void *tcpwatch_connlist_start(struct seq_file *m, loff_t *pos)
{
	struct connlist *list = m->private;
	int err;

	if (!*pos) {
		drop(list);
		err = tcpwatch_in_use_take(&list->in_use, 0, &list->set);
		return err ? ERR_PTR(err) : list;
	}
	while (*pos >= list->first + lines(list)) {
		if (list->next == list->in_use.count)
			return NULL;
		list->first += lines(list);
		forget(list);
		err = take_port(list);
		if (err)
			return ERR_PTR(err);
	}
	return list;
}

static void *tcpwatch_connlist_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return tcpwatch_connlist_start(m, pos);
}

static void tcpwatch_connlist_stop(struct seq_file *m, void *v)
{
}

static void put_peer(struct seq_file *m, struct connlist *list, const struct tcpwatch_sock *is)
{
	if (is->peer_port)
		tcpwatch_cell_address(m, is, true, list->text);
	else
		seq_puts(m, "\t-");
}

/* Of one that is bound or listens, since when it is bound; others do not tell but TIME-WAIT. */
static void put_age(struct seq_file *m, struct connlist *list,
		    const struct tcpwatch_connection *connection, u64 netns_cookie)
{
	const struct tcpwatch_sock *is = &connection->is;
	struct tcpwatch_bound bound;

	if (is->substate == TCP_TIME_WAIT)
		tcpwatch_cell_number(m, true, connection->age_ms);
	else if (is->self_bound && tcpwatch_bound_find_now(&bound, is, netns_cookie))
		tcpwatch_cell_number(m, !bound.seeded,
				     tcpwatch_format_ms(bound.time, ktime_get_boottime_ns()));
	else
		seq_puts(m, "\t-");
}

static void put_timer(struct seq_file *m, const struct tcpwatch_connection *connection)
{
	bool any = connection->timer != TCPWATCH_TIMER_NONE;

	seq_printf(m, "\t%s", tcpwatch_timer_names[connection->timer]);
	tcpwatch_cell_number(m, any, connection->timer_ms);
	tcpwatch_cell_number(m, true, connection->retries);
}

static void put_owner(struct seq_file *m, struct connlist *list, const struct tcpwatch_sock *is)
{
	const struct tcpwatch_owner *holder = NULL;

	if (is->ino)
		holder = tcpwatch_holders_find(&list->holders, is->ino);
	tcpwatch_cell_number(m, holder, holder ?
			     tcpwatch_reader_pid(&list->reader, &holder->task) : 0);
	tcpwatch_cell_text(m, holder, holder ? holder->task.comm : "", list->text);
	tcpwatch_cell_number(m, true, holder ? holder->count : 0);
	tcpwatch_cell_number(m, uid_valid(is->uid), tcpwatch_reader_uid(&list->reader, is->uid));
	tcpwatch_cgroup_path(list->path, is->cgroup, &list->cgroup);
	tcpwatch_cell_text(m, true, list->path, list->text);
	seq_printf(m, "\t%s", tcpwatch_belongs_names[is->belongs]);
}

static void show_connection(struct seq_file *m, struct connlist *list,
			    const struct tcpwatch_connection *connection)
{
	const struct tcpwatch_port *port = &list->in_use.ports[list->next - 1];
	bool queues = connection->connected || connection->is.substate == TCP_LISTEN;

	seq_put_decimal_ull(m, "", port->netns);
	seq_puts(m, "\ttcp");
	tcpwatch_cell_address(m, &connection->is, false, list->text);
	put_peer(m, list, &connection->is);
	seq_printf(m, "\t%s\t%s", tcpwatch_role_names[connection->role],
		   tcpwatch_format_state(&connection->is));
	tcpwatch_cell_number(m, queues, connection->received);
	tcpwatch_cell_number(m, queues, connection->unacked);
	put_age(m, list, connection, port->netns_cookie);
	tcpwatch_cell_number(m, connection->idle_known, connection->idle_ms);
	put_timer(m, connection);
	put_owner(m, list, &connection->is);
	seq_putc(m, '\n');
}

static void show_header(struct seq_file *m)
{
	seq_puts(m, "netns\tproto\tlocal\tpeer\trole\tstate\trecv_q\tsend_q\tage_ms\tidle_ms");
	seq_puts(m, "\ttimer\ttimer_ms\tretries\tpid\tcomm\tprocs\tuid\tcgroup\tbelongs\n");
}

static int tcpwatch_connlist_show(struct seq_file *m, void *v)
{
	struct connlist *list = v;
	loff_t at = m->index - list->first;

	if (!m->index)
		show_header(m);
	else if (at < list->connections.count)
		show_connection(m, list, &list->connections.list[at]);
	else
		seq_printf(m, "# port %u has %u more\n", list->in_use.ports[list->next - 1].port,
			   list->connections.more);
	return 0;
}

static const struct seq_operations connlist_ops = {
	.start = tcpwatch_connlist_start,
	.next = tcpwatch_connlist_next,
	.stop = tcpwatch_connlist_stop,
	.show = tcpwatch_connlist_show,
};

static int tcpwatch_connlist_open(struct inode *inode, struct file *file)
{
	struct connlist *list;

	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	list = __seq_open_private(file, &connlist_ops, sizeof(*list));
	if (!list)
		return -ENOMEM;
	tcpwatch_reader_open(&list->reader, file);
	list->set = tcpwatch_portset_default();
	return 0;
}

static ssize_t tcpwatch_connlist_write(struct file *file, const char __user *from, size_t size,
				       loff_t *unused)
{
	struct seq_file *m = file->private_data;
	struct connlist *list = m->private;

	return tcpwatch_portset_choose(&list->set, m, from, size);
}

static int tcpwatch_connlist_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct connlist *list = m->private;

	drop(list);
	tcpwatch_connections_free(&list->connections);
	return seq_release_private(inode, file);
}

static const struct proc_ops connlist_proc_ops = {
	.proc_open = tcpwatch_connlist_open,
	.proc_read = seq_read,
	.proc_write = tcpwatch_connlist_write,
	.proc_lseek = seq_lseek,
	.proc_release = tcpwatch_connlist_release,
};

int tcpwatch_connlist_init(void)
{
	return proc_create(TCPWATCH_CONNLIST, 0600, NULL, &connlist_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_connlist_exit(void)
{
	remove_proc_entry(TCPWATCH_CONNLIST, NULL);
}
