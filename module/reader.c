// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "reader.h"

bool tcpwatch_reader_is_admin(const struct file *file)
{
	return task_active_pid_ns(current) == &init_pid_ns &&
	       file_ns_capable(file, &init_user_ns, CAP_NET_ADMIN);
}

void tcpwatch_reader_open(struct tcpwatch_reader *reader, const struct file *file)
{
	const struct net *net = current->nsproxy->net_ns;

	reader->file = file;
	reader->netns = net->ns.inum;
	reader->netns_cookie = net->net_cookie;
	reader->pidns = task_active_pid_ns(current)->ns.inum;
	reader->user_ns = file->f_cred->user_ns;
	reader->userns = file->f_cred->user_ns->ns.inum;
	reader->uid = file->f_cred->fsuid;
	reader->gid = file->f_cred->fsgid;
	reader->caps = file->f_cred->cap_effective;
	reader->admin = tcpwatch_reader_is_admin(file);
	reader->all = reader->admin && net == &init_net;
}

bool tcpwatch_reader_sees(const struct tcpwatch_reader *reader,
			  const struct tcpwatch_event *event)
{
	return reader->all || reader->netns_cookie == event->facts.netns_cookie;
}

bool tcpwatch_reader_knows(const struct tcpwatch_reader *reader,
			   const struct tcpwatch_task *task)
{
	if (!reader || reader->admin)
		return true;
	/* as __ptrace_may_access(), whom procfs asks for `ss -p` */
	if (reader->userns != task->userns || !tcpwatch_reader_pid(reader, task))
		return false;
	/* the number may be another namespace's by now: one with its uids is not told from it */
	if (cap_raised(reader->caps, CAP_SYS_PTRACE))
		return kuid_has_mapping(reader->user_ns, task->uid);
	return task->own && uid_eq(reader->uid, task->uid) && gid_eq(reader->gid, task->gid) &&
	       cap_issubset(task->caps, reader->caps);
}

static bool in_initial_pidns(const struct tcpwatch_reader *reader)
{
	return !reader || reader->pidns == init_pid_ns.ns.inum;
}

pid_t tcpwatch_reader_tid(const struct tcpwatch_reader *reader, const struct tcpwatch_task *task)
{
	return in_initial_pidns(reader) ? task->tid : 0;
}

pid_t tcpwatch_reader_pid(const struct tcpwatch_reader *reader, const struct tcpwatch_task *task)
{
	if (in_initial_pidns(reader))
		return task->pid;
	return reader->pidns == task->pidns ? task->vpid : 0;
}

uid_t tcpwatch_reader_uid(const struct tcpwatch_reader *reader, kuid_t uid)
{
	return from_kuid_munged(reader ? reader->user_ns : &init_user_ns, uid);
}
