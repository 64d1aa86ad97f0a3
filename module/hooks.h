/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes as rows of a table. A feature file ends with its table and hands it
 * over; here the rows are planted one by one, reported and pulled out again.
 */
#ifndef _TCPWATCH_HOOKS_H
#define _TCPWATCH_HOOKS_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/percpu.h>

/**
 * struct tcpwatch_hook - one probe on one function of the kernel
 * @symbol: the function
 * @lost: what cannot be told without it, for people
 * @required: without it the module does not load
 * @data_size: bytes of memory an instance of a return probe has for itself
 * @entry: called at the function's entry; non-zero: the return is of no interest
 * @ret: called at its return; NULL: an entry-only probe, and @entry is not used
 * @pre: called at entry of an entry-only probe
 * @trace: called at entry by ftrace itself, for what runs too often for a probe: it
 *	costs a third, and sees the arguments and the caller alone
 * @kp: the entry-only probe, or by which the function of @trace was found
 * @address: of that function, 0: there is none
 * @rp: the return probe
 * @ops: what ftrace calls @trace by
 * @hits: per CPU, how often the function was entered
 * @error: why it is not planted, or 0
 * @armed: planted
 *
 * Handlers of probes run with preemption off and, on arm64, where most are exceptions, with
 * IRQs off; those of ftrace with both as the function has them. BH is as the function
 * has it. They take no spinlock_t, do not sleep and do not allocate, since on RT all three
 * are the same thing.
 */
struct tcpwatch_hook {
	const char *symbol;
	const char *lost;
	bool required;
	size_t data_size;
	kretprobe_handler_t entry;
	kretprobe_handler_t ret;
	kprobe_pre_handler_t pre;
	ftrace_func_t trace;

	struct kprobe kp;
	unsigned long address;
	struct kretprobe rp;
	struct ftrace_ops ops;
	u64 __percpu *hits;
	int error;
	bool armed;
};

/* Rows of a table, at most. */
#define TCPWATCH_HOOKS_MAX	16

/**
 * struct tcpwatch_hooks - a feature's table
 * @rows: the rows, in the order of planting, which is also that of pulling, entry-only
 *	ones before others: what others rely on first, and what must not outlive the
 *	others too
 * @count: how many
 * @node: in the list of all tables
 */
struct tcpwatch_hooks {
	struct tcpwatch_hook *rows;
	unsigned int count;
	struct list_head node;
};

/**
 * tcpwatch_hook_hit() - count an entry
 * @hook: the row whose handler is running
 *
 * Context: a probe handler.
 */
static inline void tcpwatch_hook_hit(struct tcpwatch_hook *hook)
{
	this_cpu_inc(*hook->hits);
}

/**
 * tcpwatch_hook_hit_ops() - count an entry that ftrace has told of
 * @ops: by which it was told
 *
 * Context: a handler of ftrace.
 */
static inline void tcpwatch_hook_hit_ops(struct ftrace_ops *ops)
{
	tcpwatch_hook_hit(container_of(ops, struct tcpwatch_hook, ops));
}

/**
 * tcpwatch_hook_hits() - how often a function was entered
 * @hook: its row
 *
 * Context: any.
 * Return: the sum over all CPUs, 0 when it is not planted.
 */
u64 tcpwatch_hook_hits(const struct tcpwatch_hook *hook);

/**
 * struct tcpwatch_missed - entries whose handlers did not run
 * @nested: another probe's handler was busy on that CPU; not of ftrace's own
 * @full: all instances of the return probe were taken
 */
struct tcpwatch_missed {
	unsigned long nested;
	unsigned long full;
};

/**
 * tcpwatch_hook_missed() - what a row has missed since it was planted
 * @hook: the row
 *
 * Context: any.
 * Return: both kinds.
 */
struct tcpwatch_missed tcpwatch_hook_missed(const struct tcpwatch_hook *hook);

/**
 * tcpwatch_hooks_plant() - plant the rows of a table
 * @hooks: the table; lives until tcpwatch_hooks_pull()
 *
 * A row that cannot be planted is reported in the kernel log with what is lost;
 * it fails the call only when it is required, and then nothing stays planted.
 *
 * Context: process, may sleep.
 * Return: 0, or the errno of the required row.
 */
int tcpwatch_hooks_plant(struct tcpwatch_hooks *hooks);

/**
 * tcpwatch_hooks_pull() - remove the rows of a table
 * @hooks: a planted table
 *
 * When it returns, no handler runs or will run.
 *
 * Context: process, may sleep.
 */
void tcpwatch_hooks_pull(struct tcpwatch_hooks *hooks);

/**
 * tcpwatch_hooks_each() - look at every row of every planted table
 * @visit: called with each row in planting order; non-zero ends the walk
 * @arg: passed to @visit
 *
 * Context: process; holds a mutex, so @visit may sleep.
 */
void tcpwatch_hooks_each(int (*visit)(const struct tcpwatch_hook *hook, void *arg), void *arg);

#endif /* _TCPWATCH_HOOKS_H */
