// SPDX-License-Identifier: GPL-2.0
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "alert.h"
#include "bound.h"
#include "cgroup.h"
#include "netns.h"
#include "owner.h"
#include "range.h"
#include "resolve.h"
#include "ring.h"
#include "stats.h"

/* Events completed together, with one scan of the processes for all. */
#define BATCH		256

/* Scans take a twentieth of one CPU, or a long one its time every half second. */
#define SCAN_SHARE	20
#define SCAN_REST_MAX	(NSEC_PER_SEC / 2)

/* Events that come within a tick share a run of the worker, which costs more than they. */
#define GATHER		1

static struct workqueue_struct *queue;
static void resolve(struct work_struct *work);
static DECLARE_DELAYED_WORK(work, resolve);

/* The worker's own. */
static struct tcpwatch_event *batch;
static bool repeats[BATCH];	/* of each, is it a repeat of the one before? */
static struct tcpwatch_owners *owners;	/* the last scan, */
static struct tcpwatch_owners *wanted;	/* and the next one */
static struct tcpwatch_range survey;	/* the last one, of */
static u64 survey_netns;		/* this namespace, */
static u64 survey_time;			/* begun then, in nanoseconds */
static u64 next_scan;		/* when one is permitted, in nanoseconds */
static bool stale, costly;	/* the batch needs a scan; a scan or a survey */

/* Set for good at exit: what waits for a scan waits no longer. */
static bool closing;

/* The worker is on its way, at once if hurried, and has not looked yet. */
static bool kicked, hurried;

static struct tcpwatch_cgroup last_cgroup;

static bool has_process(const struct tcpwatch_event *event)
{
	return event->facts.holders && event->facts.holder.ino;
}

static bool is_exhausted(const struct tcpwatch_event *event)
{
	return event->facts.range_hi;
}

static bool is_elsewhere(const struct tcpwatch_event *event)
{
	return event->facts.netns_cookie != init_net.net_cookie;
}

static void add_owner(struct tcpwatch_event *event, const struct tcpwatch_owners *from)
{
	const struct tcpwatch_owner *owner = NULL;

	if (from)
		owner = tcpwatch_owners_find(from, event->facts.holder.ino);
	if (owner && owner->count) {
		event->found.owner = owner->task;
		event->found.owners = owner->count;
		event->found.owner_state = owner->state;
		/* the first subflow of MPTCP is made by the kernel, but theirs */
		event->facts.holder.belongs = TCPWATCH_BELONGS_PROCESS;
	} else {
		event->found.owner_unknown = !owner || !from->whole;
	}
}

static void count_owner(const struct tcpwatch_found *found)
{
	if (found->owner_unknown)
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_UNKNOWN, 1);
	else if (found->owners)
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_FOUND, 1);
	else
		tcpwatch_stat_add(TCPWATCH_STAT_OWNERS_NONE, 1);
}

static void add_bound(struct tcpwatch_event *event, struct tcpwatch_cgroup *last)
{
	const struct tcpwatch_facts *facts = &event->facts;
	struct tcpwatch_found *found = &event->found;
	u64 cgroup = found->bound.task.pid ? found->bound.cgroup : 0;

	found->bound.task.pid = 0;
	if (tcpwatch_bound_find(&found->bound, &facts->holder, facts->netns_cookie, facts->mono,
				facts->time) &&
	    found->bound.cgroup != cgroup)
		tcpwatch_cgroup_path(found->bound_cgroup_path, found->bound.cgroup, last);
}

/* from: a scan that was made, or NULL */
static void add_names(struct tcpwatch_event *event, const struct tcpwatch_owners *from,
		      struct tcpwatch_cgroup *last)
{
	const struct tcpwatch_facts *facts = &event->facts;
	struct tcpwatch_found *found = &event->found;
	const struct tcpwatch_task *resident = NULL;

	tcpwatch_cgroup_path(found->cgroup_path, facts->task_cgroup, last);
	if (from)
		resident = tcpwatch_owners_resident(from, facts->netns_cookie);
	if (resident)
		found->netns_task = *resident;
	if (!facts->holders)
		return;
	tcpwatch_cgroup_path(found->holder_cgroup_path, facts->holder.cgroup, last);
	add_bound(event, last);
	if (has_process(event)) {
		add_owner(event, from);
		count_owner(found);
	}
}

/*
 * Who retries in a loop is refused by the same holder, again and again: what was
 * found for one try holds for the next.
 */
static bool is_repeat(const struct tcpwatch_event *event, const struct tcpwatch_event *last)
{
	const struct tcpwatch_facts *now = &event->facts, *then = &last->facts;

	return now->holders && then->holders && now->holder.ino &&
	       now->holder.ino == then->holder.ino && now->holder.id == then->holder.id &&
	       now->holder.port == then->holder.port &&
	       now->holder.cgroup == then->holder.cgroup &&
	       now->task_cgroup == then->task_cgroup &&
	       now->netns_cookie == then->netns_cookie;
}

static void repeat(struct tcpwatch_event *event, const struct tcpwatch_event *last,
		   struct tcpwatch_cgroup *cgroups)
{
	struct tcpwatch_found *found = &event->found;

	tcpwatch_found_copy(found, &last->found);
	event->facts.holder.belongs = last->facts.holder.belongs;
	/* the port may have been bound between the two */
	add_bound(event, cgroups);
	count_owner(found);
}

static void make_survey(struct tcpwatch_range *range, const struct tcpwatch_facts *facts)
{
	struct net *net = tcpwatch_netns_get(facts->netns_cookie);

	*range = (struct tcpwatch_range){ .lo = facts->range_lo, .hi = facts->range_hi };
	if (!net)
		return;
	tcpwatch_range_survey(range, net);
	put_net(net);
}

/* One survey serves all events before it that ask for the same range. */
static bool is_surveyed(const struct tcpwatch_facts *facts)
{
	return survey.known && facts->time <= survey_time &&
	       survey_netns == facts->netns_cookie &&
	       survey.lo == facts->range_lo && survey.hi == facts->range_hi;
}

static void add_survey(struct tcpwatch_event *event, bool may_look)
{
	const struct tcpwatch_facts *facts = &event->facts;

	if (!is_exhausted(event))
		return;
	if (may_look && !is_surveyed(facts)) {
		survey_time = ktime_get_boottime_ns();
		survey_netns = facts->netns_cookie;
		make_survey(&survey, facts);
	}
	if (is_surveyed(facts))
		event->found.range = survey;
	if (!event->found.range.known)
		tcpwatch_stat_add(TCPWATCH_STAT_RANGES_UNKNOWN, 1);
}

static void want_scan(struct tcpwatch_owners *scan, const struct tcpwatch_event *event)
{
	if (has_process(event))
		tcpwatch_owners_add(scan, event->facts.holder.ino);
	if (is_elsewhere(event))
		tcpwatch_owners_add_netns(scan, event->facts.netns_cookie);
}

void tcpwatch_resolve_now(struct tcpwatch_event *event, struct tcpwatch_owners *scan)
{
	struct tcpwatch_cgroup last = {};

	tcpwatch_owners_init(scan);
	tcpwatch_found_init(&event->found);
	want_scan(scan, event);
	tcpwatch_owners_scan(scan);
	add_names(event, scan, &last);
	if (is_exhausted(event))
		make_survey(&event->found.range, &event->facts);
}

/* Likewise one scan, of the same sockets. */
static bool is_covered(const struct tcpwatch_event *event)
{
	const struct tcpwatch_facts *facts = &event->facts;

	return tcpwatch_owners_cover(owners, facts->time,
				     has_process(event) ? facts->holder.ino : 0,
				     is_elsewhere(event) ? facts->netns_cookie : 0);
}

static unsigned int take_batch(void)
{
	unsigned int count = 0;
	u64 from = 0;

	tcpwatch_owners_init(wanted);
	stale = false;
	costly = false;
	while (count < BATCH && tcpwatch_ring_take(from, &batch[count])) {
		from = batch[count].facts.seq + 1;
		repeats[count] = count && is_repeat(&batch[count], &batch[count - 1]);
		if (!repeats[count]) {
			want_scan(wanted, &batch[count]);
			stale |= !is_covered(&batch[count]);
			costly |= is_exhausted(&batch[count]) && !is_surveyed(&batch[count].facts);
		}
		count++;
	}
	stale &= wanted->count || wanted->netns_count;
	costly |= stale;
	return count;
}

static void publish_batch(unsigned int count, bool may_scan)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	if (may_scan && stale) {
		swap(owners, wanted);
		tcpwatch_owners_scan(owners);
	}
	for (i = 0; i < count; i++)
		add_survey(&batch[i], may_scan);
	if (may_scan && costly)
		next_scan = ktime_get_ns() +
			    min(SCAN_SHARE * (ktime_get_ns() - start), SCAN_REST_MAX);
	for (i = 0; i < count; i++) {
		if (repeats[i])
			repeat(&batch[i], &batch[i - 1], &last_cgroup);
		else
			add_names(&batch[i], batch[i].facts.time <= owners->time ? owners : NULL,
				  &last_cgroup);
		tcpwatch_ring_publish(&batch[i]);
	}
	tcpwatch_ring_wake();
	for (i = 0; i < count; i++)
		tcpwatch_alert_event(&batch[i]);
}

/* Jiffies until the next scan is permitted. */
static unsigned long scan_wait(void)
{
	u64 now = ktime_get_ns();

	return now < next_scan && !READ_ONCE(closing) ? nsecs_to_jiffies(next_scan - now) + 1 : 0;
}

/*
 * Events wait for the next permitted scan, but not when so many wait that the ring
 * would overtake the worker: then they go out with their holders' processes unknown,
 * which they say.
 */
static void resolve(struct work_struct *unused)
{
	unsigned long wait;
	unsigned int count;
	bool drain = false;

	WRITE_ONCE(kicked, false);
	WRITE_ONCE(hurried, false);
	/* pairs with the barrier of the handler */
	smp_mb();
	while ((count = take_batch())) {
		wait = costly ? scan_wait() : 0;
		if (wait && !drain && !tcpwatch_ring_crowded()) {
			/* an event that came meanwhile has queued it already */
			mod_delayed_work(queue, &work, wait);
			/* who hurried us meanwhile did so in vain */
			WRITE_ONCE(hurried, false);
			/* pairs with the barrier of the handler */
			smp_mb();
			if (tcpwatch_ring_crowded())
				mod_delayed_work(queue, &work, 0);
			return;
		}
		/* when some go without a scan, so do those behind them: they make room */
		drain |= wait;
		publish_batch(count, !wait);
		cond_resched();
	}
}

void tcpwatch_resolve_kick(bool hurry)
{
	/* pairs with the barrier of the worker: it sees the event, or we that it has looked */
	smp_mb();
	if (hurry) {
		if (READ_ONCE(hurried))
			return;
		WRITE_ONCE(hurried, true);
		mod_delayed_work(queue, &work, 0);
	} else if (!READ_ONCE(kicked)) {
		WRITE_ONCE(kicked, true);
		queue_delayed_work(queue, &work, GATHER);
	}
}

int tcpwatch_resolve_init(void)
{
	batch = kvcalloc(BATCH, sizeof(*batch), GFP_KERNEL);
	owners = kvzalloc(sizeof(*owners), GFP_KERNEL);
	wanted = kvzalloc(sizeof(*wanted), GFP_KERNEL);
	/* last: who has a queue has all that the worker needs */
	if (batch && owners && wanted)
		queue = alloc_ordered_workqueue("tcpwatch", 0);
	if (queue)
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
	kvfree(wanted);
	kvfree(owners);
	kvfree(batch);
}
