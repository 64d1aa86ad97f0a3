/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the differential tests share: a matrix of cases, each with a number, run
 * one by one in a namespace of its own, in groups of which each is one result.
 *
 * usage of such a test: [-n] [-s STRIDE] [-t TOLD] [CASE]
 * -n leaves the dry run out, -s takes every STRIDE-th case, -t says how many
 * disagreements are told in full; CASE is the number of the only one to run.
 */
#ifndef _SELFTESTS_DIFFERENTIAL_H
#define _SELFTESTS_DIFFERENTIAL_H

#include "witness.h"

#define GROUPS_MAX	128
#define REASONS		16

/* A second port that something listens on. */
#define OTHER_SERVER_PORT	(SERVER_PORT + 1)

/**
 * struct matrix - the cases of a test
 * @groups: of cases, each with a result
 * @group_cases: numbers in a group
 * @calls: numbers that a case takes, if it is more than one call; 0: one
 * @stride: every so many cases are run
 * @why_not: why a number is no case, or NULL
 * @name_group: a group in words
 * @run: set up and run a case
 */
struct matrix {
	int groups;
	long group_cases;
	long calls;
	long stride;
	const char *(*why_not)(long number);
	void (*name_group)(int group, char *to, size_t size);
	void (*run)(long number);
};

static struct {
	const struct matrix *matrix;
	struct { long refused, free, wrong; } groups[GROUPS_MAX];
	struct { const char *why; long count; } dropped[REASONS];
	long remedies;
	int server, other_server;
	int next_port;
} tested = { .server = -1, .other_server = -1 };

/* A case that cannot be set up. */
static inline void drop(const char *why)
{
	int i;

	for (i = 0; i < REASONS - 1 && tested.dropped[i].why; i++) {
		if (!strcmp(tested.dropped[i].why, why))
			break;
	}
	tested.dropped[i].why = why;
	tested.dropped[i].count++;
}

static inline void put_sysctl(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
	close(fd);
}

static inline int make_server(int port)
{
	struct side any = { .address = "::" };
	int fd = make_socket(&any);

	if (bind_to(fd, any.address, port) || listen(fd, 128))
		ksft_exit_fail_perror("the server");
	return fd;
}

/* A namespace with nothing in it but servers, a second device and more addresses. */
static inline void fresh_netns(void)
{
	if (tested.server >= 0) {
		end_events();
		close(tested.server);
		close(tested.other_server);
		close(diff.events.fd);
	}
	if (enter_netns())
		ksft_exit_fail_perror("a network namespace");
	if (system("ip link add " OTHER_DEV " type dummy") ||
	    system("ip addr add 192.0.2.1/32 dev lo") ||
	    system("ip addr add fd00::2/128 dev lo nodad"))
		ksft_exit_fail_msg("a second device or address cannot be made\n");
	put_sysctl("ip_local_port_range", "1024 65535");
	put_sysctl("tcp_max_tw_buckets", "100000");
	tested.server = make_server(SERVER_PORT);
	tested.other_server = make_server(OTHER_SERVER_PORT);
	if (events_open(&diff.events))
		ksft_exit_fail_perror("events");
	/* it answers for the namespace that it was opened in */
	if (diff.why >= 0) {
		close(diff.why);
		diff.why = open(WHY, O_RDWR | O_CLOEXEC);
		if (diff.why < 0)
			ksft_exit_fail_perror(WHY);
	}
	tested.next_port = FIRST_PORT;
}

static inline int new_port(void)
{
	if (tested.next_port == PEER_LOW)
		fresh_netns();
	return tested.next_port++;
}

/* The address that the kernel chooses for a destination. */
static inline const char *source_for(const char *target)
{
	bool v6 = strchr(target, ':');
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	static char text[64];

	if (connect_to(fd, target, SERVER_PORT) || getsockname(fd, (struct sockaddr *)&ss, &len))
		ksft_exit_fail_perror("a source address");
	close(fd);
	inet_ntop(ss.ss_family, v6 ? (void *)&((struct sockaddr_in6 *)&ss)->sin6_addr :
				     (void *)&((struct sockaddr_in *)&ss)->sin_addr,
		  text, sizeof(text));
	return text;
}

static inline void complain(long number)
{
	tested.groups[number / tested.matrix->group_cases].wrong++;
}

static inline void run_groups(void)
{
	long number, turn = 0, refused, free, begin;
	const struct matrix *matrix = tested.matrix;
	const char *why;
	int group;

	for (group = 0; group < matrix->groups; group++) {
		begin = group * matrix->group_cases;
		refused = diff.refused;
		free = diff.free;
		for (number = begin; number < begin + matrix->group_cases;
		     number += matrix->calls ? : 1) {
			why = matrix->why_not(number);
			if (why) {
				drop(why);
				continue;
			}
			if (turn++ % matrix->stride)
				continue;
			matrix->run(number);
			if (diff.refused % 64 == 0)
				take_events();
		}
		tested.groups[group].refused = diff.refused - refused;
		tested.groups[group].free = diff.free - free;
	}
	end_events();
}

static inline void report_groups(void)
{
	int group, count = 0;
	char name[128];

	for (group = 0; group < tested.matrix->groups; group++)
		count += tested.groups[group].refused + tested.groups[group].free > 0;
	ksft_set_plan(count + 2);
	for (group = 0; group < tested.matrix->groups; group++) {
		if (!tested.groups[group].refused && !tested.groups[group].free)
			continue;
		tested.matrix->name_group(group, name, sizeof(name));
		ksft_test_result(!tested.groups[group].wrong, "%s: %ld refused, %ld free\n", name,
				 tested.groups[group].refused, tested.groups[group].free);
	}
}

static const char *const still[] = { "disagreed", "unexplained", "crowded", "raced", "lost" };

static inline void run_all(long least)
{
	long long before[ARRAY_SIZE(still)], after;
	bool same = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(still); i++)
		before[i] = stat_value(still[i]);
	run_groups();
	report_groups();
	for (i = 0; i < ARRAY_SIZE(still); i++) {
		after = stat_value(still[i]);
		same &= after == before[i] && after >= 0;
		if (after != before[i])
			ksft_print_msg("%s: %lld\n", still[i], after - before[i]);
	}
	ksft_test_result(same, "nothing was lost or left unexplained\n");
	ksft_print_msg("every %ldth case: %ld refused, %ld free, %ld remedies, %ld disagreements\n",
		       tested.matrix->stride, diff.refused, diff.free, tested.remedies,
		       diff.disagreements);
	for (i = 0; i < REASONS && tested.dropped[i].why; i++)
		ksft_print_msg("dropped %ld: %s\n", tested.dropped[i].count, tested.dropped[i].why);
	ksft_test_result(diff.refused + diff.free >= least && diff.refused > least / 10 &&
			 diff.free > least / 10, "%ld cases, at least %ld\n",
			 diff.refused + diff.free, least);
}

static inline void run_one(long number)
{
	const char *why = NULL;
	char text[256];

	ksft_set_plan(1);
	if (number < 0 || number >= tested.matrix->groups * tested.matrix->group_cases)
		ksft_exit_fail_msg("there is no case %ld\n", number);
	diff.describe(number, text, sizeof(text));
	why = tested.matrix->why_not(number);
	if (why)
		ksft_exit_skip("%s: %s\n", text, why);
	diff.story = true;
	tested.matrix->run(number);
	end_events();
	ksft_test_result(!diff.disagreements, "%s: %s\n", text, diff.refused ? "refused" :
			 diff.free ? "free" : tested.dropped[0].why);
}

/* The whole of main(). @least: so many cases must be run. */
static inline int differential_main(int argc, char **argv, struct matrix *matrix, long least)
{
	bool without = false;
	int opt;

	ksft_print_header();
	if (unfit())
		ksft_exit_skip("%s\n", unfit());
	tested.matrix = matrix;
	diff.complain = complain;
	diff.told = 10;
	while ((opt = getopt(argc, argv, "ns:t:")) != -1) {
		if (opt == 'n')
			without = true;
		else if (opt == 's')
			matrix->stride = atol(optarg);
		else if (opt == 't')
			diff.told = atol(optarg);
		else
			ksft_exit_fail_msg("usage: [-n] [-s STRIDE] [-t TOLD] [CASE]\n");
	}
	if (!without) {
		diff.why = open(WHY, O_RDWR | O_CLOEXEC);
		if (diff.why < 0)
			ksft_exit_fail_perror(WHY);
	}
	fresh_netns();
	if (optind < argc)
		run_one(atol(argv[optind]));
	else
		run_all(least);
	ksft_finished();
}

#endif /* _SELFTESTS_DIFFERENTIAL_H */
