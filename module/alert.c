// SPDX-License-Identifier: GPL-2.0
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/seq_buf.h>
#include <linux/workqueue.h>

#include "alert.h"
#include "format.h"
#include "stats.h"

/* Kinds told apart at a time, and for how long one is held back. */
#define KINDS		64
#define INTERVAL	(10 * HZ)

static bool alert = true;
module_param(alert, bool, 0444);
MODULE_PARM_DESC(alert, "write refusals to the kernel log (default on)");

static unsigned int alert_rate = 5;
module_param(alert_rate, uint, 0444);
MODULE_PARM_DESC(alert_rate, "lines a second, at most (1 to 1000; default 5)");

/**
 * struct kind - a refusal that was told, or would have been but for the rate
 * @key: hash of what makes it one; two kinds that collide count as one
 * @since: start of the interval, in jiffies
 * @held: held back since
 * @sample: the first one held back
 */
struct kind {
	u32 key;
	unsigned long since;
	u64 held;
	struct {
		u32 netns;
		u8 kind;
		u8 rule;
		struct tcpwatch_sock want;
	} sample;
};

/* Guards all below; taken by the worker and the summary only. */
static DEFINE_MUTEX(lock);
static struct kind kinds[KINDS];
static unsigned int used;
static u32 seed;		/* random: nobody can make a kind that is taken for another's */
static u64 others_held;		/* of kinds for which there was no place or line */
static unsigned long second;	/* the second in which lines are counted */
static unsigned int lines;
static char text[1024];

static void summarize(struct work_struct *work);
static DECLARE_DELAYED_WORK(summary, summarize);
static struct workqueue_struct *queue;

static u32 kind_key(const struct tcpwatch_event *event)
{
	const struct tcpwatch_facts *facts = &event->facts;
	u64 ino = facts->holders ? facts->holder.ino : 0;
	/* one that names no port is of one kind with those to the same destination */
	const u32 words[] = {
		facts->netns_cookie, facts->want.port << 16 | facts->want.peer_port,
		ino, facts->kind << 16 | facts->rule << 8 | facts->call,
	};

	return jhash2(words, ARRAY_SIZE(words), seed);
}

/* May one more line be written this second? */
static bool may_write(void)
{
	if (jiffies - second >= HZ) {
		second = jiffies;
		lines = 0;
	}
	if (lines >= READ_ONCE(alert_rate))
		return false;
	lines++;
	return true;
}

static struct kind *find_kind(u32 key)
{
	unsigned int i;

	for (i = 0; i < used; i++) {
		if (kinds[i].key == key)
			return &kinds[i];
	}
	return NULL;
}

static void hold(struct kind *kind, const struct tcpwatch_event *event)
{
	tcpwatch_stat_add(TCPWATCH_STAT_ALERTS_HELD, 1);
	if (kind->held++)
		return;
	kind->sample.netns = event->facts.netns;
	kind->sample.kind = event->facts.kind;
	kind->sample.rule = event->facts.rule;
	kind->sample.want = event->facts.want;
}

static void write_event(const struct tcpwatch_event *event)
{
	struct seq_buf buf;

	seq_buf_init(&buf, text, sizeof(text) - 1);
	tcpwatch_format_alert(&buf, event);
	text[min(buf.len, sizeof(text) - 1)] = '\0';
	pr_notice("%s\n", text);
	tcpwatch_stat_add(TCPWATCH_STAT_ALERTS, 1);
}

void tcpwatch_alert_event(const struct tcpwatch_event *event)
{
	u32 key = kind_key(event);
	struct kind *kind;

	if (!READ_ONCE(alert) || (event->facts.kind != TCPWATCH_KIND_CONFLICT &&
				  event->facts.kind != TCPWATCH_KIND_STUCK))
		return;
	mutex_lock(&lock);
	kind = find_kind(key);
	if (kind) {
		hold(kind, event);
		goto unlock;
	}
	if (used == KINDS) {
		others_held++;
		tcpwatch_stat_add(TCPWATCH_STAT_ALERTS_HELD, 1);
		goto unlock;
	}
	kind = &kinds[used++];
	*kind = (struct kind){ .key = key, .since = jiffies };
	if (may_write())
		write_event(event);
	else
		hold(kind, event);
	queue_delayed_work(queue, &summary, HZ);
unlock:
	mutex_unlock(&lock);
}

/* A kind whose interval is over is summed up and forgotten. */
static bool settle(struct kind *kind, bool last)
{
	struct seq_buf buf;

	if (!last && jiffies - kind->since < INTERVAL)
		return false;
	if (!kind->held || !READ_ONCE(alert))
		return true;
	if (!may_write()) {
		if (last)
			others_held += kind->held;
		return last;
	}
	seq_buf_init(&buf, text, sizeof(text) - 1);
	tcpwatch_format_address(&buf, &kind->sample.want, false);
	text[min(buf.len, sizeof(text) - 1)] = '\0';
	if (kind->sample.kind == TCPWATCH_KIND_STUCK)
		pr_notice("%llu times more in %u s: %s netns %u: nobody has accepted\n", kind->held,
			  jiffies_to_msecs(jiffies - kind->since) / 1000, text,
			  kind->sample.netns);
	else
		pr_notice("%llu more refused in %u s: %s (%s) netns %u\n", kind->held,
			  jiffies_to_msecs(jiffies - kind->since) / 1000, text,
			  tcpwatch_rule_names[kind->sample.rule], kind->sample.netns);
	return true;
}

static void settle_all(bool last)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = used; i--; ) {
		if (settle(&kinds[i], last))
			kinds[i] = kinds[--used];
	}
	if (others_held && (last || may_write())) {
		pr_notice("%llu more refused, of too many kinds to tell them apart\n", others_held);
		others_held = 0;
	}
	if ((used || others_held) && !last)
		queue_delayed_work(queue, &summary, HZ);
	mutex_unlock(&lock);
}

static void summarize(struct work_struct *work)
{
	settle_all(false);
}

void tcpwatch_alert_set(bool on)
{
	WRITE_ONCE(alert, on);
}

int tcpwatch_alert_set_rate(unsigned int rate)
{
	if (rate < 1 || rate > TCPWATCH_ALERT_RATE_MAX)
		return -EINVAL;
	WRITE_ONCE(alert_rate, rate);
	return 0;
}

bool tcpwatch_alert_is_on(void)
{
	return READ_ONCE(alert);
}

unsigned int tcpwatch_alert_rate(void)
{
	return READ_ONCE(alert_rate);
}

int tcpwatch_alert_init(void)
{
	if (tcpwatch_alert_set_rate(alert_rate)) {
		pr_err("alert_rate=%u: from 1 to %u\n", alert_rate, TCPWATCH_ALERT_RATE_MAX);
		return -EINVAL;
	}
	second = jiffies;
	seed = get_random_u32();
	queue = alloc_workqueue("tcpwatch_alert", WQ_UNBOUND, 1);
	return queue ? 0 : -ENOMEM;
}

void tcpwatch_alert_exit(void)
{
	cancel_delayed_work_sync(&summary);
	destroy_workqueue(queue);
	settle_all(true);
}
