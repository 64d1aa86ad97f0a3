// SPDX-License-Identifier: GPL-2.0
/*
 * usage: rush SECONDS [REST]
 *
 * Everything at once (rush.h) for so long (0: for ever) or until SIGTERM, and what came of it.
 * Each process rests so many microseconds after a turn.
 */
#include "rush.h"

static void stop(int signal)
{
	rush->stop = true;
}

int main(int argc, char **argv)
{
	int left = -1;

	if (argc != 2 && argc != 3)
		return 2;
	if (argc == 3)
		rush_rest = atoi(argv[2]);
	if (rush_begin()) {
		perror("rush");
		return 1;
	}
	signal(SIGTERM, stop);
	if (atoi(argv[1]))
		left = atoi(argv[1]);
	while (left && !rush->stop) {
		sleep(1);
		left -= left > 0;
	}
	rush_end();
	rush_tell(stdout, "");
	return 0;
}
