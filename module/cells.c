// SPDX-License-Identifier: GPL-2.0
#include <linux/minmax.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>

#include "cells.h"
#include "format.h"

void tcpwatch_cell_number(struct seq_file *m, bool any, u64 value)
{
	if (any)
		seq_put_decimal_ull(m, "\t", value);
	else
		seq_puts(m, "\t-");
}

void tcpwatch_cell_names(struct seq_file *m, const char *before, u32 mask,
			 const char *const *names, unsigned int count)
{
	const char *between = before;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!(mask & BIT(i)))
			continue;
		seq_puts(m, between);
		seq_puts(m, names[i]);
		between = ",";
	}
	if (!mask) {
		seq_puts(m, before);
		seq_putc(m, '-');
	}
}

static void put_formatted(struct seq_file *m, const struct seq_buf *buf, const char *text)
{
	seq_putc(m, '\t');
	if (buf->len)
		seq_write(m, text, min_t(size_t, buf->len, TCPWATCH_CELL - 1));
	else
		seq_putc(m, '-');
}

void tcpwatch_cell_text(struct seq_file *m, bool any, const char *from, char *text)
{
	struct seq_buf buf;

	seq_buf_init(&buf, text, TCPWATCH_CELL);
	if (any && *from)
		tcpwatch_format_text(&buf, from);
	put_formatted(m, &buf, text);
}

void tcpwatch_cell_address(struct seq_file *m, const struct tcpwatch_sock *sock, bool peer,
			   char *text)
{
	struct seq_buf buf;

	seq_buf_init(&buf, text, TCPWATCH_CELL);
	tcpwatch_format_address(&buf, sock, peer);
	put_formatted(m, &buf, text);
}
