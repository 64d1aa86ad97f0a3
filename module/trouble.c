// SPDX-License-Identifier: GPL-2.0
#include <linux/bitmap.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "bound.h"
#include "cells.h"
#include "format.h"
#include "reader.h"
#include "roster.h"
#include "trouble.h"

/* Listeners on the page; the table in debugfs has them all. */
#define MOST	5

/* Who had it when somebody looked last: a page that anybody may read scans no processes. */
static void put_who(struct seq_buf *buf, const struct tcpwatch_listener *row,
		    const struct tcpwatch_reader *reader)
{
	struct tcpwatch_bound bound;

	if (row->task.pid)
		tcpwatch_format_who(buf, &row->task, reader);
	else if (tcpwatch_bound_find_now(&bound, &row->is, row->netns_cookie))
		tcpwatch_format_who(buf, &bound.task, reader);
	else
		seq_buf_printf(buf, "uid %u", tcpwatch_reader_uid(reader, row->is.uid));
}

/* The wait that so many of a thousand have not exceeded, as the upper bound of its class. */
static u64 quantile_us(const struct tcpwatch_listener *row, unsigned int permille)
{
	u64 total = 0, sum = 0;
	int i;

	for (i = 0; i < TCPWATCH_WAITS; i++)
		total += atomic_long_read(&row->waits[i]);
	for (i = 0; i < TCPWATCH_WAITS; i++) {
		sum += atomic_long_read(&row->waits[i]);
		if (sum && sum * 1000 >= total * permille)
			return BIT_ULL(i);
	}
	return 0;
}

static void put_us(struct seq_file *m, u64 us)
{
	if (us < 1000)
		seq_printf(m, "%llu us", us);
	else if (us < 1000000)
		seq_printf(m, "%llu ms", div_u64(us, 1000));
	else
		seq_printf(m, "%llu s", div_u64(us, 1000000));
}

static void show_details(struct seq_file *m, const struct tcpwatch_roster_line *line)
{
	const struct tcpwatch_listener *row = &line->row;
	const char *between = "        ";
	unsigned long n;
	int i;

	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++) {
		n = atomic_long_read(&row->counts.of[i]);
		if (!n)
			continue;
		seq_printf(m, "%s%s %lu", between, tcpwatch_knock_names[i], n);
		between = ", ";
	}
	if (*between == ',')
		seq_putc(m, '\n');
	if (line->marks) {
		tcpwatch_roster_marks(m, line, "        now: ");
		seq_putc(m, '\n');
	}
	if (line->stuck_ms)
		seq_printf(m, "        nobody has accepted for %u s\n", line->stuck_ms / 1000);
	if (line->marks & BIT(TCPWATCH_MARK_CLAMPED))
		seq_printf(m, "        listen() asked for a backlog of %d, somaxconn allowed %u\n",
			   row->asked, row->somaxconn);
	if (!quantile_us(row, 500))
		return;
	seq_puts(m, "        waited for accept(): half less than ");
	put_us(m, quantile_us(row, 500));
	seq_puts(m, ", all less than ");
	put_us(m, quantile_us(row, 1000));
	seq_putc(m, '\n');
}

static void show_trouble(struct seq_file *m, const struct tcpwatch_roster_line *line,
			 const struct tcpwatch_reader *reader, char *text)
{
	const struct tcpwatch_listener *row = &line->row;
	struct seq_buf buf;

	if (reader->all)
		seq_printf(m, "%-10u ", row->netns);
	seq_buf_init(&buf, text, TCPWATCH_CELL - 1);
	tcpwatch_format_address(&buf, &row->is, false);
	text[min_t(size_t, buf.len, TCPWATCH_CELL - 1)] = '\0';
	seq_printf(m, "%-28s %6u %6u %7u %6u %6u %8lu %8lu  ", text, line->live.accept_now,
		   row->accept_max, line->live.backlog, line->live.syn_now, row->syn_max,
		   atomic_long_read(&row->accepted), tcpwatch_roster_drops(line));
	seq_buf_init(&buf, text, TCPWATCH_CELL - 1);
	put_who(&buf, row, reader);
	text[min_t(size_t, buf.len, TCPWATCH_CELL - 1)] = '\0';
	seq_printf(m, "%s\n", text);
	show_details(m, line);
}

static unsigned long trouble(const struct tcpwatch_roster_line *line)
{
	unsigned long sum = tcpwatch_roster_drops(line) +
			    atomic_long_read(&line->row.counts.of[TCPWATCH_KNOCK_SYN_COOKIE]);

	/* one that is odd now before one that is at peace again */
	return sum + (line->marks & ~BIT(TCPWATCH_MARK_SOMAXCONN) ? LONG_MAX / 2 : 0);
}

static struct tcpwatch_roster_line *take_worst(struct tcpwatch_roster *roster,
					       const unsigned long *shown)
{
	struct tcpwatch_roster_line *worst = NULL;
	unsigned int i;

	for (i = 0; i < roster->count; i++) {
		if (!test_bit(i, shown) && trouble(&roster->lines[i]) &&
		    (!worst || trouble(&roster->lines[i]) > trouble(worst)))
			worst = &roster->lines[i];
	}
	return worst;
}

static void show_roster(struct seq_file *m, struct tcpwatch_roster *roster,
			const struct tcpwatch_reader *reader, unsigned long *shown, char *text)
{
	struct tcpwatch_roster_line *line;
	unsigned int i, in_trouble = 0;

	for (i = 0; i < roster->count; i++)
		in_trouble += !!trouble(&roster->lines[i]);
	seq_printf(m, "\nListeners: %u, of which %u %s in trouble\n", roster->count, in_trouble,
		   in_trouble == 1 ? "is or was" : "are or were");
	for (i = 0; i < MOST && (line = take_worst(roster, shown)); i++) {
		if (!i)
			seq_printf(m, "%s%-28s %6s %6s %7s %6s %6s %8s %8s  %s\n",
				   reader->all ? "NETNS      " : "", "ADDRESS", "ACCEPT", "MAX",
				   "BACKLOG", "SYN", "MAX", "ACCEPTED", "DROPPED", "BY");
		__set_bit(line - roster->lines, shown);
		show_trouble(m, line, reader, text);
	}
	if (in_trouble > MOST)
		seq_printf(m, "and %u more: see listeners in debugfs\n", in_trouble - MOST);
}

int tcpwatch_trouble_show(struct seq_file *m, const struct tcpwatch_reader *reader)
{
	char *text = kmalloc(TCPWATCH_CELL, GFP_KERNEL);
	struct tcpwatch_roster roster = {};
	unsigned long *shown = NULL;
	int err = -ENOMEM;

	if (text)
		err = tcpwatch_roster_take(&roster, reader->all ? 0 : reader->netns_cookie);
	if (!err)
		shown = bitmap_zalloc(roster.count + 1, GFP_KERNEL);
	if (shown)
		show_roster(m, &roster, reader, shown, text);
	else
		err = -ENOMEM;
	bitmap_free(shown);
	tcpwatch_roster_free(&roster);
	kfree(text);
	return err;
}
