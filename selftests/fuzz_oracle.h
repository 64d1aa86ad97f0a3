/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files that can be written take, told a second time: from tcpwatch(4), with
 * inet_pton() for the addresses. Each judge returns 0 or -errno.
 */
#ifndef _SELFTESTS_FUZZ_ORACLE_H
#define _SELFTESTS_FUZZ_ORACLE_H

#include <ctype.h>
#include <limits.h>
#include "tcpwatch.h"

/* What one write may hold. */
#define WRITE_MAX	256
#define CHOICE_MAX	255
#define SET_TEXT_MAX	191
#define SET_MAX		16
#define KNOBS_MAX	16

struct set {
	int count;	/* 0: all */
	struct { unsigned short lo, hi; } range[SET_MAX];
};

struct knobs {
	bool alert;
	unsigned int alert_rate, exhaustion, stuck;
	struct set ports;
};

/* Digits alone, up to @most. */
static inline bool read_number(const char *text, const char *end, unsigned long long most,
			       unsigned long long *value)
{
	*value = 0;
	if (text == end)
		return false;
	for (; text < end; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		*value = *value * 10 + (*text - '0');
		if (*value > most)
			return false;
	}
	return true;
}

static inline int judge_set(const char *text, size_t len, struct set *set)
{
	const char *at = text, *end = text + len, *comma, *dash;
	struct set found = {};
	unsigned long long lo, hi;

	if (len > SET_TEXT_MAX)
		return -EINVAL;
	if (len == 3 && !memcmp(text, "all", 3)) {
		*set = found;
		return 0;
	}
	do {
		comma = memchr(at, ',', end - at) ?: end;
		dash = memchr(at, '-', comma - at);
		if (found.count == SET_MAX || !read_number(at, dash ?: comma, 65535, &lo) || !lo)
			return -EINVAL;
		hi = lo;
		if (dash && (!read_number(dash + 1, comma, 65535, &hi) || hi < lo))
			return -EINVAL;
		found.range[found.count].lo = lo;
		found.range[found.count++].hi = hi;
		at = comma + 1;
	} while (comma < end);
	*set = found;
	return 0;
}

static inline bool set_has(const struct set *set, int port)
{
	int i;

	for (i = 0; i < set->count; i++) {
		if (port >= set->range[i].lo && port <= set->range[i].hi)
			return true;
	}
	return !set->count;
}

/* To the kernel a no-break space of Latin-1 is one. */
static inline bool is_blank(char byte)
{
	return isspace((unsigned char)byte) || byte == '\xa0';
}

/* What is written to a table: the choice, after `ports=` or not. */
static inline int judge_choice(const char *text, size_t len, struct set *set)
{
	if (len > CHOICE_MAX || memchr(text, '\0', len))
		return -EINVAL;
	while (len && is_blank(*text)) {
		text++;
		len--;
	}
	while (len && is_blank(text[len - 1]))
		len--;
	if (len >= 6 && !memcmp(text, "ports=", 6))
		return judge_set(text + 6, len - 6, set);
	return judge_set(text, len, set);
}

/* Words apart; how many, or -1 for more than @most. */
static inline int split_words(const char *text, size_t len, char *copy, char **words, int most)
{
	int count = 0;
	char *word;

	memcpy(copy, text, len);
	copy[len] = '\0';
	for (word = strtok(copy, " \t\n"); word; word = strtok(NULL, " \t\n")) {
		if (count == most)
			return -1;
		words[count++] = word;
	}
	return count;
}

static inline int judge_knob(const char *word, struct knobs *knobs)
{
	const struct {
		const char *name;
		unsigned long long least, most;
		unsigned int *to;
	} numbers[] = {
		{ "alert_rate=", 1, 1000, &knobs->alert_rate },
		{ "exhaustion=", 0, 100, &knobs->exhaustion },
		{ "stuck=", 0, 3600, &knobs->stuck },
	};
	const char *end = word + strlen(word);
	unsigned long long value;
	size_t i, len;

	if (!strcmp(word, "clear"))
		return 0;
	if (!strcmp(word, "alert=on") || !strcmp(word, "alert=off")) {
		knobs->alert = !strcmp(word, "alert=on");
		return 0;
	}
	if (!strncmp(word, "ports=", 6))
		return judge_set(word + 6, strlen(word + 6), &knobs->ports);
	for (i = 0; i < 3; i++) {
		len = strlen(numbers[i].name);
		if (strncmp(word, numbers[i].name, len))
			continue;
		if (!read_number(word + len, end, numbers[i].most, &value) ||
		    value < numbers[i].least)
			return -EINVAL;
		*numbers[i].to = value;
		return 0;
	}
	return -EINVAL;
}

/* All of it or nothing. */
static inline int judge_control(const char *text, size_t len, struct knobs *knobs)
{
	char copy[WRITE_MAX + 1], *words[KNOBS_MAX];
	struct knobs wanted = *knobs;
	int count, i;

	if (len > WRITE_MAX || memchr(text, '\0', len))
		return -EINVAL;
	count = split_words(text, len, copy, words, KNOBS_MAX);
	if (count < 1)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (judge_knob(words[i], &wanted))
			return -EINVAL;
	}
	*knobs = wanted;
	return 0;
}

#endif /* _SELFTESTS_FUZZ_ORACLE_H */
