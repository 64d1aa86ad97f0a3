/* SPDX-License-Identifier: GPL-2.0 */
/* The cells of a table: each begins with a tab, and one that is not known is a `-`. */
#ifndef _TCPWATCH_CELLS_H
#define _TCPWATCH_CELLS_H

#include "event.h"

struct seq_file;

/* The longest cell is a path all of which is escaped, in quotes. */
#define TCPWATCH_CELL	(4 * TCPWATCH_CGROUP_LEN + 4)

/**
 * tcpwatch_cell_number() - a number
 * @m: the table
 * @any: it is known
 * @value: the number
 *
 * Context: any.
 */
void tcpwatch_cell_number(struct seq_file *m, bool any, u64 value);

/**
 * tcpwatch_cell_names() - names of what is set in a mask, with commas between
 * @m: the table
 * @before: what comes before the first; a tab, if it is to be a cell
 * @mask: the mask; 0: a `-`
 * @names: a name for each bit
 * @count: how many
 *
 * Context: any.
 */
void tcpwatch_cell_names(struct seq_file *m, const char *before, u32 mask,
			 const char *const *names, unsigned int count);

/**
 * tcpwatch_cell_text() - text from a process, escaped
 * @m: the table
 * @any: it is known
 * @from: hostile text; empty: not known
 * @text: where it is formatted, TCPWATCH_CELL bytes
 *
 * Context: any.
 */
void tcpwatch_cell_text(struct seq_file *m, bool any, const char *from, char *text);

/**
 * tcpwatch_cell_address() - an address and port as ss prints them
 * @m: the table
 * @sock: whose
 * @peer: the remote end instead of the local one
 * @text: where it is formatted, TCPWATCH_CELL bytes
 *
 * Context: any.
 */
void tcpwatch_cell_address(struct seq_file *m, const struct tcpwatch_sock *sock, bool peer,
			   char *text);

#endif /* _TCPWATCH_CELLS_H */
