// SPDX-License-Identifier: GPL-2.0
/*
 * As a livepatch does it: who calls a function gets another, which counts and then does
 * what the first would have done. Not for functions that sleep: it must not be unloaded
 * while one runs.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#ifdef ftrace_instruction_pointer_set
/* its older name */
#define ftrace_regs_set_instruction_pointer	ftrace_instruction_pointer_set
#endif

#define MOST	4

static char *symbols[MOST];
static int count;
module_param_array(symbols, charp, &count, 0444);
MODULE_PARM_DESC(symbols, "functions to redirect");

/**
 * struct redirect - a function that is redirected
 * @ops: by which it is
 * @instead: what is called instead
 * @body: the function behind the place where it is redirected
 * @calls: how often it was called
 */
struct redirect {
	struct ftrace_ops ops;
	unsigned long instead;
	unsigned long body;
	atomic_t calls;
};

static struct redirect redirects[MOST];

typedef unsigned long (*body_t)(unsigned long a, unsigned long b, unsigned long c,
				unsigned long d, unsigned long e, unsigned long f);

#define INSTEAD(n) \
static notrace unsigned long instead_##n(unsigned long a, unsigned long b, unsigned long c, \
					 unsigned long d, unsigned long e, unsigned long f) \
{ \
	atomic_inc(&redirects[n].calls); \
	return ((body_t)redirects[n].body)(a, b, c, d, e, f); \
}

INSTEAD(0)
INSTEAD(1)
INSTEAD(2)
INSTEAD(3)

static const body_t instead[MOST] = { instead_0, instead_1, instead_2, instead_3 };

static void notrace enter(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *fregs)
{
	struct redirect *redirect = container_of(ops, struct redirect, ops);

	WRITE_ONCE(redirect->body, ip + MCOUNT_INSN_SIZE);
	ftrace_regs_set_instruction_pointer(fregs, redirect->instead);
}

static int get_calls(char *buffer, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < count; i++)
		len += sysfs_emit_at(buffer, len, "%s %d\n", symbols[i],
				     atomic_read(&redirects[i].calls));
	return len;
}

static const struct kernel_param_ops calls_ops = { .get = get_calls };
module_param_cb(calls, &calls_ops, NULL, 0444);
MODULE_PARM_DESC(calls, "how often each was called");

static void release(int from)
{
	while (from--) {
		unregister_ftrace_function(&redirects[from].ops);
		ftrace_free_filter(&redirects[from].ops);
	}
}

static int __init redirect_init(void)
{
	struct redirect *redirect;
	int i, err;

	for (i = 0; i < count; i++) {
		redirect = &redirects[i];
		redirect->instead = (unsigned long)instead[i];
		redirect->ops.func = enter;
		redirect->ops.flags = FTRACE_OPS_FL_IPMODIFY;
		err = ftrace_set_filter(&redirect->ops, symbols[i], strlen(symbols[i]), 0);
		if (!err)
			err = register_ftrace_function(&redirect->ops);
		if (err) {
			ftrace_free_filter(&redirect->ops);
			release(i);
			return err;
		}
	}
	return 0;
}

static void __exit redirect_exit(void)
{
	release(count);
}

module_init(redirect_init);
module_exit(redirect_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Redirects functions as a livepatch does");
