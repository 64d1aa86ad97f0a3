// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "pulse.h"
#include "stats.h"

#define REST	(HZ / 5)

static struct tcpwatch_hook rows[TCPWATCH_PULSE_COUNT];

/* Guards those below, and that one beats at a time. */
static DEFINE_MUTEX(lock);
static unsigned long numb;	/* kinds that were not felt */
static u64 since;		/* all kinds were felt then for the last time, in nanoseconds */
static u64 told;		/* up to then it is in the stats */

/* Never cleared: something has been missed. */
static bool missed;

static void beat_on(struct work_struct *work);
static DECLARE_DELAYED_WORK(beats, beat_on);

/* One each, and of two that are the same the compiler makes one. */
static noinline void tcpwatch_pulse_probe(void)
{
	barrier_data(&rows[TCPWATCH_PULSE_PROBE]);
}

static noinline void tcpwatch_pulse_trace(void)
{
	barrier_data(&rows[TCPWATCH_PULSE_TRACE]);
}

static int tcpwatch_hook_pulse_probe(struct kprobe *kp, struct pt_regs *regs)
{
	tcpwatch_hook_hit(&rows[TCPWATCH_PULSE_PROBE]);
	return 0;
}

static void tcpwatch_hook_pulse_trace(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	tcpwatch_hook_hit(&rows[TCPWATCH_PULSE_TRACE]);
}

/* What is missed because another handler is busy is seen all the same. */
static u64 felt(const struct tcpwatch_hook *hook)
{
	return tcpwatch_hook_hits(hook) + tcpwatch_hook_missed(hook).nested;
}

static unsigned long beat(void)
{
	unsigned long silent = 0;
	u64 before[TCPWATCH_PULSE_COUNT];
	int i;

	for (i = 0; i < TCPWATCH_PULSE_COUNT; i++)
		before[i] = felt(&rows[i]);
	tcpwatch_pulse_probe();
	tcpwatch_pulse_trace();
	for (i = 0; i < TCPWATCH_PULSE_COUNT; i++) {
		if (rows[i].armed && felt(&rows[i]) == before[i])
			silent |= BIT(i);
	}
	return silent;
}

static void tell_change(unsigned long silent, u64 ms)
{
	if (!numb) {
		WRITE_ONCE(missed, true);
		tcpwatch_stat_add(TCPWATCH_STAT_DISARMED, 1);
	}
	if (silent & BIT(TCPWATCH_PULSE_PROBE))
		pr_warn(TCPWATCH_PULSE_TEXT_PROBE "\n");
	else if (silent)
		pr_warn(TCPWATCH_PULSE_TEXT_TRACE "\n");
	else
		pr_notice("probes are armed again, after %llu ms\n", ms);
}

void tcpwatch_pulse_take(struct tcpwatch_pulse *pulse)
{
	unsigned long silent;
	u64 now, ms;

	mutex_lock(&lock);
	silent = beat();
	now = ktime_get_boottime_ns();
	if (silent || numb) {
		ms = div_u64(now - told, NSEC_PER_MSEC);
		told += ms * NSEC_PER_MSEC;
		tcpwatch_stat_add(TCPWATCH_STAT_DISARMED_MS, ms);
	}
	pulse->ms = div_u64(now - since, NSEC_PER_MSEC);
	if (silent != numb)
		tell_change(silent, pulse->ms);
	pulse->numb = silent;
	numb = silent;
	if (!silent) {
		since = now;
		told = now;
	}
	mutex_unlock(&lock);
}

bool tcpwatch_pulse_missed(void)
{
	return READ_ONCE(missed);
}

static void beat_on(struct work_struct *work)
{
	struct tcpwatch_pulse pulse;

	tcpwatch_pulse_take(&pulse);
	schedule_delayed_work(&beats, REST);
}

static struct tcpwatch_hook rows[TCPWATCH_PULSE_COUNT] = {
	[TCPWATCH_PULSE_PROBE] = {
		.symbol = "tcpwatch_pulse_probe",
		.lost = "notice of probes that are disarmed",
		.pre = tcpwatch_hook_pulse_probe,
	},
	[TCPWATCH_PULSE_TRACE] = {
		.symbol = "tcpwatch_pulse_trace",
		.lost = "notice of ftrace that is off",
		.trace = tcpwatch_hook_pulse_trace,
	},
};

static struct tcpwatch_hooks hooks = { .rows = rows, .count = TCPWATCH_PULSE_COUNT };

int tcpwatch_pulse_init(void)
{
	int err = tcpwatch_hooks_plant(&hooks);

	if (err)
		return err;
	since = ktime_get_boottime_ns();
	told = since;
	beat_on(NULL);
	return 0;
}

void tcpwatch_pulse_exit(void)
{
	cancel_delayed_work_sync(&beats);
	tcpwatch_hooks_pull(&hooks);
}
