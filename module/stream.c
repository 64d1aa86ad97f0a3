// SPDX-License-Identifier: GPL-2.0
/*
 * A seq_file whose position counts events from the oldest that was retained when
 * it was opened, so that each open file is a cursor. What it adds to seq_file is
 * sleeping at the end.
 */
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "fields.h"
#include "reader.h"
#include "ring.h"
#include "stream.h"

/**
 * struct stream - one open file
 * @reader: for whom
 * @base: number of the event at position 0
 * @lock: guards all below, and the seq_file's position; not held asleep
 * @pos: the file position, see tcpwatch_stream_open()
 * @event: the event at the position, unless @gap
 * @gap: how many events are missing at the position
 * @line: where it is formatted
 */
struct stream {
	struct tcpwatch_reader reader;
	u64 base;
	struct mutex lock;	/* see above */
	loff_t pos;
	struct tcpwatch_event event;
	u64 gap;
	char line[TCPWATCH_LINE_LEN];
};

static void *stream_at(struct stream *stream, loff_t pos)
{
	u64 seq = stream->base + pos;
	int err = tcpwatch_ring_read(seq, &stream->event);

	stream->gap = 0;
	if (err == -EAGAIN)
		return NULL;
	if (err == -ESTALE)
		stream->gap = tcpwatch_ring_span().first - seq;
	return stream;
}

static void *tcpwatch_stream_start(struct seq_file *m, loff_t *pos)
{
	return stream_at(m->private, *pos);
}

static void *tcpwatch_stream_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct stream *stream = v;

	cond_resched();
	*pos += stream->gap ?: 1;
	return stream_at(stream, *pos);
}

static void tcpwatch_stream_stop(struct seq_file *m, void *v)
{
}

static int tcpwatch_stream_show(struct seq_file *m, void *v)
{
	struct stream *stream = v;
	struct seq_buf buf;

	if (stream->gap) {
		seq_printf(m, "event=gap lost=%llu\n", stream->gap);
		return 0;
	}
	if (!tcpwatch_reader_sees(&stream->reader, &stream->event))
		return SEQ_SKIP;
	seq_buf_init(&buf, stream->line, sizeof(stream->line));
	tcpwatch_fields_line(&buf, &stream->event, &stream->reader);
	seq_write(m, stream->line, min(buf.len, sizeof(stream->line)));
	return 0;
}

static const struct seq_operations stream_ops = {
	.start = tcpwatch_stream_start,
	.next = tcpwatch_stream_next,
	.stop = tcpwatch_stream_stop,
	.show = tcpwatch_stream_show,
};

/*
 * Over the events that this reader may not see. Without it they would wake it
 * for nothing and, overwritten, look like a gap.
 */
static void pass_over(struct stream *stream, loff_t *pos)
{
	while (!tcpwatch_ring_read(stream->base + *pos, &stream->event) &&
	       !tcpwatch_reader_sees(&stream->reader, &stream->event)) {
		++*pos;
		cond_resched();
	}
}

static int tcpwatch_stream_open(struct inode *inode, struct file *file)
{
	struct stream *stream = __seq_open_private(file, &stream_ops, sizeof(*stream));
	struct seq_file *m = file->private_data;

	if (!stream)
		return -ENOMEM;
	tcpwatch_reader_open(&stream->reader, file);
	mutex_init(&stream->lock);
	stream->base = tcpwatch_ring_span().first;
	pass_over(stream, &m->index);
	/*
	 * The position is ours: at file position 0 seq_file would begin anew, and
	 * the lock that guards f_pos would be held by a reader asleep.
	 */
	stream->pos = 1;
	m->read_pos = 1;
	return stream_open(inode, file);
}

static ssize_t tcpwatch_stream_read(struct file *file, char __user *to, size_t size, loff_t *unused)
{
	struct seq_file *m = file->private_data;
	struct stream *stream = m->private;
	ssize_t got;
	u64 next;
	int err;

	for (;;) {
		err = mutex_lock_interruptible(&stream->lock);
		if (err)
			return err;
		got = seq_read(file, to, size, &stream->pos);
		next = stream->base + m->index;
		mutex_unlock(&stream->lock);
		if (got || !size || tcpwatch_ring_closed())
			return got;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = tcpwatch_ring_wait(next);
		if (err)
			return err;
	}
}

static __poll_t tcpwatch_stream_poll(struct file *file, poll_table *wait)
{
	struct seq_file *m = file->private_data;
	struct stream *stream = m->private;
	__poll_t mask;

	mutex_lock(&stream->lock);
	/* else there is the rest of a line that did not fit the last read */
	if (!m->count)
		pass_over(stream, &m->index);
	mask = tcpwatch_ring_poll(stream->base + m->index, file, wait);
	if (m->count)
		mask |= EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&stream->lock);
	return mask;
}

static const struct proc_ops stream_proc_ops = {
	.proc_open = tcpwatch_stream_open,
	.proc_read = tcpwatch_stream_read,
	.proc_poll = tcpwatch_stream_poll,
	.proc_release = seq_release_private,
};

int tcpwatch_stream_init(void)
{
	return proc_create(TCPWATCH_STREAM, 0400, NULL, &stream_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_stream_exit(void)
{
	/* the order matters: removal waits for readers inside, who must wake first */
	tcpwatch_ring_close();
	remove_proc_entry(TCPWATCH_STREAM, NULL);
}
