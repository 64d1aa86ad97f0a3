// SPDX-License-Identifier: GPL-2.0
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "connlist.h"
#include "control.h"
#include "debugfs.h"
#include "fields.h"
#include "hooks.h"
#include "listing.h"
#include "portlist.h"
#include "pulse.h"
#include "reader.h"
#include "ring.h"
#include "stats.h"
#include "stream.h"
#include "tables.h"
#include "why.h"

static struct dentry *dir;

/**
 * struct table - one open file of the conflicts
 * @reader: for whom
 * @end: one past the newest event when it was opened
 * @event: the event at the position, unless it is the header's
 * @line: where it is formatted
 */
struct table {
	struct tcpwatch_reader reader;
	u64 end;
	struct tcpwatch_event event;
	char line[TCPWATCH_LINE_LEN];
};

/* Position 0 is the header, position n the n-th newest event. */
static void *table_at(struct table *table, u64 pos)
{
	if (!pos)
		return table;
	if (pos > table->end || tcpwatch_ring_read(table->end - pos, &table->event))
		return NULL;
	return table;
}

static void *tcpwatch_conflicts_start(struct seq_file *m, loff_t *pos)
{
	return table_at(m->private, *pos);
}

static void *tcpwatch_conflicts_next(struct seq_file *m, void *v, loff_t *pos)
{
	return table_at(v, ++*pos);
}

static void tcpwatch_conflicts_stop(struct seq_file *m, void *v)
{
}

static int tcpwatch_conflicts_show(struct seq_file *m, void *v)
{
	struct table *table = v;
	const struct tcpwatch_event *event = m->index ? &table->event : NULL;
	struct seq_buf buf;

	if (event && (event->facts.kind != TCPWATCH_KIND_CONFLICT ||
		      !tcpwatch_reader_sees(&table->reader, event)))
		return SEQ_SKIP;
	seq_buf_init(&buf, table->line, sizeof(table->line));
	tcpwatch_fields_row(&buf, event, &table->reader);
	seq_write(m, table->line, min(buf.len, sizeof(table->line)));
	return 0;
}

static const struct seq_operations conflicts_ops = {
	.start = tcpwatch_conflicts_start,
	.next = tcpwatch_conflicts_next,
	.stop = tcpwatch_conflicts_stop,
	.show = tcpwatch_conflicts_show,
};

static int tcpwatch_conflicts_open(struct inode *inode, struct file *file)
{
	struct table *table = __seq_open_private(file, &conflicts_ops, sizeof(*table));

	if (!table)
		return -ENOMEM;
	tcpwatch_reader_open(&table->reader, file);
	table->end = tcpwatch_ring_span().end;
	return 0;
}

static const struct file_operations conflicts_fops = {
	.owner = THIS_MODULE,
	.open = tcpwatch_conflicts_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release_private,
};

/**
 * struct hook_list - rows being shown
 * @m: where
 * @pulse: what was felt of them
 */
struct hook_list {
	struct seq_file *m;
	struct tcpwatch_pulse pulse;
};

static int show_hook(const struct tcpwatch_hook *hook, void *arg)
{
	struct tcpwatch_missed missed = tcpwatch_hook_missed(hook);
	const struct hook_list *list = arg;
	const char *armed;

	if (!hook->armed)
		armed = "no";
	else
		armed = tcpwatch_pulse_feels(&list->pulse, hook) ? "yes" : "disarmed";
	seq_printf(list->m, "%s\t%s\t%s\t%d\t%llu\t%lu\t%lu\t%s\n", hook->symbol,
		   hook->trace ? "trace" : hook->ret ? "return" : "entry",
		   armed, hook->error, tcpwatch_hook_hits(hook),
		   missed.nested, missed.full, hook->lost);
	return 0;
}

static int tcpwatch_hooks_show(struct seq_file *m, void *v)
{
	struct hook_list list = { .m = m };

	tcpwatch_pulse_take(&list.pulse);
	seq_puts(m, "symbol\tkind\tarmed\terror\thits\tmissed_nested\tmissed_full\tlost_without\n");
	tcpwatch_hooks_each(show_hook, &list);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tcpwatch_hooks);

static int tcpwatch_stats_show(struct seq_file *m, void *v)
{
	struct tcpwatch_span span = tcpwatch_ring_span();
	struct tcpwatch_stats stats;
	int i;

	tcpwatch_stats_sum(&stats);
	seq_printf(m, "events %llu\n", span.pushed);
	seq_printf(m, "events_retained %llu\n", span.end > span.first ? span.end - span.first : 0);
	for (i = 0; i < TCPWATCH_STAT_COUNT; i++)
		seq_printf(m, "%s %llu\n", tcpwatch_stat_names[i], stats.stat[i]);
	for (i = 0; i < TCPWATCH_RULE_COUNT; i++)
		seq_printf(m, "rule_%s %llu\n", tcpwatch_rule_names[i], stats.rule[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tcpwatch_stats);

/**
 * struct node - what there is in our directory
 * @name: of the file
 * @mode: of the file
 * @fops: of the file, NULL: a link
 * @target: of the link
 */
struct node {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
	const char *target;
};

/*
 * In procfs are those that a reader sleeps in, since an open file here pins the module,
 * and those that are written to, of which a kernel in lockdown opens none here.
 */
static const struct node nodes[] = {
	{ "events", .target = "/proc/" TCPWATCH_STREAM },
	{ "why", .target = "/proc/" TCPWATCH_WHY },
	{ "ports", .target = "/proc/" TCPWATCH_PORTLIST },
	{ "connections", .target = "/proc/" TCPWATCH_CONNLIST },
	{ "control", .target = "/proc/" TCPWATCH_CONTROL },
	{ "conflicts", 0400, &conflicts_fops },
	{ "timewait", 0400, &tcpwatch_tables_timewait },
	{ "ephemeral", 0400, &tcpwatch_tables_ephemeral },
	{ "listeners", 0400, &tcpwatch_listing_table },
	{ "reconcile", 0400, &tcpwatch_listing_reconcile },
	{ "hooks", 0400, &tcpwatch_hooks_fops },
	{ "stats", 0400, &tcpwatch_stats_fops },
};

static struct dentry *create(const struct node *node)
{
	if (node->target)
		return debugfs_create_symlink(node->name, dir, node->target);
	return debugfs_create_file(node->name, node->mode, dir, NULL, node->fops);
}

/* What is missing is said, and the rest works as well. */
void tcpwatch_debugfs_init(void)
{
	const struct node *node;
	struct dentry *made;

	dir = debugfs_create_dir("tcpwatch", NULL);
	if (IS_ERR(dir)) {
		pr_warn("nothing in debugfs (error %ld)\n", PTR_ERR(dir));
		return;
	}
	for (node = nodes; node < nodes + ARRAY_SIZE(nodes); node++) {
		made = create(node);
		if (IS_ERR(made))
			pr_warn("no %s in debugfs (error %ld)\n", node->name, PTR_ERR(made));
	}
}

void tcpwatch_debugfs_exit(void)
{
	debugfs_remove(dir);
}
