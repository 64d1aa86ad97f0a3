// SPDX-License-Identifier: GPL-2.0
#include <asm/syscall.h>
#include <linux/compat.h>
#include <linux/net.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <linux/unistd.h>
#include <net/inet_connection_sock.h>
#include <net/inet_common.h>

#include "backlog.h"
#include "compat.h"
#include "hooks.h"
#include "listeners.h"
#include "listening.h"
#include "overload.h"

/* Before any row is made there is somebody to take it back: the order of planting. */
enum { LISTEN_STOP, LISTEN, ROWS };
static struct tcpwatch_hook hook_rows[ROWS];

/* A system call of 32-bit programs, to which __NR_listen is another. */
static bool find_compat(int nr, const unsigned long *args, u32 *asked)
{
#ifdef __NR_ia32_listen
	const u32 __user *call = (u32 __user *)args[1];

	switch (nr) {
	case __NR_ia32_listen:
		*asked = args[1];
		return true;
	case __NR_ia32_socketcall:
		/* what libc calls; the kernel has just read the arguments from there */
		return args[0] == SYS_LISTEN &&
		       !copy_from_user_nofault(asked, call + 1, sizeof(*asked));
	}
#endif
	return false;
}

static bool is_compat(void)
{
#ifdef CONFIG_COMPAT
	return in_compat_syscall();
#else
	return false;
#endif
}

/*
 * The kernel keeps the backlog in force alone, cut to somaxconn. What was asked for is
 * among the registers of listen().
 */
static bool find_call(u32 *asked)
{
	struct pt_regs *regs = task_pt_regs(current);
	int nr = syscall_get_nr(current, regs);
	unsigned long args[6];

	if (current->flags & (PF_KTHREAD | PF_IO_WORKER))
		return false;
	syscall_get_arguments(current, regs, args);
	if (is_compat())
		return find_compat(nr, args, asked);
	*asked = args[1];
	return nr == __NR_listen;
}

/* One that has not come by listen() may have been cut. */
static bool find_asked(const struct net *net, u32 in_force, u32 *asked)
{
	if (find_call(asked))
		return true;
	*asked = in_force;
	return in_force < READ_ONCE(net->core.sysctl_somaxconn);
}

void tcpwatch_listening_note(const struct sock *sk, u32 backlog)
{
	struct tcpwatch_listener *row;
	bool known;
	u32 asked;

	known = find_asked(sock_net(sk), backlog, &asked);
	rcu_read_lock();
	row = tcpwatch_listener_adopt(sk);
	if (row)
		tcpwatch_listener_called(row, sk, known ? &asked : NULL);
	rcu_read_unlock();
}

/* Of one that listens already, another backlog: no other function is called for that. */
static void tcpwatch_hook_listen(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct socket *sock = (struct socket *)compat_trace_argument(fregs, 0);

	tcpwatch_hook_hit(&hook_rows[LISTEN]);
	if (READ_ONCE(sock->sk->sk_state) == TCP_LISTEN && sock->sk->sk_protocol == IPPROTO_TCP)
		tcpwatch_listening_note(sock->sk, compat_trace_argument(fregs, 1));
}

static void tcpwatch_hook_stop(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct sock *sk = (struct sock *)compat_trace_argument(fregs, 0);
	struct tcpwatch_listener *row;

	tcpwatch_hook_hit(&hook_rows[LISTEN_STOP]);
	rcu_read_lock();
	row = tcpwatch_listener_unlink(sk);
	if (row) {
		tcpwatch_backlog_leave(row, sock_net(sk));
		/* what has not been told yet is told now or never */
		tcpwatch_overload_tell(row, sk);
		tcpwatch_listener_free(row, sock_net(sk));
	}
	rcu_read_unlock();
}

static struct tcpwatch_hook hook_rows[ROWS] = {
	[LISTEN] = {
		.symbol = "inet_listen",
		.lost = "record of another backlog asked for later",
		.trace = tcpwatch_hook_listen,
	},
	[LISTEN_STOP] = {
		.symbol = "inet_csk_listen_stop",
		.lost = "record of listeners at all",
		/* a row would outlive its socket */
		.required = true,
		.trace = tcpwatch_hook_stop,
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = hook_rows, .count = ROWS };

int tcpwatch_listening_init(void)
{
	int err = tcpwatch_hooks_plant(&hooks);

	if (!err)
		tcpwatch_listeners_seed();
	return err;
}

void tcpwatch_listening_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
}
