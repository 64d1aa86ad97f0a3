// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench_rivals GROUP...
 *
 * The calls of which others tell as well. Groups: whole refused listen flood, and
 * rate, which needs tcpwatch: are a million refused binds all accounted for?
 */
/* Others are slow, and what they cost is much. */
#define BATCHES		3
#include "bench_calls.h"

/* As fast as they can be made. */
#define REFUSED		1000000

static void whole(void)
{
	/* as many as there are between two looks at who runs out of ports */
	open_and_close(2000, "whole", NULL);
}

static void refused(void)
{
	listen_on("127.0.0.1", PORT, 0);
	refuse("refused", 300, "127.0.0.1", 0);
	close(listener);
}

static void listens(void)
{
	want_len = address(&want, "127.0.0.1", PORT);
	measure("listen", 300, NULL, bind_listen_close);
}

static void floods(void)
{
	require(!make_nowhere(), "a route to nowhere");
	knocker = make_knocker(false);
	flood("flood_cookie", 2000, HERE, "1", 8, 0);
	flood("flood_drop", 2000, HERE, "0", 8, 0);
	flood("flood_accept_full", 2000, HERE, "1", 2, 3);
	close(knocker);
	require(!system("ip link del nowhere; ip addr del " HERE "/32 dev lo; "
			"ip addr del " HERE6 "/128 dev lo"), "ip");
}

/* Of the first line of the page: calls whose probe did not see them. */
static long long missed(void)
{
	long long n = -1;
	char line[256];
	FILE *page = fopen(PAGE, "r");

	require(page && fgets(line, sizeof(line), page), PAGE);
	fclose(page);
	require(sscanf(strstr(line, "missed") ?: "", "missed %lld", &n) == 1, "missed");
	return n;
}

/*
 * How many calls of one process are refused in a second, and what is said of them: each is
 * a conflict or missed, and each conflict an event that is kept, or was, or is lost.
 */
static void rate(void)
{
	long long conflicts = stat_value("conflicts"), lost = stat_value("lost");
	long long events = stat_value("events"), unseen = missed(), start, end;
	unsigned int i;

	listen_on("127.0.0.1", PORT, 0);
	ask_for("127.0.0.1", PORT, 0);
	start = now();
	for (i = 0; i < REFUSED; i++)
		refused_bind(i);
	end = now();
	busy();
	printf("a_second %.0f\n", i * 1e9 / (end - start));
	printf("refused %u\n", i);
	printf("conflicts %lld\n", stat_value("conflicts") - conflicts);
	printf("missed %lld\n", missed() - unseen);
	printf("events %lld\n", stat_value("events") - events);
	printf("lost %lld\n", stat_value("lost") - lost);
	close(asker);
	close(listener);
}

static const struct group groups[] = {
	{ "whole", whole },
	{ "refused", refused },
	{ "listen", listens },
	{ "flood", floods },
	{ "rate", rate },
};

int main(int argc, char **argv)
{
	require(argc > 1, "which group?");
	run_groups(groups, ARRAY_SIZE(groups), argc, argv);
	printf("made %lu\n", made_in_all);
	return 0;
}
