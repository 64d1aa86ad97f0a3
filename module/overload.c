// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers count, and nothing more: under a flood there are many of them. A worker looks
 * several times a second at what they have counted.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "backlog.h"
#include "listeners.h"
#include "overload.h"
#include "record.h"
#include "stats.h"
#include "verdict.h"

/* How often it looks, and how often one listener is told of at most. */
#define REST		(HZ / 5)
#define INTERVAL	HZ

/* Events in one go; the rest comes in the next. */
#define MOST		16

static unsigned int stuck = 5;
module_param(stuck, uint, 0444);
MODULE_PARM_DESC(stuck,
		 "tell of connections that nobody has accepted for so many seconds (0: never; default 5)");

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(looker, look);
static struct workqueue_struct *queue;
static unsigned int hand;	/* the row that is looked at first next time */
static bool seeded;

/* Of a row: it is not stuck, nor ever will be; it is, and an event is to tell so, or has. */
enum { STUCK_NOT, STUCK_OVER, STUCK_UNTOLD, STUCK_TOLD };

/* Guards what has been told of rows. */
static DEFINE_RAW_SPINLOCK(lock);

static void fill(struct tcpwatch_facts *facts, const struct tcpwatch_listener *row,
		 enum tcpwatch_kind kind)
{
	tcpwatch_verdict_init(facts);
	facts->kind = kind;
	facts->error = 0;
	facts->call = TCPWATCH_CALL_NONE;
	facts->holders = 1;
	facts->holder = row->is;
	facts->want = row->is;
	facts->accept_max = READ_ONCE(row->accept_max);
	facts->syn_max = READ_ONCE(row->syn_max);
	memset(facts->knocks, 0, sizeof(facts->knocks));
	facts->stuck_ms = 0;
}

static void add_live(struct tcpwatch_facts *facts, const struct tcpwatch_live *live)
{
	facts->accept_now = live->accept_now;
	facts->syn_now = live->syn_now;
	facts->backlog = live->backlog;
}

/* Most have none, and that is soon seen. */
static bool has_news(const struct tcpwatch_listener *row)
{
	int i;

	for (i = 0; i < TCPWATCH_KNOCK_COUNT; i++) {
		if (BIT(i) & TCPWATCH_KNOCKS_TOLD &&
		    atomic_long_read(&row->counts.of[i]) != READ_ONCE(row->told[i]))
			return true;
	}
	return false;
}

/* Takes what is new. Returns false if others have told of it. */
static bool take_news(struct tcpwatch_facts *facts, struct tcpwatch_listener *row)
{
	unsigned long flags;
	bool news;
	int i;

	raw_spin_lock_irqsave(&lock, flags);
	news = has_news(row);
	for (i = 0; news && i < TCPWATCH_KNOCK_COUNT; i++) {
		facts->knocks[i] = atomic_long_read(&row->counts.of[i]) - row->told[i];
		WRITE_ONCE(row->told[i], row->told[i] + facts->knocks[i]);
	}
	if (news)
		WRITE_ONCE(row->told_at, jiffies);
	raw_spin_unlock_irqrestore(&lock, flags);
	return news;
}

/* may: one more event may be recorded */
static noinline bool tell(struct tcpwatch_listener *row, const struct tcpwatch_live *live, bool may)
{
	struct tcpwatch_facts facts;

	fill(&facts, row, TCPWATCH_KIND_BACKLOG);
	add_live(&facts, live);
	if (!take_news(&facts, row))
		return false;
	if (may)
		tcpwatch_record(&facts, live->net);
	else
		tcpwatch_record_lost();
	return may;
}

/* Who closes it decides as well as who looks. Returns true if it is to be told now. */
static bool note_stuck(struct tcpwatch_listener *row, u8 after, const struct net *net)
{
	unsigned long flags;
	u8 before;

	raw_spin_lock_irqsave(&lock, flags);
	before = row->stuck;
	if (before == STUCK_OVER)
		after = STUCK_OVER;
	else if (after == STUCK_UNTOLD && (before == STUCK_TOLD ||
					   tcpwatch_record_may_yet(TCPWATCH_KIND_STUCK, net)))
		after = STUCK_TOLD;
	WRITE_ONCE(row->stuck, after);
	raw_spin_unlock_irqrestore(&lock, flags);
	if (before == STUCK_NOT && after >= STUCK_UNTOLD)
		tcpwatch_stat_add(TCPWATCH_STAT_STUCK, 1);
	if (before == STUCK_UNTOLD && after < STUCK_UNTOLD)
		tcpwatch_record_lost();
	return before != STUCK_TOLD && after == STUCK_TOLD;
}

void tcpwatch_overload_tell(struct tcpwatch_listener *row, const struct sock *sk)
{
	const struct tcpwatch_live live = {
		.net = sock_net(sk),
		.accept_now = READ_ONCE(sk->sk_ack_backlog),
		.backlog = READ_ONCE(sk->sk_max_ack_backlog),
	};

	if (has_news(row))
		tell(row, &live, tcpwatch_record_may_yet(TCPWATCH_KIND_BACKLOG, live.net));
	note_stuck(row, STUCK_OVER, live.net);
}

u32 tcpwatch_overload_stuck_ms(const struct tcpwatch_listener *row,
			       const struct tcpwatch_live *live)
{
	unsigned int seconds = READ_ONCE(stuck);
	unsigned long since = READ_ONCE(row->waiting_at);
	unsigned long accepted_at = READ_ONCE(row->accepted_at);

	if (!live->accept_now || !seconds)
		return 0;
	if (atomic_long_read(&row->accepted) && time_after(accepted_at, since))
		since = accepted_at;
	return jiffies - since < seconds * HZ ? 0 : jiffies_to_msecs(jiffies - since);
}

static bool tell_stuck(struct tcpwatch_listener *row, const struct tcpwatch_live *live)
{
	u32 ms = tcpwatch_overload_stuck_ms(row, live);
	struct tcpwatch_facts facts;

	/* as most are */
	if (!ms && READ_ONCE(row->stuck) == STUCK_NOT)
		return false;
	if (!note_stuck(row, ms ? STUCK_UNTOLD : STUCK_NOT, live->net))
		return false;
	fill(&facts, row, TCPWATCH_KIND_STUCK);
	add_live(&facts, live);
	facts.stuck_ms = ms;
	tcpwatch_record(&facts, live->net);
	return true;
}

/* Returns how many events were made. */
static unsigned int look_at(struct tcpwatch_listener *row)
{
	struct tcpwatch_live live;
	unsigned long told_at;
	unsigned int made = 0;

	/* most are nobody's */
	if (!READ_ONCE(row->sk))
		return 0;
	rcu_read_lock();
	/* from here on it may cease to listen: row->sk is not to be followed */
	if (tcpwatch_listener_live(&live, row)) {
		/* what is migrated to it from another comes by no probe */
		tcpwatch_listener_raise(&row->accept_max, &row->accept_max_at, live.accept_now);
		if (!live.accept_now)
			WRITE_ONCE(row->waiting_at, jiffies);
		told_at = READ_ONCE(row->told_at);
		if (has_news(row) && (!told_at || jiffies - told_at >= INTERVAL) &&
		    tcpwatch_record_may_yet(TCPWATCH_KIND_BACKLOG, live.net))
			made += tell(row, &live, true);
		made += tell_stuck(row, &live);
	}
	rcu_read_unlock();
	return made;
}

static void look(struct work_struct *work)
{
	unsigned int i, count = tcpwatch_listeners_count(), made = 0;

	/* one that was about to listen when the probes were planted does so by now */
	if (!seeded)
		tcpwatch_listeners_seed();
	seeded = true;
	tcpwatch_backlog_settle();
	for (i = 0; i < count && made < MOST; i++) {
		made += look_at(tcpwatch_listener_row(hand));
		hand = (hand + 1) % count;
		if (i % 256 == 255)
			cond_resched();
	}
	queue_delayed_work(queue, &looker, REST);
}

int tcpwatch_overload_set(unsigned int seconds)
{
	if (seconds > TCPWATCH_STUCK_MAX)
		return -EINVAL;
	WRITE_ONCE(stuck, seconds);
	return 0;
}

unsigned int tcpwatch_overload_seconds(void)
{
	return READ_ONCE(stuck);
}

int tcpwatch_overload_init(void)
{
	if (stuck > TCPWATCH_STUCK_MAX) {
		pr_err("stuck=%u: from 0 to %u\n", stuck, TCPWATCH_STUCK_MAX);
		return -EINVAL;
	}
	queue = alloc_workqueue("tcpwatch_overload", WQ_UNBOUND, 1);
	if (!queue)
		return -ENOMEM;
	queue_delayed_work(queue, &looker, REST);
	return 0;
}

void tcpwatch_overload_exit(void)
{
	cancel_delayed_work_sync(&looker);
	destroy_workqueue(queue);
}
