// SPDX-License-Identifier: GPL-2.0
/*
 * No socket knows a process, so the descriptor table of every process is looked
 * through; not a second one that a thread has made itself with
 * unshare(CLONE_FILES). One scan serves all inodes of a batch.
 */
#include <linux/bsearch.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sort.h>

#include "owner.h"
#include "sock.h"

/* Processes looked at before others get the CPU. */
#define BREATH	32

static int by_ino(const void *left, const void *right)
{
	const struct tcpwatch_owner *a = left, *b = right;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

bool tcpwatch_owners_add(struct tcpwatch_owners *owners, u64 ino)
{
	unsigned int i;

	for (i = 0; i < owners->count; i++) {
		if (owners->owner[i].ino == ino)
			return true;
	}
	if (owners->count == TCPWATCH_OWNERS_MAX)
		return false;
	owners->owner[owners->count++] = (struct tcpwatch_owner){ .ino = ino };
	return true;
}

const struct tcpwatch_owner *tcpwatch_owners_find(const struct tcpwatch_owners *owners, u64 ino)
{
	const struct tcpwatch_owner key = { .ino = ino };

	return bsearch(&key, owners->owner, owners->count, sizeof(key), by_ino);
}

struct scan {
	struct tcpwatch_owners *owners;
	struct task_struct *task;
};

/* Under the file_lock of the task's descriptors: look, copy, never sleep. */
static int visit(const void *arg, struct file *file, unsigned int fd)
{
	const struct scan *scan = arg;
	struct tcpwatch_owner *owner;
	struct inode *inode = file_inode(file);

	/* inode numbers are per filesystem: ask for a socket first */
	if (!S_ISSOCK(inode->i_mode) || !sock_from_file(file))
		return 0;
	owner = (struct tcpwatch_owner *)tcpwatch_owners_find(scan->owners, inode->i_ino);
	if (!owner || owner->seen == task_tgid_nr(scan->task))
		return 0;
	if (!owner->count++)
		tcpwatch_task_copy(&owner->task, scan->task);
	owner->seen = task_tgid_nr(scan->task);
	return 0;
}

/* A process lives on in its threads when its first one has exited. */
static void scan_process(struct scan *scan, struct task_struct *leader)
{
	struct task_struct *task;

	for_each_thread(leader, task) {
		bool found;

		task_lock(task);
		found = task->files;
		if (found) {
			scan->task = task;
			iterate_fd(task->files, 0, visit, scan);
		}
		task_unlock(task);
		if (found)
			return;
	}
}

/*
 * Let go of RCU for a moment without losing the place in the list of tasks.
 * Returns false when the task we stood on has left the list meanwhile.
 */
static bool breathe(struct task_struct *task)
{
	bool there;

	get_task_struct(task);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	there = pid_alive(task);
	put_task_struct(task);
	return there;
}

bool tcpwatch_owners_scan(struct tcpwatch_owners *owners)
{
	struct scan scan = { .owners = owners };
	struct task_struct *task;
	unsigned int looked = 0;
	bool complete = true;

	sort(owners->owner, owners->count, sizeof(owners->owner[0]), by_ino, NULL);
	rcu_read_lock();
	for_each_process(task) {
		if (task->flags & PF_KTHREAD)
			continue;
		scan_process(&scan, task);
		/* a list cannot be resumed from a task that has left it */
		if (++looked % BREATH == 0 && need_resched() && !breathe(task)) {
			complete = false;
			break;
		}
	}
	rcu_read_unlock();
	return complete;
}
