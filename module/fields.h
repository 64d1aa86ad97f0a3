/* SPDX-License-Identifier: GPL-2.0 */
/* An event field by field: the keys of a line, which are the columns of a table. */
#ifndef _TCPWATCH_FIELDS_H
#define _TCPWATCH_FIELDS_H

#include <linux/seq_buf.h>
#include "event.h"

struct tcpwatch_reader;

/* Room for any event as one line. */
#define TCPWATCH_LINE_LEN	4096

/**
 * tcpwatch_fields_line() - an event as key=value pairs, newline included
 * @buf: where to
 * @event: the event
 * @reader: for whom
 *
 * A key that has nothing to say is left out.
 *
 * Context: any.
 */
void tcpwatch_fields_line(struct seq_buf *buf, const struct tcpwatch_event *event,
			  const struct tcpwatch_reader *reader);

/**
 * tcpwatch_fields_answer() - what a dry run found, as key=value pairs
 * @buf: where to
 * @event: as for a refused call, error 0: it would succeed
 * @reader: for whom
 *
 * Context: any.
 */
void tcpwatch_fields_answer(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader);

/**
 * tcpwatch_fields_row() - an event as tab-separated columns, newline included
 * @buf: where to
 * @event: the event; NULL: the header line
 * @reader: for whom
 *
 * A column that has nothing to say is `-`.
 *
 * Context: any.
 */
void tcpwatch_fields_row(struct seq_buf *buf, const struct tcpwatch_event *event,
			 const struct tcpwatch_reader *reader);

#endif /* _TCPWATCH_FIELDS_H */
