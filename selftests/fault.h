/* SPDX-License-Identifier: GPL-2.0 */
/* Having the kernel run out of memory: Documentation/fault-injection. */
#ifndef _SELFTESTS_FAULT_H
#define _SELFTESTS_FAULT_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What there is to be set: "verbose" words about each failure, "ignore-gfp-wait" or let
 * those that may sleep fail as well, and so on.
 */
#define FAILSLAB	"/sys/kernel/debug/failslab/"

static inline void put_word(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (file) {
		fprintf(file, "%s\n", text);
		fclose(file);
	}
}

/* The file to arm failures with, and no words about each in the kernel log; or -1. */
static inline int open_nth(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	if (fd < 0 || access(FAILSLAB "verbose", F_OK))
		return -1;
	put_word(FAILSLAB "verbose", "0");
	return fd;
}

/* Arm, or disarm and say what was left: 0 if the allocation was reached. */
static inline int fail_nth(int fd, int nth)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return -1;
	if (dprintf(fd, "%d", nth) < 0)
		return -1;
	return atoi(text);
}

/* The leak detector has an object for each of the others. It does without. */
static inline void spare_kmemleak(void)
{
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/[!:]*/failslab", 0, NULL, &caches))
		return;
	for (i = 0; i < caches.gl_pathc; i++)
		put_word(caches.gl_pathv[i], strstr(caches.gl_pathv[i], "kmemleak") ? "0" : "1");
	put_word(FAILSLAB "cache-filter", "Y");
}

static inline void spare_nothing(void)
{
	put_word(FAILSLAB "cache-filter", "N");
}

/* A number that the caller may have set in the environment. */
static inline int setting(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

#endif /* _SELFTESTS_FAULT_H */
