// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "alert.h"
#include "owner.h"
#include "resolve.h"
#include "ring.h"
#include "stats.h"

/* Events completed together, with one scan of the processes for all. */
#define BATCH		256

/* Scans take a tenth of one CPU, and an event waits for one so long at most. */
#define SCAN_SHARE	10
#define SCAN_DELAY_MAX	(HZ / 5)

static struct workqueue_struct *queue;
static void resolve(struct work_struct *work);
static DECLARE_DELAYED_WORK(work, resolve);

/* The worker's own. */
static struct tcpwatch_event *batch;
static struct tcpwatch_owners *owners;
static char *path;
static unsigned long last_scan;	/* its end, in jiffies */
static unsigned long scan_rest;	/* jiffies from then to the next */
static bool waited;		/* what is left has waited for a scan */

/* Set for good at exit: what waits for a scan waits no longer. */
static bool closing;

/* The last control group looked up: mostly it is the one asked for next. */
static struct {
	u64 id;
	char path[TCPWATCH_CGROUP_LEN];
} last_cgroup;

/* A path too long keeps its end, which tells more than its beginning. */
static void put_cgroup_path(char *to, u64 id)
{
	struct cgroup *cgroup;
	size_t len;

	if (id && id == last_cgroup.id) {
		strscpy(to, last_cgroup.path, TCPWATCH_CGROUP_LEN);
		return;
	}
	to[0] = '\0';
	cgroup = id ? cgroup_get_from_id(id) : NULL;
	if (IS_ERR_OR_NULL(cgroup))
		return;
	if (cgroup_path(cgroup, path, PATH_MAX) > 0) {
		len = strlen(path);
		if (len < TCPWATCH_CGROUP_LEN)
			strscpy(to, path, TCPWATCH_CGROUP_LEN);
		else
			snprintf(to, TCPWATCH_CGROUP_LEN, "...%s",
				 path + len - (TCPWATCH_CGROUP_LEN - 4));
		last_cgroup.id = id;
		strscpy(last_cgroup.path, to, TCPWATCH_CGROUP_LEN);
	}
	cgroup_put(cgroup);
}

static bool has_process(const struct tcpwatch_event *event)
{
	return event->holders && event->holder.ino;
}

static void add_names(struct tcpwatch_event *event, bool scanned, bool whole)
{
	const struct tcpwatch_owner *owner = NULL;

	put_cgroup_path(event->cgroup_path, event->task_cgroup);
	if (event->holders)
		put_cgroup_path(event->holder_cgroup_path, event->holder.cgroup);
	if (!has_process(event))
		return;
	if (scanned)
		owner = tcpwatch_owners_find(owners, event->holder.ino);
	if (owner && owner->count) {
		event->owner = owner->task;
		event->owners = owner->count;
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_FOUND, 1);
	} else if (owner && whole) {
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_NONE, 1);
	} else {
		event->owner_unknown = true;
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_UNKNOWN, 1);
	}
}

static unsigned int take_batch(void)
{
	unsigned int count = 0;
	u64 from = 0;

	owners->count = 0;
	while (count < BATCH && tcpwatch_ring_take(from, &batch[count])) {
		from = batch[count].seq + 1;
		if (has_process(&batch[count]))
			tcpwatch_owners_add(owners, batch[count].holder.ino);
		count++;
	}
	return count;
}

static void publish_batch(unsigned int count, bool may_scan)
{
	bool scanned = may_scan && owners->count;
	bool whole = false;
	unsigned long start = jiffies;
	unsigned int i;

	if (scanned) {
		whole = tcpwatch_owners_scan(owners);
		last_scan = jiffies;
		scan_rest = SCAN_SHARE * (last_scan - start);
	}
	for (i = 0; i < count; i++) {
		add_names(&batch[i], scanned, whole);
		tcpwatch_ring_publish(&batch[i]);
	}
	tcpwatch_ring_wake();
	for (i = 0; i < count; i++)
		tcpwatch_alert_event(&batch[i]);
}

/* Jiffies until the next scan is permitted. */
static unsigned long scan_wait(void)
{
	unsigned long since = jiffies - last_scan;

	return since < scan_rest && !READ_ONCE(closing) ? scan_rest - since : 0;
}

/*
 * Events wait for the next permitted scan, but not for long, and not at all when
 * so many wait that the ring would overtake the worker: then they go out with
 * their holders' processes unknown, which they say.
 */
static void resolve(struct work_struct *unused)
{
	unsigned long wait;
	unsigned int count;

	while ((count = take_batch())) {
		wait = owners->count ? scan_wait() : 0;
		if (wait && !waited && !tcpwatch_ring_crowded()) {
			waited = true;
			queue_delayed_work(queue, &work,
					   min_t(unsigned long, wait, SCAN_DELAY_MAX));
			return;
		}
		waited = false;
		publish_batch(count, !wait);
		cond_resched();
	}
}

void tcpwatch_resolve_kick(bool hurry)
{
	if (hurry)
		mod_delayed_work(queue, &work, 0);
	else
		queue_delayed_work(queue, &work, 0);
}

int tcpwatch_resolve_init(void)
{
	batch = kvcalloc(BATCH, sizeof(*batch), GFP_KERNEL);
	owners = kvzalloc(sizeof(*owners), GFP_KERNEL);
	path = kmalloc(PATH_MAX, GFP_KERNEL);
	queue = alloc_ordered_workqueue("tcpwatch", 0);
	if (batch && owners && path && queue)
		return 0;
	tcpwatch_resolve_exit();
	return -ENOMEM;
}

void tcpwatch_resolve_exit(void)
{
	if (queue) {
		/* a run that had not seen it may still put one off: run another */
		WRITE_ONCE(closing, true);
		flush_delayed_work(&work);
		mod_delayed_work(queue, &work, 0);
		flush_delayed_work(&work);
		cancel_delayed_work_sync(&work);
		destroy_workqueue(queue);
	}
	kfree(path);
	kvfree(owners);
	kvfree(batch);
}
