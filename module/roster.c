// SPDX-License-Identifier: GPL-2.0
#include <linux/ipv6.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/ipv6.h>

#include "backlog.h"
#include "cells.h"
#include "overload.h"
#include "roster.h"

/* So long after it has dropped somebody a listener is marked. */
#define LATELY		(10 * HZ)

/* Fewer are no sign of anything. */
#define SLOW_LEAST	4

const char *const tcpwatch_mark_names[] = { TCPWATCH_MARKS(TCPWATCH_NAME) };

static int compare(u64 one, u64 two)
{
	return one < two ? -1 : one > two;
}

/* Equal are those that can be of one reuseport group. */
static int compare_places(const struct tcpwatch_listener *one, const struct tcpwatch_listener *two)
{
	const struct tcpwatch_bind *a = &one->is.bind, *b = &two->is.bind;

	return compare(one->netns_cookie, two->netns_cookie) ?:
	       compare(one->is.port, two->is.port) ?:
	       compare(a->family, b->family) ?:
	       ipv6_addr_cmp(&a->addr, &b->addr) ?:
	       compare(a->dev, b->dev) ?:
	       compare(a->reuseport, b->reuseport);
}

static int compare_lines(const void *left, const void *right)
{
	const struct tcpwatch_roster_line *one = left, *two = right;

	return compare_places(&one->row, &two->row) ?: compare(one->row.since, two->row.since);
}

unsigned long tcpwatch_roster_drops(const struct tcpwatch_roster_line *line)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++) {
		if (TCPWATCH_KNOCKS_DROPPED & BIT(i))
			sum += atomic_long_read(&line->row.counts.of[i]);
	}
	return sum;
}

static void mark(struct tcpwatch_roster_line *line)
{
	const struct tcpwatch_listener *row = &line->row;
	const struct tcpwatch_live *live = &line->live;

	line->stuck_ms = tcpwatch_overload_stuck_ms(row, live);
	if (row->asked_known && row->asked > live->backlog)
		line->marks |= BIT(TCPWATCH_MARK_CLAMPED);
	if (row->somaxconn != live->somaxconn)
		line->marks |= BIT(TCPWATCH_MARK_SOMAXCONN);
	/* as sk_acceptq_is_full() asks: there is room for one more than the backlog */
	if (live->accept_now > live->backlog)
		line->marks |= BIT(TCPWATCH_MARK_FULL);
	if (row->told_at && jiffies - row->told_at < LATELY && tcpwatch_roster_drops(line))
		line->marks |= BIT(TCPWATCH_MARK_DROPPING);
	if (line->stuck_ms)
		line->marks |= BIT(TCPWATCH_MARK_STUCK);
}

static void mark_group(struct tcpwatch_roster_line *first, unsigned int count)
{
	unsigned int i;
	u64 waiting = 0, own;

	for (i = 0; i < count; i++)
		waiting += first[i].live.accept_now;
	for (i = 0; i < count; i++) {
		own = first[i].live.accept_now;
		first[i].group = count;
		if (count > 1 && own >= SLOW_LEAST && own * (count - 1) > 2 * (waiting - own))
			first[i].marks |= BIT(TCPWATCH_MARK_SLOW);
	}
}

static void mark_groups(struct tcpwatch_roster *roster)
{
	unsigned int i, first = 0;

	for (i = 1; i <= roster->count; i++) {
		if (i < roster->count &&
		    !compare_places(&roster->lines[i].row, &roster->lines[first].row))
			continue;
		if (roster->lines[first].row.is.bind.reuseport)
			mark_group(&roster->lines[first], i - first);
		first = i;
	}
}

/* How many there are, or a few more. */
static unsigned int count_rows(u64 netns_cookie)
{
	const struct tcpwatch_listener *row;
	unsigned int i, count = 0;

	for (i = 0; i < tcpwatch_listeners_count(); i++) {
		row = tcpwatch_listener_row(i);
		count += READ_ONCE(row->sk) &&
			 (!netns_cookie || READ_ONCE(row->netns_cookie) == netns_cookie);
	}
	return count + 16;
}

int tcpwatch_roster_take(struct tcpwatch_roster *roster, u64 netns_cookie)
{
	unsigned int i, room = count_rows(netns_cookie);
	struct tcpwatch_roster_line *line;

	tcpwatch_backlog_settle();
	roster->count = 0;
	roster->lines = kvcalloc(room, sizeof(*roster->lines), GFP_KERNEL_ACCOUNT);
	if (!roster->lines)
		return -ENOMEM;
	for (i = 0; i < tcpwatch_listeners_count() && roster->count < room; i++) {
		line = &roster->lines[roster->count];
		if (!tcpwatch_listener_copy(&line->row, i) ||
		    (netns_cookie && line->row.netns_cookie != netns_cookie) ||
		    !tcpwatch_listener_live(&line->live, tcpwatch_listener_row(i)))
			continue;
		/* no probe may have come by since */
		tcpwatch_listener_raise(&line->row.accept_max, &line->row.accept_max_at,
					line->live.accept_now);
		tcpwatch_listener_raise(&line->row.syn_max, &line->row.syn_max_at,
					line->live.syn_now);
		mark(line);
		roster->count++;
		cond_resched();
	}
	sort(roster->lines, roster->count, sizeof(*roster->lines), compare_lines, NULL);
	mark_groups(roster);
	return 0;
}

void tcpwatch_roster_free(struct tcpwatch_roster *roster)
{
	kvfree(roster->lines);
}

void tcpwatch_roster_marks(struct seq_file *m, const struct tcpwatch_roster_line *line,
			   const char *before)
{
	tcpwatch_cell_names(m, before, line->marks, tcpwatch_mark_names, TCPWATCH_MARK_COUNT);
}
