// SPDX-License-Identifier: GPL-2.0
/*
 * No socket knows a process, so the descriptor table of every process is looked
 * through; not a second one that a thread has made itself with
 * unshare(CLONE_FILES). One scan serves all inodes of a batch.
 */
#include <linux/bitmap.h>
#include <linux/bsearch.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sort.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "owner.h"
#include "sock.h"

/*
 * Descriptors of one process looked at before its locks are let go, and those that are not
 * open, which are passed over by the word. A table keeps the length that it once had.
 */
#define FILES	1024
#define SLOTS	65536

/* Nanoseconds that a scan which anybody may cause takes at most: they choose how long it is. */
#define BUDGET	NSEC_PER_SEC

static int by_ino(const void *left, const void *right)
{
	const struct tcpwatch_owner *a = left, *b = right;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

void tcpwatch_owners_init(struct tcpwatch_owners *owners)
{
	owners->count = 0;
	owners->netns_count = 0;
	owners->time = 0;
	bitmap_zero(owners->filter, TCPWATCH_OWNERS_FILTER);
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
	__set_bit(ino % TCPWATCH_OWNERS_FILTER, owners->filter);
	owners->owner[owners->count++] = (struct tcpwatch_owner){ .ino = ino };
	return true;
}

const struct tcpwatch_owner *tcpwatch_owners_find(const struct tcpwatch_owners *owners, u64 ino)
{
	const struct tcpwatch_owner key = { .ino = ino };

	return bsearch(&key, owners->owner, owners->count, sizeof(key), by_ino);
}

static bool has_netns(const struct tcpwatch_owners *owners, u64 cookie)
{
	unsigned int i;

	for (i = 0; i < owners->netns_count; i++) {
		if (owners->netns[i].cookie == cookie)
			return true;
	}
	return false;
}

void tcpwatch_owners_add_netns(struct tcpwatch_owners *owners, u64 cookie)
{
	if (has_netns(owners, cookie))
		return;
	if (owners->netns_count < TCPWATCH_OWNERS_NETNS)
		owners->netns[owners->netns_count++] = (struct tcpwatch_resident){
			.cookie = cookie,
		};
}

const struct tcpwatch_task *tcpwatch_owners_resident(const struct tcpwatch_owners *owners,
						     u64 cookie)
{
	unsigned int i;

	for (i = 0; i < owners->netns_count; i++) {
		if (owners->netns[i].cookie == cookie && owners->netns[i].task.pid)
			return &owners->netns[i].task;
	}
	return NULL;
}

/**
 * struct scan - a scan under way
 * @until: when it gives up, CLOCK_MONOTONIC in nanoseconds
 * @task: the process that is looked at
 * @process: called for each, under its task_lock
 * @socket: called for each socket of it, under its file_lock
 * @arg: theirs
 * @filter: of the inodes looked for, or NULL: all
 */
struct scan {
	u64 until;
	struct task_struct *task;
	const unsigned long *filter;
	void (*process)(struct task_struct *task, void *arg);
	void (*socket)(struct task_struct *task, struct socket *sock, void *arg);
	void *arg;
};

static void visit(const struct scan *scan, struct file *file)
{
	struct socket *sock = sock_from_file(file);

	if (sock && (!scan->filter || test_bit(SOCK_INODE(sock)->i_ino % TCPWATCH_OWNERS_FILTER,
					       scan->filter)))
		scan->socket(scan->task, sock, scan->arg);
}

/* Returns the descriptor to go on with, or 0. */
static unsigned int visit_few(const struct scan *scan, struct files_struct *files,
			      unsigned int from)
{
	const struct fdtable *fdt;
	unsigned int fd = from, end, count = 0;
	struct file *file;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	end = min(fdt->max_fds, from + SLOTS);
	for_each_set_bit_from(fd, fdt->open_fds, end) {
		if (++count > FILES) {
			end = fd;
			break;
		}
		/* one that is about to be opened has a place already */
		file = files_lookup_fd_locked(files, fd);
		if (file)
			visit(scan, file);
	}
	if (end == fdt->max_fds)
		end = 0;
	spin_unlock(&files->file_lock);
	return end;
}

/*
 * Let go of RCU for a moment without losing the place in the lists of processes and of
 * their threads, as rcu_lock_break() does. Returns false when one that we stood on has left
 * its list meanwhile, or is a leader no more since another thread has called execve().
 */
static bool breathe(struct task_struct *leader, struct task_struct *task)
{
	bool there;

	get_task_struct(leader);
	get_task_struct(task);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	there = pid_alive(leader) && thread_group_leader(leader) && pid_alive(task);
	put_task_struct(task);
	put_task_struct(leader);
	return there;
}

static bool may_go_on(const struct scan *scan, struct task_struct *leader,
		      struct task_struct *task)
{
	if (ktime_get_ns() > scan->until || fatal_signal_pending(current))
		return false;
	return !need_resched() || breathe(leader, task);
}

/* Returns 0 if it has no descriptors, 1 if it has, and -1 if the scan is to end. */
static int scan_files(struct scan *scan, struct task_struct *leader, struct task_struct *task)
{
	unsigned int next = 0;
	bool found;

	scan->task = task;
	do {
		task_lock(task);
		found = task->files;
		if (found && !next && scan->process)
			scan->process(task, scan->arg);
		next = found ? visit_few(scan, task->files, next) : 0;
		task_unlock(task);
		if (next && !may_go_on(scan, leader, task))
			return -1;
	} while (next);
	return found;
}

/* A process lives on in its threads when its first one has exited. */
static int scan_process(struct scan *scan, struct task_struct *leader)
{
	struct task_struct *task;
	int found;

	for_each_thread(leader, task) {
		found = scan_files(scan, leader, task);
		if (found)
			return found;
	}
	return 0;
}

static bool scan_all(struct scan *scan)
{
	struct task_struct *task;
	bool complete = true;

	rcu_read_lock();
	for_each_process(task) {
		if (task->flags & PF_KTHREAD)
			continue;
		if (scan_process(scan, task) < 0 || !may_go_on(scan, task, task)) {
			complete = false;
			break;
		}
	}
	rcu_read_unlock();
	return complete;
}

void tcpwatch_owner_note(struct tcpwatch_owner *owner, struct task_struct *task)
{
	if (owner->seen == task_tgid_nr(task))
		return;
	if (!owner->count++) {
		tcpwatch_task_copy(&owner->task, task);
		owner->state = task_state_to_char(task);
	}
	owner->seen = task_tgid_nr(task);
}

static void own(struct task_struct *task, struct socket *sock, void *arg)
{
	struct tcpwatch_owner *owner;

	owner = (struct tcpwatch_owner *)tcpwatch_owners_find(arg, SOCK_INODE(sock)->i_ino);
	if (owner)
		tcpwatch_owner_note(owner, task);
}

static void reside(struct task_struct *task, void *arg)
{
	struct tcpwatch_owners *owners = arg;
	unsigned int i;
	u64 cookie;

	if (!owners->netns_count || !task->nsproxy)
		return;
	cookie = task->nsproxy->net_ns->net_cookie;
	for (i = 0; i < owners->netns_count; i++) {
		if (owners->netns[i].cookie == cookie && !owners->netns[i].task.pid)
			tcpwatch_task_copy(&owners->netns[i].task, task);
	}
}

bool tcpwatch_owners_cover(const struct tcpwatch_owners *owners, u64 time, u64 ino, u64 cookie)
{
	return time <= owners->time && (!ino || tcpwatch_owners_find(owners, ino)) &&
	       (!cookie || has_netns(owners, cookie));
}

void tcpwatch_owners_scan(struct tcpwatch_owners *owners)
{
	struct scan scan = {
		.until = ktime_get_ns() + BUDGET,
		.filter = owners->filter, .process = reside, .socket = own, .arg = owners,
	};

	sort(owners->owner, owners->count, sizeof(owners->owner[0]), by_ino, NULL);
	owners->time = ktime_get_boottime_ns();
	owners->whole = (!owners->count && !owners->netns_count) || scan_all(&scan);
}

void tcpwatch_owner_each(void (*visit_socket)(struct task_struct *task, struct socket *sock,
					      void *arg), void *arg)
{
	struct scan scan = { .until = U64_MAX, .socket = visit_socket, .arg = arg };

	scan_all(&scan);
}
