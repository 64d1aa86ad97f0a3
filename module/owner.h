/* SPDX-License-Identifier: GPL-2.0 */
/* Who holds a socket now: the live processes that have it open. */
#ifndef _TCPWATCH_OWNER_H
#define _TCPWATCH_OWNER_H

#include "event.h"

/* Inodes looked for in one scan of the processes. */
#define TCPWATCH_OWNERS_MAX	128

/**
 * struct tcpwatch_owner - one socket inode and who has it open
 * @ino: the inode to look for
 * @task: the first process found with it, pid 0: none
 * @count: how many processes have it open
 * @seen: pid of the process counted last, so that two descriptors count once
 */
struct tcpwatch_owner {
	u64 ino;
	struct tcpwatch_task task;
	u32 count;
	pid_t seen;
};

/**
 * struct tcpwatch_owners - what one scan looks for
 * @count: how many
 * @owner: the inodes, in no order before the scan, by inode after it
 */
struct tcpwatch_owners {
	unsigned int count;
	struct tcpwatch_owner owner[TCPWATCH_OWNERS_MAX];
};

/**
 * tcpwatch_owners_add() - look for this inode too
 * @owners: the scan
 * @ino: a socket inode
 *
 * Context: any.
 * Return: false when the scan is full.
 */
bool tcpwatch_owners_add(struct tcpwatch_owners *owners, u64 ino);

/**
 * tcpwatch_owners_scan() - look through the descriptors of every process
 * @owners: what to look for, filled in
 *
 * Context: process; sleeps between processes, holds the RCU read lock, and
 * task_lock and file_lock of one process at a time.
 * Return: false when not all could be looked through, so that what was not
 * found is not known to have nobody.
 */
bool tcpwatch_owners_scan(struct tcpwatch_owners *owners);

/**
 * tcpwatch_owners_find() - the result for one inode
 * @owners: after the scan
 * @ino: a socket inode
 *
 * Context: any.
 * Return: NULL when it was not looked for.
 */
const struct tcpwatch_owner *tcpwatch_owners_find(const struct tcpwatch_owners *owners, u64 ino);

#endif /* _TCPWATCH_OWNER_H */
