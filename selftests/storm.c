// SPDX-License-Identifier: GPL-2.0
/*
 * usage: storm PROCESSES SECONDS
 *
 * Bind and listen on three ports from several processes at once, with every mix
 * of SO_REUSEADDR and address, and print how many calls were refused.
 */
#include "storm.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* So often at least, so that something is refused where the seconds are short. */
#define TURNS	64

static unsigned long long rage(unsigned int seed, time_t end)
{
	unsigned long long refused = 0;
	unsigned int turns;

	for (turns = 0; turns < TURNS || time(NULL) < end; turns++)
		refused += storm_turn(&seed);
	return refused;
}

int main(int argc, char **argv)
{
	unsigned long long *refused, sum = 0;
	int processes, i;
	time_t end;

	if (argc != 3)
		return 2;
	processes = atoi(argv[1]);
	end = time(NULL) + atoi(argv[2]);
	refused = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refused == MAP_FAILED)
		return 1;
	for (i = 0; i < processes; i++) {
		if (!fork()) {
			refused[i] = rage(i + 1, end);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (i = 0; i < processes; i++)
		sum += refused[i];
	printf("%llu\n", sum);
	return 0;
}
