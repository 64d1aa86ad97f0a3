// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "hooks.h"

static char *without;
module_param(without, charp, 0444);
MODULE_PARM_DESC(without, "comma-separated functions not to probe, as if the kernel lacked them");

/* Guards the list and, with it, planting against a reader of the rows. */
static DEFINE_MUTEX(lock);
static LIST_HEAD(tables);

/* Is symbol one of the comma-separated words of the parameter? */
static bool left_out(const char *symbol)
{
	size_t len = strlen(symbol);
	const char *at;

	for (at = without; at && *at; at = strchrnul(at, ',') + (*strchrnul(at, ',') == ',')) {
		if (!strncmp(at, symbol, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return false;
}

/*
 * ftrace looks a name up by comparing those of all functions there are, 50,000 of them:
 * it has them found by probes that are never armed, and is told the addresses.
 */
static void find_addresses(struct tcpwatch_hooks *hooks)
{
	struct kprobe *found[TCPWATCH_HOOKS_MAX];
	struct tcpwatch_hook *hook;
	unsigned int count = 0;

	for (hook = hooks->rows; hook < hooks->rows + hooks->count; hook++) {
		hook->address = 0;
		hook->kp = (struct kprobe){
			.symbol_name = hook->symbol,
			.flags = KPROBE_FLAG_DISABLED,
		};
		if (!hook->trace || left_out(hook->symbol))
			continue;
		hook->error = register_kprobe(&hook->kp);
		if (hook->error)
			continue;
		hook->address = (unsigned long)hook->kp.addr;
		found[count++] = &hook->kp;
	}
	unregister_kprobes(found, count);
}

static int register_trace(struct tcpwatch_hook *hook)
{
	int err;

	if (!hook->address)
		return hook->error;
	/* as long as we are there, ftrace_enabled=0 is refused: it would make us blind */
	hook->ops = (struct ftrace_ops){
		.func = hook->trace,
		.flags = FTRACE_OPS_FL_PERMANENT,
	};
	/* without a filter it would be every function of the kernel */
	err = ftrace_set_filter_ip(&hook->ops, hook->address, 0, 1);
	if (!err)
		err = register_ftrace_function(&hook->ops);
	if (err)
		ftrace_free_filter(&hook->ops);
	return err;
}

static int register_hook(struct tcpwatch_hook *hook)
{
	if (left_out(hook->symbol))
		return -ENOENT;
	if (hook->trace)
		return register_trace(hook);
	if (!hook->ret) {
		hook->kp = (struct kprobe){
			.symbol_name = hook->symbol,
			.pre_handler = hook->pre,
		};
		return register_kprobe(&hook->kp);
	}
	hook->rp = (struct kretprobe){
		.kp.symbol_name = hook->symbol,
		.entry_handler = hook->entry,
		.handler = hook->ret,
		.data_size = hook->data_size,
		/* a call can be preempted, so more than one a CPU is under way */
		.maxactive = max(64U, 4 * num_possible_cpus()),
	};
	return register_kretprobe(&hook->rp);
}

static int plant(struct tcpwatch_hook *hook)
{
	hook->error = register_hook(hook);
	hook->armed = !hook->error;
	if (hook->armed)
		return 0;

	if (hook->required) {
		pr_err("%s cannot be probed (error %d): not loaded, since without it there is no %s\n",
		       hook->symbol, hook->error, hook->lost);
		return hook->error;
	}
	pr_warn("%s cannot be probed (error %d): no %s\n",
		hook->symbol, hook->error, hook->lost);
	return 0;
}

/*
 * Disarmed one by one, in order, and probes waited for together. All are gone before any
 * gives its memory back: a handler may read the hits of another row.
 */
static void pull_all(struct tcpwatch_hooks *hooks)
{
	struct kretprobe *rets[TCPWATCH_HOOKS_MAX];
	struct kprobe *entries[TCPWATCH_HOOKS_MAX];
	unsigned int ret_count = 0, entry_count = 0;
	struct tcpwatch_hook *hook;

	for (hook = hooks->rows; hook < hooks->rows + hooks->count; hook++) {
		if (hook->armed && hook->trace) {
			unregister_ftrace_function(&hook->ops);
			ftrace_free_filter(&hook->ops);
		} else if (hook->armed && hook->ret) {
			rets[ret_count++] = &hook->rp;
		} else if (hook->armed) {
			entries[entry_count++] = &hook->kp;
		}
	}
	unregister_kprobes(entries, entry_count);
	unregister_kretprobes(rets, ret_count);
	for (hook = hooks->rows; hook < hooks->rows + hooks->count; hook++) {
		hook->armed = false;
		free_percpu(hook->hits);
		hook->hits = NULL;
	}
}

u64 tcpwatch_hook_hits(const struct tcpwatch_hook *hook)
{
	u64 hits = 0;
	int cpu;

	if (!hook->hits)
		return 0;
	for_each_possible_cpu(cpu)
		hits += READ_ONCE(*per_cpu_ptr(hook->hits, cpu));
	return hits;
}

struct tcpwatch_missed tcpwatch_hook_missed(const struct tcpwatch_hook *hook)
{
	struct tcpwatch_missed missed = {};

	if (!hook->armed || hook->trace)
		return missed;
	missed.nested = hook->ret ? READ_ONCE(hook->rp.kp.nmissed) : READ_ONCE(hook->kp.nmissed);
	missed.full = hook->ret ? READ_ONCE(hook->rp.nmissed) : 0;
	return missed;
}

int tcpwatch_hooks_plant(struct tcpwatch_hooks *hooks)
{
	unsigned int i;
	int err = 0;

	mutex_lock(&lock);
	for (i = 0; i < hooks->count; i++) {
		hooks->rows[i].hits = alloc_percpu(u64);
		if (!hooks->rows[i].hits) {
			err = -ENOMEM;
			goto pull;
		}
	}
	find_addresses(hooks);
	for (i = 0; i < hooks->count; i++) {
		err = plant(&hooks->rows[i]);
		if (err)
			goto pull;
	}
	list_add_tail(&hooks->node, &tables);
	mutex_unlock(&lock);
	return 0;

pull:
	pull_all(hooks);
	mutex_unlock(&lock);
	return err;
}

void tcpwatch_hooks_pull(struct tcpwatch_hooks *hooks)
{
	mutex_lock(&lock);
	list_del(&hooks->node);
	pull_all(hooks);
	mutex_unlock(&lock);
}

void tcpwatch_hooks_each(int (*visit)(const struct tcpwatch_hook *hook, void *arg), void *arg)
{
	const struct tcpwatch_hooks *hooks;
	unsigned int i;

	mutex_lock(&lock);
	list_for_each_entry(hooks, &tables, node) {
		for (i = 0; i < hooks->count; i++) {
			if (visit(&hooks->rows[i], arg))
				goto unlock;
		}
	}
unlock:
	mutex_unlock(&lock);
}
