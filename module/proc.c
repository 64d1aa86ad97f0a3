// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "format.h"
#include "hooks.h"
#include "proc.h"
#include "pulse.h"
#include "reader.h"
#include "ring.h"
#include "section.h"
#include "stats.h"
#include "traffic.h"
#include "trouble.h"

/* Conflicts on the page; the table in debugfs has them all. */
#define NEWEST	20

/* The page is mostly shorter. */
#define SIZE	16384

/**
 * struct page_view - one open file
 * @reader: for whom
 * @event: the event being shown
 * @cell: where a cell is formatted
 */
struct page_view {
	struct tcpwatch_reader reader;
	struct tcpwatch_event event;
	char cell[512];
};

static time64_t loaded;

static void start_cell(struct seq_buf *buf, struct page_view *view)
{
	seq_buf_init(buf, view->cell, sizeof(view->cell) - 1);
}

static const char *end_cell(struct seq_buf *buf, struct page_view *view)
{
	view->cell[min(buf->len, sizeof(view->cell) - 1)] = '\0';
	return view->cell;
}

struct tally {
	struct tcpwatch_pulse pulse;
	unsigned int armed;
	unsigned int rows;
	unsigned long missed;
};

static int tally_hook(const struct tcpwatch_hook *hook, void *arg)
{
	struct tcpwatch_missed missed = tcpwatch_hook_missed(hook);
	struct tally *tally = arg;

	tally->rows++;
	tally->armed += tcpwatch_pulse_feels(&tally->pulse, hook);
	tally->missed += missed.nested + missed.full;
	return 0;
}

/* What is not seen now, or was not. */
static void show_disarmed(struct seq_file *m, struct page_view *view,
			  const struct tcpwatch_pulse *pulse, const struct tcpwatch_stats *stats)
{
	u64 times = stats->stat[TCPWATCH_STAT_DISARMED];
	struct seq_buf buf;

	if (!times)
		return;
	start_cell(&buf, view);
	tcpwatch_format_age(&buf, div_u64(pulse->numb ? pulse->ms :
					  stats->stat[TCPWATCH_STAT_DISARMED_MS], MSEC_PER_SEC));
	if (pulse->numb)
		seq_printf(m, "  DISARMED for %s", end_cell(&buf, view));
	else
		seq_printf(m, "  were disarmed %llu times, %s", times, end_cell(&buf, view));
}

static void show_summary(struct seq_file *m, struct page_view *view)
{
	struct tally tally = {};
	struct tcpwatch_stats stats;
	struct seq_buf buf;

	tcpwatch_pulse_take(&tally.pulse);
	tcpwatch_hooks_each(tally_hook, &tally);
	tcpwatch_stats_sum(&stats);
	start_cell(&buf, view);
	tcpwatch_format_age(&buf, ktime_get_boottime_seconds() - loaded);
	seq_printf(m, "tcpwatch %s  netns %u  up %s  hooks %u/%u", THIS_MODULE->version,
		   view->reader.netns, end_cell(&buf, view), tally.armed, tally.rows);
	show_disarmed(m, view, &tally.pulse, &stats);
	/* how much goes on elsewhere is not for everybody */
	if (view->reader.all)
		seq_printf(m, "  conflicts %llu", stats.stat[TCPWATCH_STAT_CONFLICTS]);
	seq_printf(m, "  lost %llu  missed %lu\n", stats.stat[TCPWATCH_STAT_LOST], tally.missed);
	if (tally.pulse.numb & BIT(TCPWATCH_PULSE_PROBE))
		seq_puts(m, TCPWATCH_PULSE_TEXT_PROBE "\n");
	else if (tally.pulse.numb)
		seq_puts(m, TCPWATCH_PULSE_TEXT_TRACE "\n");
}

static void show_conflict(struct seq_file *m, struct page_view *view)
{
	const struct tcpwatch_event *event = &view->event;
	u64 age = ktime_get_boottime_ns() - event->facts.time;
	struct seq_buf buf;

	start_cell(&buf, view);
	tcpwatch_format_age(&buf, div_u64(age, NSEC_PER_SEC));
	seq_printf(m, "%-7s ", end_cell(&buf, view));
	if (view->reader.all)
		seq_printf(m, "%-10u ", event->facts.netns);
	seq_printf(m, "%-7s ", tcpwatch_call_names[event->facts.call]);
	start_cell(&buf, view);
	tcpwatch_format_want(&buf, event);
	seq_printf(m, "%-21s ", end_cell(&buf, view));
	seq_printf(m, "%-17s ", tcpwatch_rule_names[event->facts.rule]);
	start_cell(&buf, view);
	tcpwatch_format_who(&buf, &event->facts.task, &view->reader);
	seq_printf(m, "%-21s ", end_cell(&buf, view));
	start_cell(&buf, view);
	tcpwatch_format_holder(&buf, event, &view->reader);
	seq_printf(m, "%s\n", end_cell(&buf, view));
	start_cell(&buf, view);
	tcpwatch_format_fix(&buf, event);
	seq_printf(m, "        fix: %s\n", end_cell(&buf, view));
}

static int tcpwatch_proc_show(struct seq_file *m, void *v)
{
	struct page_view *view = m->private;
	struct tcpwatch_span span = tcpwatch_ring_span();
	unsigned int shown = 0;
	u64 seq;
	int err;

	show_summary(m, view);
	seq_puts(m, "\nRefused bind, listen and connect, newest first\n");
	for (seq = span.end; seq-- > span.first && shown < NEWEST; ) {
		cond_resched();
		if (tcpwatch_ring_read(seq, &view->event) ||
		    view->event.facts.kind != TCPWATCH_KIND_CONFLICT ||
		    !tcpwatch_reader_sees(&view->reader, &view->event))
			continue;
		if (!shown++)
			seq_printf(m, "%-7s %s%-7s %-21s %-17s %-21s %s\n", "AGE",
				   view->reader.all ? "NETNS      " : "", "CALL",
				   "WANTED", "RULE", "BY", "HELD BY");
		show_conflict(m, view);
	}
	if (!shown)
		seq_puts(m, "none\n");
	err = tcpwatch_trouble_show(m, &view->reader);
	return err ?: tcpwatch_traffic_show(m, &view->reader) ?:
		      tcpwatch_section_show(m, &view->reader);
}

static int tcpwatch_proc_open(struct inode *inode, struct file *file)
{
	struct page_view *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	int err;

	if (!view)
		return -ENOMEM;
	tcpwatch_reader_open(&view->reader, file);
	/* one pass mostly: it counts sockets */
	err = single_open_size(file, tcpwatch_proc_show, view, SIZE);
	if (err)
		kfree(view);
	return err;
}

static int tcpwatch_proc_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kfree(m->private);
	return single_release(inode, file);
}

static const struct proc_ops page_proc_ops = {
	.proc_open = tcpwatch_proc_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = tcpwatch_proc_release,
};

int tcpwatch_proc_init(void)
{
	loaded = ktime_get_boottime_seconds();
	return proc_create("tcpwatch", 0444, NULL, &page_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_proc_exit(void)
{
	remove_proc_entry("tcpwatch", NULL);
}
