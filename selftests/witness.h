/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three witnesses of one call: the dry run before it, the call itself, and the
 * event after it. The dry run and the call are compared at once; events come
 * later, in their order, and tell by the name of the thread which case they
 * belong to.
 */
#ifndef _SELFTESTS_WITNESS_H
#define _SELFTESTS_WITNESS_H

#include "states.h"
#include <stdarg.h>
#include <sys/prctl.h>

#define WHY	"/proc/tcpwatch_why"

/* Refusals whose event has not been seen: fewer than the ring holds. */
#define OUTSTANDING	1024

/**
 * struct refusal - a refused call
 * @number: of the case
 * @port: the one it is about
 * @error: its errno
 * @call: the call
 * @want: the address asked for, or nothing
 * @but: a key in which the dry run cannot be the same, or NULL
 * @awaited: nothing changes until the event has come
 * @dry: what the dry run said
 */
struct refusal {
	long number;
	int port;
	int error;
	const char *call;
	char want[64];
	const char *but;
	bool awaited;
	char dry[1200];
};

static struct {
	struct events events;
	int why;		/* -1: left out */
	struct refusal queue[OUTSTANDING];
	unsigned int first, count;
	long last;		/* the case whose event came last */
	long disagreements;
	long told;		/* so many in full */
	long refused, free;
	bool story;		/* each call is told */
	/* what is to be done with each event, beyond comparing it */
	void (*judge)(const struct refusal *refusal, const char *line);
	void (*describe)(long number, char *to, size_t size);
	/* a case has failed */
	void (*complain)(long number);
} diff = { .why = -1, .last = -1 };

static inline const char *errno_name(int error)
{
	return error == EADDRINUSE ? "EADDRINUSE" :
	       error == EADDRNOTAVAIL ? "EADDRNOTAVAIL" : strerror(error);
}

/* One disagreement: what is wrong, both sides, and how to see it again. */
static __printf(4, 5)
void disagree(long number, const char *dry, const char *line, const char *format, ...)
{
	char text[512];
	va_list args;

	diff.complain(number);
	if (diff.disagreements++ >= diff.told)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ksft_print_msg("DISAGREE: %s\n", text);
	diff.describe(number, text, sizeof(text));
	ksft_print_msg("  case:    %s\n", text);
	if (dry && *dry)
		ksft_print_msg("  dry run: %s\n", dry);
	if (line)
		ksft_print_msg("  event:   %s\n", line);
	ksft_print_msg("  again:   ./%s %ld\n", program_invocation_short_name, number);
}

static inline void name_thread(const char *prefix, long number)
{
	char name[16];

	snprintf(name, sizeof(name), "%s%ld", prefix, number);
	prctl(PR_SET_NAME, name);
}

/* The keys in which the dry run and the event are one. */
static const char *const same_keys[] = {
	"call", "errno", "want", "to", "reuseaddr", "reuseport", "v6only", "dev",
	"requester_group", "rule", "relation", "holders", "holders_capped", "holder",
	"peer", "state", "holder_is", "holder_reuseaddr", "holder_reuseport",
	"holder_v6only", "holder_dev", "holder_uid", "holder_rule_uid", "holder_ino",
	"range",
	/* from here on what a worker counts, while the port may be given back */
	"ports_reserved", "ports_used", "ports_time_wait", "ports_bound",
	"ports_free", "top1", "top1_ports", "top2", "top2_ports", "top3", "top3_ports",
};

#define KEYS		ARRAY_SIZE(same_keys)
#define LATE_KEYS	(KEYS - 11)

/* A line taken apart: where each key's value is, and how long. */
struct parts {
	const char *value[KEYS];
	int len[KEYS];
	const char *fix;
	long frees_ms;
};

static inline void take_apart(struct parts *parts, const char *line)
{
	const char *key, *at = line;
	bool quoted;
	size_t len, i;

	memset(parts, 0, sizeof(*parts));
	while (*at) {
		key = at;
		len = strcspn(key, "=");
		at = key + len + !!key[len];
		for (quoted = false, line = at; *at && (quoted || *at != ' '); at++) {
			if (*at == '\\' && at[1])
				at++;
			else if (*at == '"')
				quoted = !quoted;
		}
		for (i = 0; i < KEYS; i++) {
			if (!strncmp(same_keys[i], key, len) && !same_keys[i][len]) {
				parts->value[i] = line;
				parts->len[i] = at - line;
			}
		}
		if (len == 3 && !strncmp(key, "fix", 3))
			parts->fix = line;
		if (len == 8 && !strncmp(key, "frees_ms", 8))
			parts->frees_ms = strtol(line, NULL, 10);
		at += *at == ' ';
	}
}

/* A fix without its numbers: the seconds go on, and are compared as frees_ms. */
static inline void copy_fix(char *to, size_t size, const char *fix)
{
	const char *end = to + size - 1;

	for (fix += *fix == '"'; *fix && *fix != '"' && to < end; fix++) {
		if (*fix < '0' || *fix > '9')
			*to++ = *fix;
	}
	*to = '\0';
}

static inline bool same_fix(const char *a, const char *b)
{
	char texts[2][256];

	if (!a || !b)
		return a == b;
	copy_fix(texts[0], sizeof(texts[0]), a);
	copy_fix(texts[1], sizeof(texts[1]), b);
	return !strcmp(texts[0], texts[1]);
}

static inline void add_word(char *to, size_t size, const char *word)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, " %s", word);
}

static inline void compare(const struct refusal *refusal, const char *line)
{
	struct parts dry, event;
	char differ[512] = "";
	size_t i;

	take_apart(&dry, refusal->dry);
	take_apart(&event, line);
	for (i = 0; i < (refusal->awaited ? KEYS : LATE_KEYS); i++) {
		if (refusal->but && !strcmp(refusal->but, same_keys[i]))
			continue;
		if (dry.len[i] != event.len[i] ||
		    (dry.len[i] && memcmp(dry.value[i], event.value[i], dry.len[i])))
			add_word(differ, sizeof(differ), same_keys[i]);
	}
	if (!same_fix(dry.fix, event.fix))
		add_word(differ, sizeof(differ), "fix");
	/* the clock goes on, and a timer may be rounded to the next slot */
	if (!dry.frees_ms != !event.frees_ms || labs(dry.frees_ms - event.frees_ms) > 1000)
		add_word(differ, sizeof(differ), "frees_ms");
	if (*differ)
		disagree(refusal->number, refusal->dry, line,
			 "the dry run and the event differ in%s", differ);
}

/* What an event must say, whoever made it. */
static inline void check_event(const struct refusal *refusal, const char *line)
{
	const char *rule = value(line, "rule");

	if (strcmp(value(line, "event"), "conflict") ||
	    strcmp(value(line, "call"), refusal->call) ||
	    strcmp(value(line, "errno"), errno_name(refusal->error)) ||
	    (*refusal->want && strcmp(value(line, "want"), refusal->want)))
		disagree(refusal->number, refusal->dry, line, "%s of %s said %s", refusal->call,
			 refusal->want, errno_name(refusal->error));
	if (!strcmp(rule, "unknown"))
		disagree(refusal->number, refusal->dry, line, "not explained");
	if (!strcmp(value(refusal->dry, "verdict"), "refused"))
		compare(refusal, line);
	diff.judge(refusal, line);
}

/* The event of a case: the next one that is due, or else something is wrong. */
static inline void take_event(const char *line)
{
	const char *name = value(line, "comm");
	struct refusal *refusal;
	long number;

	if (!strcmp(value(line, "event"), "gap")) {
		disagree(diff.last, NULL, line, "events were lost");
		return;
	}
	/* what was refused while a case was set up is not compared */
	if (*name != '#')
		return;
	number = strtol(name + 1, NULL, 10);
	while (diff.count) {
		refusal = &diff.queue[diff.first];
		diff.first = (diff.first + 1) % OUTSTANDING;
		diff.count--;
		if (refusal->number == number) {
			diff.last = number;
			check_event(refusal, line);
			return;
		}
		disagree(refusal->number, refusal->dry, NULL, "%s of %s said %s, without an event",
			 refusal->call, refusal->want, errno_name(refusal->error));
	}
	disagree(number, NULL, line, number == diff.last ? "a second event of one call" :
							   "an event of a call that succeeded");
}

/* Events that are there. */
static inline void take_events(void)
{
	const char *line;

	while ((line = events_next(&diff.events, 0)))
		take_event(line);
}

/* Until every refusal has had its event. */
static inline void await_events(void)
{
	const char *line;

	while (diff.count && (line = events_next(&diff.events, PATIENCE)))
		take_event(line);
	if (!diff.count)
		return;
	disagree(diff.queue[diff.first].number, diff.queue[diff.first].dry, NULL,
		 "%u events never came", diff.count);
	diff.count = 0;
}

/* That, and no more come. */
static inline void end_events(void)
{
	const char *line;

	await_events();
	while ((line = events_next(&diff.events, SILENCE)))
		take_event(line);
}

/* Writes the request and reads the answer, but for its newline. */
static inline void dry_run(struct refusal *now, const char *request)
{
	char *answer = now->dry;
	bool taken;
	ssize_t got;

	/* what is counted for one event may serve others that come with it */
	if (now->awaited)
		await_events();
	if (diff.why < 0)
		return;
	taken = write(diff.why, request, strlen(request)) > 0;
	got = read(diff.why, answer, sizeof(now->dry) - 1);
	answer[got > 0 ? got : 0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (taken)
		return;
	disagree(now->number, answer, NULL, "not taken as a request: %s", request);
	*answer = '\0';
}

/**
 * witness() - compare the dry run with the call, and remember it for the event
 * @now: the call; @now->error is 0 where it succeeded
 */
static inline void witness(const struct refusal *now)
{
	bool refused = !strcmp(value(now->dry, "verdict"), "refused");
	char text[256];

	if (diff.story) {
		diff.describe(now->number, text, sizeof(text));
		ksft_print_msg("%s: %s\n", text, now->error ? errno_name(now->error) : "yes");
	}
	if (*now->dry && strcmp(value(now->dry, "event"), "why"))
		disagree(now->number, now->dry, NULL, "not an answer");
	else if (*now->dry && !refused && strcmp(value(now->dry, "verdict"), "free"))
		disagree(now->number, now->dry, NULL, "no verdict");
	else if (*now->dry && refused != !!now->error)
		disagree(now->number, now->dry, NULL, "%s of %s said %s", now->call, now->want,
			 now->error ? errno_name(now->error) : "yes");
	if (!now->error) {
		diff.free++;
		return;
	}
	diff.refused++;
	if (now->error != EADDRINUSE && now->error != EADDRNOTAVAIL) {
		disagree(now->number, now->dry, NULL, "%s of %s said %s", now->call, now->want,
			 strerror(now->error));
		return;
	}
	if (diff.count == OUTSTANDING)
		await_events();
	diff.queue[(diff.first + diff.count++) % OUTSTANDING] = *now;
	if (now->awaited)
		await_events();
}

#endif /* _SELFTESTS_WITNESS_H */
