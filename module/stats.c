// SPDX-License-Identifier: GPL-2.0
#include <linux/string.h>
#include "stats.h"

DEFINE_PER_CPU(struct tcpwatch_stats, tcpwatch_stats);

const char *const tcpwatch_stat_names[] = { TCPWATCH_STATS(TCPWATCH_NAME) };

void tcpwatch_stats_sum(struct tcpwatch_stats *sum)
{
	const struct tcpwatch_stats *from;
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		from = per_cpu_ptr(&tcpwatch_stats, cpu);
		for (i = 0; i < TCPWATCH_STAT_COUNT; i++)
			sum->stat[i] += READ_ONCE(from->stat[i]);
		for (i = 0; i < TCPWATCH_RULE_COUNT; i++)
			sum->rule[i] += READ_ONCE(from->rule[i]);
	}
}
