// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once (rush.h), for $SOAK_SECONDS. In the end what the callers saw refused
 * is what was counted, what was counted is what a reader got plus what it was told it lost,
 * and what the kernel counts of listeners and of TIME-WAIT is what our tables add up to.
 */
#include <time.h>

#include "../kselftest.h"
#include "harness.h"
#include "knock.h"
#include "rush.h"

/* For `make test`; the long run has half an hour. */
#define SECONDS		"20"
#define MOST_SECONDS	14400

FIXTURE(soak) {
	struct events events;
	long long conflicts;
	long long pushed;
	long long missed;
	long long full;
	long long forgotten;
};

FIXTURE_SETUP(soak)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(events_open(&self->events), 0);
	self->events.also = "reuse refusal overflow exhaustion backlog stuck";
	/* what was there before is not ours */
	while (events_line(&self->events, SILENCE))
		;
	self->conflicts = stat_value("conflicts");
	self->pushed = stat_value("events");
	self->missed = hooks_missed();
	self->full = stat_value("ledger_full");
	self->forgotten = stat_value("ledger_forgotten");
	ASSERT_GE(self->pushed, 0);
}

FIXTURE_TEARDOWN(soak)
{
	close(self->events.fd);
}

/* What was counted of TIME-WAIT in our namespace, whose rows all are still there. */
static void expect_ledger(struct __test_metadata *_metadata)
{
	long long made = column_sum("timewait", "active_close") +
			 column_sum("timewait", "simultaneous_close") -
			 column_sum("timewait", "overflow");

	EXPECT_EQ(made, mib("TW") + mib("TWKilled"));
	EXPECT_EQ(column_sum("timewait", "overflow"), mib("TCPTimeWaitOverflow"));
	EXPECT_EQ(column_sum("timewait", "connect"), mib("TWRecycled"));
}

/* A debug kernel may need longer. */
static bool has_had_all(int seconds)
{
	return rush->refused > seconds && rush->connections > 0 && rush->namespaces > 0 &&
	       rush->reads > 0 && rush->polls > 0 && rush->writes > 0;
}

TEST_F_TIMEOUT(soak, everything_at_once, MOST_SECONDS)
{
	int seconds = atoi(getenv("SOAK_SECONDS") ?: SECONDS);
	long long seen = 0, lost = 0, counted, pushed;
	time_t end = time(NULL) + seconds;
	bool over = false;
	const char *line;

	ASSERT_GT(seconds, 0);
	ASSERT_EQ(rush_begin(), 0);
	while ((line = events_line(&self->events, PATIENCE)) || !over) {
		if (!over && (has_had_all(seconds) ? time(NULL) >= end :
						     time(NULL) >= end + 9 * seconds)) {
			rush_end();
			over = true;
		}
		if (!line)
			continue;
		if (strstr(line, "event=gap "))
			lost += number(line, "lost");
		else
			seen++;
	}
	counted = stat_value("conflicts") - self->conflicts;
	pushed = stat_value("events") - self->pushed;
	rush_tell(stdout, "# ");
	TH_LOG("counted %lld, events %lld: %lld read, %lld lost", counted, pushed, seen, lost);
	TH_LOG("missed %lld, raced %lld, coalesced %lld, ledger full %lld, forgotten %lld",
	       hooks_missed() - self->missed, stat_value("raced"), stat_value("tw_coalesced"),
	       stat_value("ledger_full"), stat_value("ledger_forgotten"));
	EXPECT_TRUE(has_had_all(seconds));
	EXPECT_EQ(counted, rush->refused);
	EXPECT_EQ(seen + lost, pushed);
	EXPECT_EQ(hooks_missed(), self->missed);
	EXPECT_EQ(stat_value("disagreed"), 0);
	EXPECT_TRUE(all_reconciled());
	/* a row that was given to another takes what it had with it, and is counted */
	if (stat_value("ledger_full") == self->full &&
	    stat_value("ledger_forgotten") == self->forgotten)
		expect_ledger(_metadata);
}

TEST_HARNESS_MAIN
