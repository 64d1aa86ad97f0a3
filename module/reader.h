/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For whom a view is made, and what that may show: no more of other people's
 * processes than `ss -p` would. It is who opened the file, whoever reads.
 */
#ifndef _TCPWATCH_READER_H
#define _TCPWATCH_READER_H

#include "event.h"

struct file;

/**
 * struct tcpwatch_reader - who opened a file, fixed at that moment
 * @file: the file
 * @netns: inode number of its network namespace
 * @netns_cookie: the cookie of that, by which events are told apart
 * @pidns: inode number of its pid namespace
 * @user_ns: its user namespace, in which uids are shown
 * @userns: inode number of that
 * @uid: its uid, as procfs takes it: of the filesystem
 * @gid: its gid, likewise
 * @caps: its capabilities there
 * @admin: of this machine, see tcpwatch_reader_is_admin(): everybody's processes
 * @all: @admin in the initial network namespace: all network namespaces
 */
struct tcpwatch_reader {
	const struct file *file;
	u64 netns_cookie;
	u32 netns;
	u32 pidns;
	struct user_namespace *user_ns;
	u32 userns;
	kuid_t uid;
	kgid_t gid;
	kernel_cap_t caps;
	bool admin;
	bool all;
};

/**
 * tcpwatch_reader_is_admin() - is a file being opened with CAP_NET_ADMIN on this machine?
 * @file: the file
 *
 * The root of a container owns the files of procfs that are root's, but is not that: where
 * it has no user namespace of its own its capabilities are the machine's, and so it is told
 * by its pid namespace.
 *
 * Context: process, the opener's.
 * Return: true if the opener has it in the initial user namespace, in the initial pid namespace.
 */
bool tcpwatch_reader_is_admin(const struct file *file);

/**
 * tcpwatch_reader_open() - note for whom a file is being opened
 * @reader: the answer
 * @file: the file; its credentials keep @reader->user_ns alive
 *
 * Context: process, the opener's.
 */
void tcpwatch_reader_open(struct tcpwatch_reader *reader, const struct file *file);

/**
 * tcpwatch_reader_sees() - may this reader see this event at all?
 * @reader: the reader
 * @event: the event
 *
 * Context: any.
 * Return: true if it may.
 */
bool tcpwatch_reader_sees(const struct tcpwatch_reader *reader,
			  const struct tcpwatch_event *event);

/**
 * tcpwatch_reader_knows() - may this reader see this process by pid and name?
 * @reader: the reader; NULL: the kernel log, which may
 * @task: the process
 *
 * An administrator may; others those of their own uid and gid, in their pid and user
 * namespace, that could not keep them from it when they were seen (&struct tcpwatch_task.own)
 * and had no capability that they lack; with CAP_SYS_PTRACE there, all. As __ptrace_may_access().
 *
 * Context: any.
 * Return: true if it may.
 */
bool tcpwatch_reader_knows(const struct tcpwatch_reader *reader,
			   const struct tcpwatch_task *task);

/**
 * tcpwatch_reader_pid() - the process id that means something to this reader
 * @reader: the reader; NULL: the kernel log
 * @task: the process
 *
 * Context: any.
 * Return: the pid in the initial pid namespace or, for a reader in the same
 * pid namespace as the process, in that one; 0 for a reader in another.
 */
pid_t tcpwatch_reader_pid(const struct tcpwatch_reader *reader,
			  const struct tcpwatch_task *task);

/**
 * tcpwatch_reader_tid() - the thread id, for whom it means something
 * @reader: the reader; NULL: the kernel log
 * @task: the thread
 *
 * Context: any.
 * Return: the id in the initial pid namespace, 0 for a reader in another.
 */
pid_t tcpwatch_reader_tid(const struct tcpwatch_reader *reader,
			  const struct tcpwatch_task *task);

/**
 * tcpwatch_reader_uid() - a uid as this reader would see it
 * @reader: the reader; NULL: the kernel log
 * @uid: the uid
 *
 * Context: any.
 * Return: the uid in its user namespace, or the overflow uid.
 */
uid_t tcpwatch_reader_uid(const struct tcpwatch_reader *reader, kuid_t uid);

#endif /* _TCPWATCH_READER_H */
