/* SPDX-License-Identifier: GPL-2.0 */
/* All listeners at a moment, those of a reuseport group together, and what is odd about each. */
#ifndef _TCPWATCH_ROSTER_H
#define _TCPWATCH_ROSTER_H

#include "listeners.h"

struct seq_file;

/* What is odd about a listener: X(MARK, item, name). */
#define TCPWATCH_MARKS(X) \
	/* a smaller backlog is in force than was asked for */ \
	X(MARK, CLAMPED, "clamped") \
	/* net.core.somaxconn is another than it was at listen() */ \
	X(MARK, SOMAXCONN, "somaxconn_changed") \
	/* the accept queue is full now */ \
	X(MARK, FULL, "full") \
	/* it has dropped somebody in the last ten seconds */ \
	X(MARK, DROPPING, "dropping") \
	/* connections wait, and nobody has accepted for long */ \
	X(MARK, STUCK, "stuck") \
	/* more wait than twice the mean of the others in its reuseport group */ \
	X(MARK, SLOW, "slow_member")

enum tcpwatch_mark {
	TCPWATCH_MARKS(TCPWATCH_ENUM)
	TCPWATCH_MARK_COUNT
};

extern const char *const tcpwatch_mark_names[TCPWATCH_MARK_COUNT];

/**
 * struct tcpwatch_roster_line - one listener
 * @row: a copy of its row
 * @live: what it is like now
 * @group: how many listeners its reuseport group has; 0: it is in none
 * @stuck_ms: how long nobody has accepted; 0: somebody has
 * @marks: BIT(enum tcpwatch_mark)
 */
struct tcpwatch_roster_line {
	struct tcpwatch_listener row;
	struct tcpwatch_live live;
	unsigned int group;
	u32 stuck_ms;
	u8 marks;
};

/**
 * struct tcpwatch_roster - all of them
 * @lines: by network namespace, port and address
 * @count: how many
 */
struct tcpwatch_roster {
	struct tcpwatch_roster_line *lines;
	unsigned int count;
};

/**
 * tcpwatch_roster_take() - look at all listeners
 * @roster: the answer, to be given back by tcpwatch_roster_free()
 * @netns_cookie: of this network namespace, or 0: of all
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_roster_take(struct tcpwatch_roster *roster, u64 netns_cookie);

/**
 * tcpwatch_roster_free() - give it back
 * @roster: from tcpwatch_roster_take(), be it that it failed
 *
 * Context: process, may sleep.
 */
void tcpwatch_roster_free(struct tcpwatch_roster *roster);

/**
 * tcpwatch_roster_drops() - how many have knocked in vain
 * @line: of a listener
 *
 * Context: any.
 * Return: as many as it has added to ListenDrops.
 */
unsigned long tcpwatch_roster_drops(const struct tcpwatch_roster_line *line);

/**
 * tcpwatch_roster_marks() - print the marks, with commas between
 * @m: where to
 * @line: of a listener; one without any has a `-`
 * @before: what is printed before the first
 *
 * Context: any.
 */
void tcpwatch_roster_marks(struct seq_file *m, const struct tcpwatch_roster_line *line,
			   const char *before);

#endif /* _TCPWATCH_ROSTER_H */
