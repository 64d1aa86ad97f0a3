/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who holds a socket now: the live processes that have it open. And who lives in a
 * network namespace.
 */
#ifndef _TCPWATCH_OWNER_H
#define _TCPWATCH_OWNER_H

#include <linux/types.h>

#include "event.h"

struct socket;
struct task_struct;

/* Inodes looked for in one scan of the processes. */
#define TCPWATCH_OWNERS_MAX	128

/* And network namespaces. */
#define TCPWATCH_OWNERS_NETNS	16

#define TCPWATCH_OWNERS_FILTER	1024

/**
 * struct tcpwatch_owner - one socket inode and who has it open
 * @ino: the inode to look for
 * @task: the first process found with it, pid 0: none
 * @state: what state it is in, a letter as ps prints it
 * @count: how many processes have it open
 * @seen: pid of the process counted last, so that two descriptors count once
 */
struct tcpwatch_owner {
	u64 ino;
	struct tcpwatch_task task;
	char state;
	u32 count;
	pid_t seen;
};

/**
 * struct tcpwatch_resident - a network namespace and who lives in it
 * @cookie: the cookie of the namespace to look for
 * @task: the first process found in it, pid 0: none
 */
struct tcpwatch_resident {
	u64 cookie;
	struct tcpwatch_task task;
};

/**
 * struct tcpwatch_owners - what one scan looks for
 * @count: how many inodes
 * @netns_count: how many network namespaces
 * @filter: a bit for each inode, by which most others are told
 * @time: when the scan began, CLOCK_BOOTTIME in nanoseconds; 0: there was none
 * @whole: it saw every process; else who was not found may still be there
 * @owner: the inodes, in no order before the scan, by inode after it
 * @netns: the namespaces
 */
struct tcpwatch_owners {
	unsigned int count;
	unsigned int netns_count;
	DECLARE_BITMAP(filter, TCPWATCH_OWNERS_FILTER);
	u64 time;
	bool whole;
	struct tcpwatch_owner owner[TCPWATCH_OWNERS_MAX];
	struct tcpwatch_resident netns[TCPWATCH_OWNERS_NETNS];
};

/**
 * tcpwatch_owners_init() - look for nothing yet
 * @owners: the scan
 *
 * Context: any.
 */
void tcpwatch_owners_init(struct tcpwatch_owners *owners);

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
 * tcpwatch_owners_add_netns() - look for this namespace too
 * @owners: the scan
 * @cookie: its cookie
 *
 * Context: any.
 */
void tcpwatch_owners_add_netns(struct tcpwatch_owners *owners, u64 cookie);

/**
 * tcpwatch_owners_scan() - look through the descriptors of every process
 * @owners: what to look for, filled in
 *
 * Context: process; sleeps between processes, holds the RCU read lock, and
 * task_lock and file_lock of one process at a time.
 */
void tcpwatch_owners_scan(struct tcpwatch_owners *owners);

/**
 * tcpwatch_owners_cover() - does a scan answer for an event?
 * @owners: the scan, be it made or not
 * @time: when the event was, CLOCK_BOOTTIME in nanoseconds
 * @ino: the socket inode asked for, or 0: none
 * @cookie: the network namespace asked for, or 0: none
 *
 * Context: any.
 * Return: true when it looked for them, and after the event.
 */
bool tcpwatch_owners_cover(const struct tcpwatch_owners *owners, u64 time, u64 ino, u64 cookie);

/**
 * tcpwatch_owners_find() - the result for one inode
 * @owners: after the scan
 * @ino: a socket inode
 *
 * Context: any.
 * Return: NULL when it was not looked for.
 */
const struct tcpwatch_owner *tcpwatch_owners_find(const struct tcpwatch_owners *owners, u64 ino);

/**
 * tcpwatch_owners_resident() - the result for one namespace
 * @owners: after the scan
 * @cookie: its cookie
 *
 * Context: any.
 * Return: NULL when it was not looked for, or nobody was found.
 */
const struct tcpwatch_task *tcpwatch_owners_resident(const struct tcpwatch_owners *owners,
						     u64 cookie);

/**
 * tcpwatch_owner_note() - a process has the socket open
 * @owner: the socket
 * @task: a thread of the process
 *
 * Context: any; under the file_lock of the process, or with a reference to @task.
 */
void tcpwatch_owner_note(struct tcpwatch_owner *owner, struct task_struct *task);

/**
 * tcpwatch_owner_each() - look at every socket that a process has open
 * @visit: called with each, under the file_lock of the process: it must not sleep
 * @arg: passed to @visit
 *
 * Context: process; sleeps between processes.
 */
void tcpwatch_owner_each(void (*visit)(struct task_struct *task, struct socket *sock, void *arg),
			 void *arg);

#endif /* _TCPWATCH_OWNER_H */
