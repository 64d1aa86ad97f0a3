// SPDX-License-Identifier: GPL-2.0
/*
 * It tells what bind() would, of the network namespace of who opened the file, and names
 * processes as the other views do.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "dryrun.h"
#include "fields.h"
#include "format.h"
#include "owner.h"
#include "reader.h"
#include "request.h"
#include "resolve.h"
#include "why.h"

/* For everybody, as bind() is. */
#define WHY_MODE	0666

/* One answer at a time: it may look through all processes, and anybody may ask. */
static DEFINE_MUTEX(answering);

/**
 * struct why - one open file
 * @reader: who asks
 * @net: its network namespace, referenced
 * @lock: guards all below
 * @request: the question
 * @event: the answer
 * @owners: memory to look for the holder's process
 * @answer: the answer as a line
 * @len: its length
 * @pos: how much of it has been read; ours, since a write that fails keeps the
 *	file's position where it is
 */
struct why {
	struct tcpwatch_reader reader;
	struct net *net;
	struct mutex lock;	/* see above */
	struct tcpwatch_request request;
	struct tcpwatch_event event;
	struct tcpwatch_owners owners;
	char answer[TCPWATCH_LINE_LEN];
	size_t len;
	loff_t pos;
};

static void answer_invalid(struct why *why, const char *reason)
{
	struct seq_buf buf;

	seq_buf_init(&buf, why->answer, sizeof(why->answer));
	seq_buf_printf(&buf, "event=why verdict=invalid reason=");
	tcpwatch_format_text(&buf, reason);
	seq_buf_printf(&buf, "\n");
	why->len = min(buf.len, sizeof(why->answer));
}

static void answer(struct why *why)
{
	struct tcpwatch_event *event = &why->event;
	const struct net *net = why->request.net;
	struct seq_buf buf;

	memset(event, 0, sizeof(*event));
	tcpwatch_dryrun(&event->facts, &why->request);
	event->facts.time = ktime_get_boottime_ns();
	event->facts.mono = ktime_get_ns();
	event->facts.netns = net->ns.inum;
	event->facts.netns_cookie = net->net_cookie;
	event->facts.task.uid = why->request.want.bind.uid;
	if (event->facts.error)
		tcpwatch_resolve_now(event, &why->owners);
	seq_buf_init(&buf, why->answer, sizeof(why->answer));
	tcpwatch_fields_answer(&buf, event, &why->reader);
	why->len = min(buf.len, sizeof(why->answer));
}

static int ask(struct why *why, char *line, size_t size)
{
	const char *wrong;
	int err;

	/* a NUL would hide what follows it */
	if (strlen(line) != size) {
		answer_invalid(why, "a NUL byte in the request");
		return -EINVAL;
	}
	wrong = tcpwatch_request_parse(&why->request, line, &why->reader, why->net);
	if (wrong) {
		answer_invalid(why, wrong);
		err = why->request.error;
	} else {
		err = mutex_lock_interruptible(&answering);
	}
	if (!err) {
		answer(why);
		mutex_unlock(&answering);
	}
	tcpwatch_request_put(&why->request);
	return err;
}

static ssize_t tcpwatch_why_write(struct file *file, const char __user *from, size_t size,
				  loff_t *unused)
{
	struct why *why = file->private_data;
	char *line = NULL;
	int err;

	if (size <= TCPWATCH_REQUEST_LEN) {
		line = memdup_user_nul(from, size);
		if (IS_ERR(line))
			return PTR_ERR(line);
	}
	err = mutex_lock_interruptible(&why->lock);
	if (err)
		goto free;
	why->pos = 0;
	if (line) {
		err = ask(why, line, size);
	} else {
		answer_invalid(why, "a request has at most 256 bytes");
		err = -EINVAL;
	}
	mutex_unlock(&why->lock);
free:
	kfree(line);
	return err ?: size;
}

static ssize_t tcpwatch_why_read(struct file *file, char __user *to, size_t size,
				 loff_t *unused)
{
	struct why *why = file->private_data;
	ssize_t got;

	got = mutex_lock_interruptible(&why->lock);
	if (got)
		return got;
	got = simple_read_from_buffer(to, size, &why->pos, why->answer, why->len);
	mutex_unlock(&why->lock);
	return got;
}

static int tcpwatch_why_open(struct inode *inode, struct file *file)
{
	struct why *why = kvzalloc(sizeof(*why), GFP_KERNEL_ACCOUNT);

	if (!why)
		return -ENOMEM;
	tcpwatch_reader_open(&why->reader, file);
	why->net = get_net(current->nsproxy->net_ns);
	mutex_init(&why->lock);
	answer_invalid(why, "nothing was asked: write a request, as in: tcp 0.0.0.0:80");
	file->private_data = why;
	return stream_open(inode, file);
}

static int tcpwatch_why_release(struct inode *inode, struct file *file)
{
	struct why *why = file->private_data;

	put_net(why->net);
	kvfree(why);
	return 0;
}

static const struct proc_ops why_proc_ops = {
	.proc_open = tcpwatch_why_open,
	.proc_read = tcpwatch_why_read,
	.proc_write = tcpwatch_why_write,
	.proc_release = tcpwatch_why_release,
};

int tcpwatch_why_init(void)
{
	return proc_create(TCPWATCH_WHY, WHY_MODE, NULL, &why_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_why_exit(void)
{
	remove_proc_entry(TCPWATCH_WHY, NULL);
}
