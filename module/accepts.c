// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that enter an accept queue and leave it. A request stands in the queue for
 * each, and is the one thing that is seen at both ends without sleeping in accept().
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>

#include "accepts.h"
#include "compat.h"
#include "hooks.h"
#include "pending.h"
#include "waits.h"

static bool waits = true;
module_param(waits, bool, 0444);
MODULE_PARM_DESC(waits, "note how long connections wait for accept() (default on)");

/* Before it is in the queue; the lock of the queue is not held yet, so it may be one off. */
static __always_inline void note_queued(const struct sock *sk, const struct request_sock *req)
{
	struct tcpwatch_listener *row = this_cpu_read(tcpwatch_pendings.row);
	u32 now = READ_ONCE(sk->sk_ack_backlog) + 1;

	if (unlikely(!row || READ_ONCE(row->sk) != sk)) {
		row = tcpwatch_listener_find(sk);
		if (!row)
			return;
	}
	if (now == 1)
		WRITE_ONCE(row->waiting_at, jiffies);
	tcpwatch_listener_raise(&row->accept_max, &row->accept_max_at, now);
	/* of a cookie nothing else says whose it is */
	if (waits || !req->rsk_listener)
		tcpwatch_wait_begin(req, row->index);
}

static notrace void tcpwatch_hook_complete(unsigned long ip, unsigned long parent_ip,
					   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	/* of two that complete the same handshake, one */
	if (compat_trace_argument(fregs, 3) & 0xff)
		note_queued((struct sock *)compat_trace_argument(fregs, 0),
			    (struct request_sock *)compat_trace_argument(fregs, 2));
}

static notrace void tcpwatch_hook_queue(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit_ops(ops);
	note_queued((struct sock *)compat_trace_argument(fregs, 0),
		    (struct request_sock *)compat_trace_argument(fregs, 1));
}

/*
 * Of Fast Open, accepted before its handshake was complete: then accept() has taken the
 * child away and left the request. Else it never was in the queue of its own listener.
 */
static bool is_taken(const struct request_sock *req, const struct tcpwatch_listener *row)
{
	const struct sock *listener = req->rsk_listener;

	return listener && READ_ONCE(row->sk) == listener &&
	       READ_ONCE(listener->sk_state) == TCP_LISTEN;
}

static void note_wait(struct tcpwatch_listener *row, u64 us)
{
	if (waits)
		atomic_long_inc(&row->waits[min_t(int, fls64(us), TCPWATCH_WAITS - 1)]);
}

/*
 * accept() gives back the request that has stood in the queue for the connection: in a
 * process, with BH on, as hardly anybody else does with one that has a child.
 */
static notrace void tcpwatch_hook_freed(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct request_sock *req = (struct request_sock *)compat_trace_argument(fregs, 0);
	struct tcpwatch_listener *row = NULL;
	struct tcpwatch_waited waited;
	bool accepted;

	tcpwatch_hook_hit_ops(ops);
	if (!req->sk) {
		this_cpu_write(tcpwatch_pendings.freed, true);
		/* before the drop that comes of it is counted */
		smp_wmb();
	}
	accepted = req->sk && in_task() && !softirq_count();
	/* as good for a grace period, after which a row may be another's, and not a call */
	rcu_read_lock_sched();
	waited = tcpwatch_wait_end(req);
	if (waited.row >= 0)
		row = tcpwatch_listener_row(waited.row);
	/* who has slept in accept() may find it another's */
	if (row && accepted && req->rsk_listener && READ_ONCE(row->sk) != req->rsk_listener)
		row = NULL;
	if (row) {
		if (accepted)
			note_wait(row, waited.us);
		else if (!req->sk && is_taken(req, row))
			atomic_long_inc(&row->waits_lost);
		else
			row = NULL;
	} else if (accepted && req->rsk_listener) {
		row = tcpwatch_listener_find(req->rsk_listener);
		if (row && waits)
			atomic_long_inc(&row->waits_lost);
	}
	if (row) {
		atomic_long_inc(&row->accepted);
		WRITE_ONCE(row->accepted_at, jiffies);
	}
	rcu_read_unlock_sched();
}

#define LOST	"record of accept queues and of who accepts"

static struct tcpwatch_hook hook_rows[] = {
	{ .symbol = "inet_csk_complete_hashdance", .lost = LOST,
	  .trace = tcpwatch_hook_complete },
	{ .symbol = "inet_csk_reqsk_queue_add", .lost = LOST " of cookies and Fast Open",
	  .trace = tcpwatch_hook_queue },
	{ .symbol = "tcp_v4_reqsk_destructor", .lost = LOST, .trace = tcpwatch_hook_freed },
	{ .symbol = "tcp_v6_reqsk_destructor", .lost = LOST, .trace = tcpwatch_hook_freed },
};

static_assert(ARRAY_SIZE(hook_rows) <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = hook_rows, .count = ARRAY_SIZE(hook_rows) };

int tcpwatch_accepts_init(void)
{
	int err = tcpwatch_waits_init();

	if (err)
		return err;
	err = tcpwatch_hooks_plant(&hooks);
	if (err)
		tcpwatch_waits_exit();
	return err;
}

void tcpwatch_accepts_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
	tcpwatch_waits_exit();
}
