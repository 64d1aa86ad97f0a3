/* SPDX-License-Identifier: GPL-2.0 */
/* The section of the page on TIME-WAIT and ephemeral ports. */
#ifndef _TCPWATCH_SECTION_H
#define _TCPWATCH_SECTION_H

struct seq_file;
struct tcpwatch_reader;

/**
 * tcpwatch_section_show() - TIME-WAIT and ephemeral ports at a glance
 * @m: where to
 * @reader: for whom: of all network namespaces, or of the reader's own
 *
 * Context: process, sleeps.
 * Return: 0 or -errno.
 */
int tcpwatch_section_show(struct seq_file *m, const struct tcpwatch_reader *reader);

#endif /* _TCPWATCH_SECTION_H */
