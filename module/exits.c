// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "exits.h"
#include "hooks.h"

#define BITS	12

/* A process that is watched; exited: when, or 0. */
struct watched {
	pid_t pid;
	u64 start;
	u64 exited;
};

/* Guards the table; innermost, taken in probe handlers. */
static DEFINE_RAW_SPINLOCK(lock);
static struct watched table[1 << BITS];

enum { EXIT, ROWS };
static struct tcpwatch_hook rows[ROWS];

static struct watched *place_of(pid_t pid)
{
	return &table[hash_32(pid, BITS)];
}

static void watch(struct watched *watched, pid_t pid, u64 start)
{
	raw_spin_lock(&lock);
	WRITE_ONCE(watched->pid, pid);
	WRITE_ONCE(watched->start, start);
	watched->exited = 0;
	raw_spin_unlock(&lock);
}

void tcpwatch_exits_watch(pid_t pid, u64 start)
{
	struct watched *watched = place_of(pid);

	/* watched already, as mostly; a torn look only makes us look again */
	if (READ_ONCE(watched->pid) != pid || READ_ONCE(watched->start) != start)
		watch(watched, pid, start);
}

/* Is the process with its pid the same? One that nobody has waited for yet has exited. */
static bool is_alive(pid_t pid, u64 start)
{
	struct task_struct *task;
	bool alive;

	rcu_read_lock();
	task = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_TGID);
	alive = task && task->group_leader->start_time == start &&
		atomic_read(&task->signal->live);
	rcu_read_unlock();
	return alive;
}

bool tcpwatch_exits_before(pid_t pid, u64 start, u64 time, u64 *when)
{
	struct watched *watched = place_of(pid);
	/* asked first: whoever exits later leaves a note, or is alive as far as we know */
	bool alive = is_alive(pid, start);

	*when = 0;
	raw_spin_lock_irq(&lock);
	if (watched->pid == pid && watched->start == start)
		*when = watched->exited;
	raw_spin_unlock_irq(&lock);
	return *when ? *when <= time : !alive;
}

/* Called once for a process that exits, by its last thread, and by execve(). */
static int tcpwatch_hook_exit_itimers(struct kprobe *kp, struct pt_regs *regs)
{
	pid_t pid = task_tgid_nr(current);
	struct watched *watched = place_of(pid);

	tcpwatch_hook_hit(&rows[EXIT]);
	if (!(current->flags & PF_EXITING) || READ_ONCE(watched->pid) != pid)
		return 0;
	raw_spin_lock(&lock);
	if (watched->pid == pid && watched->start == current->group_leader->start_time)
		watched->exited = ktime_get_boottime_ns();
	raw_spin_unlock(&lock);
	return 0;
}

static struct tcpwatch_hook rows[ROWS] = {
	[EXIT] = {
		.symbol = "exit_itimers",
		.lost = "time at which a process that bound a port has exited",
		.pre = tcpwatch_hook_exit_itimers,
	},
};

static_assert(ROWS <= TCPWATCH_HOOKS_MAX);
static struct tcpwatch_hooks hooks = { .rows = rows, .count = ROWS };

int tcpwatch_exits_init(void)
{
	return tcpwatch_hooks_plant(&hooks);
}

void tcpwatch_exits_exit(void)
{
	tcpwatch_hooks_pull(&hooks);
}
