/* SPDX-License-Identifier: GPL-2.0 */
/* A choice of ports, as a person writes it: `80,8000-8099`, or `all`. */
#ifndef _TCPWATCH_PORTSET_H
#define _TCPWATCH_PORTSET_H

#include <linux/compiler.h>
#include <linux/types.h>

struct seq_file;

/* Numbers and ranges in one choice. */
#define TCPWATCH_PORTSET_MAX	16

/**
 * struct tcpwatch_portset - a choice
 * @count: how many ranges; 0: all ports
 * @range: the ranges, both ends of which belong to them
 */
struct tcpwatch_portset {
	unsigned int count;
	struct {
		u16 lo;
		u16 hi;
	} range[TCPWATCH_PORTSET_MAX];
};

/* What it takes, for the person who got it wrong. */
#define TCPWATCH_PORTSET_TAKES \
	"up to 16 ports and ranges from 1 to 65535, as in 80,8000-8099, or all"

/**
 * tcpwatch_portset_parse() - read a choice
 * @set: the answer
 * @text: what a person wrote
 *
 * Context: any.
 * Return: 0, or -EINVAL, which leaves @set as it was.
 */
int tcpwatch_portset_parse(struct tcpwatch_portset *set, const char *text);

/**
 * tcpwatch_portset_show() - print a choice as it is read
 * @m: where to
 * @set: the choice
 *
 * Context: any.
 */
void tcpwatch_portset_show(struct seq_file *m, const struct tcpwatch_portset *set);

/**
 * tcpwatch_portset_one() - choose one port
 * @set: the choice
 * @port: the port
 *
 * Context: any.
 */
void tcpwatch_portset_one(struct tcpwatch_portset *set, u16 port);

/**
 * tcpwatch_portset_has() - is this port chosen?
 * @set: the choice
 * @port: the port
 *
 * Context: any.
 * Return: true if it is.
 */
bool tcpwatch_portset_has(const struct tcpwatch_portset *set, u16 port);

/**
 * tcpwatch_portset_is_small() - are so few chosen that it pays to look for each?
 * @set: the choice
 *
 * Context: any.
 * Return: true if they are.
 */
bool tcpwatch_portset_is_small(const struct tcpwatch_portset *set);

/**
 * tcpwatch_portset_default() - what is shown to those who do not choose
 *
 * Context: any.
 * Return: the choice, that of the knob `ports`.
 */
struct tcpwatch_portset tcpwatch_portset_default(void);

/**
 * tcpwatch_portset_set_default() - choose for those
 * @set: the choice
 *
 * Context: any.
 */
void tcpwatch_portset_set_default(const struct tcpwatch_portset *set);

/**
 * tcpwatch_portset_choose() - a reader writes its own choice to a table
 * @set: where it goes, under the lock of the table
 * @m: the table
 * @from: what is written: the choice, after `ports=` or not
 * @size: how many bytes
 *
 * Context: process, may sleep.
 * Return: @size or -errno, with a line in the kernel log that says why.
 */
ssize_t tcpwatch_portset_choose(struct tcpwatch_portset *set, struct seq_file *m,
				const char __user *from, size_t size);

#endif /* _TCPWATCH_PORTSET_H */
