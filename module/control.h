/* SPDX-License-Identifier: GPL-2.0 */
/* What can be set while running: the words of the control file. */
#ifndef _TCPWATCH_CONTROL_H
#define _TCPWATCH_CONTROL_H

struct seq_file;

/**
 * tcpwatch_control_write() - obey a line
 * @line: words separated by white space; is modified
 *
 * All words are checked before the first is obeyed.
 *
 * Context: process.
 * Return: 0, or -EINVAL with a line in the kernel log, and nothing is changed.
 */
int tcpwatch_control_write(char *line);

/**
 * tcpwatch_control_show() - print what is in force, as it could be written
 * @m: where to
 *
 * Context: process.
 */
void tcpwatch_control_show(struct seq_file *m);

#endif /* _TCPWATCH_CONTROL_H */
