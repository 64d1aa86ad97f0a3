// SPDX-License-Identifier: GPL-2.0
/*
 * Six processes bind and listen on the same three ports for ten seconds. What
 * the callers saw refused is what was counted, and what was counted is what a
 * reader got plus what it was told it lost: exactly.
 */
#include "tcpwatch.h"
#include <sys/wait.h>
#include "harness.h"

#define PROCESSES	6
#define SECONDS		10

FIXTURE(ports) { };
FIXTURE_SETUP(ports) { }
FIXTURE_TEARDOWN(ports) { }

TEST_F(ports, storm)
{
	long long conflicts, unexplained, disagreed, crowded, pushed, missing, refused = 0;
	long long seen = 0, lost = 0, explained = 0;
	struct events events;
	struct pollfd ended = { .events = POLLIN };
	const char *line;
	FILE *storm;

	if (unfit())
		SKIP(return, "%s", unfit());
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&events), 0);
	/* earlier events are of other namespaces: passed over, or a gap */
	while (events_next(&events, SILENCE))
		;
	conflicts = stat_value("conflicts");
	pushed = stat_value("events");
	unexplained = stat_value("unexplained");
	disagreed = stat_value("disagreed");
	crowded = stat_value("crowded");
	missing = hooks_missed();
	ASSERT_GE(conflicts, 0);
	ASSERT_GE(pushed, 0);
	ASSERT_GE(unexplained, 0);
	ASSERT_GE(disagreed, 0);
	ASSERT_GE(crowded, 0);
	ASSERT_GE(missing, 0);

	storm = start_storm(PROCESSES, SECONDS);
	ASSERT_NE(storm, NULL);
	ended.fd = fileno(storm);
	/* it prints its count last: then, and when all is quiet, all is read */
	while ((line = events_next(&events, PATIENCE)) || !poll(&ended, 1, 0)) {
		if (!line)
			continue;
		if (!strcmp(value(line, "event"), "gap")) {
			lost += number(line, "lost");
			continue;
		}
		seen++;
		explained += strcmp(value(line, "rule"), "unknown") != 0;
	}
	ASSERT_EQ(fscanf(storm, "%lld", &refused), 1);
	pclose(storm);

	TH_LOG("refused %lld, counted %lld, read %lld, explained %lld",
	       refused, stat_value("conflicts") - conflicts, seen, explained);
	TH_LOG("lost %lld, missed %lld, raced %lld",
	       lost, hooks_missed() - missing, stat_value("raced"));
	EXPECT_GT(refused, 20);
	EXPECT_EQ(stat_value("conflicts") - conflicts, refused);
	EXPECT_EQ(stat_value("events") - pushed, refused);
	EXPECT_EQ(seen + lost, refused);
	EXPECT_EQ(hooks_missed() - missing, 0);
	EXPECT_EQ(explained, seen);
	EXPECT_EQ(stat_value("unexplained"), unexplained);
	EXPECT_EQ(stat_value("disagreed"), disagreed);
	EXPECT_EQ(stat_value("crowded"), crowded);
}

TEST_HARNESS_MAIN
