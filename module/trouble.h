/* SPDX-License-Identifier: GPL-2.0 */
/* Listeners in trouble, on the page for a person. */
#ifndef _TCPWATCH_TROUBLE_H
#define _TCPWATCH_TROUBLE_H

struct seq_file;
struct tcpwatch_reader;

/**
 * tcpwatch_trouble_show() - listeners in trouble, for a person
 * @m: the page
 * @reader: for whom
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_trouble_show(struct seq_file *m, const struct tcpwatch_reader *reader);

#endif /* _TCPWATCH_TROUBLE_H */
