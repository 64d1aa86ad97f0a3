/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of the differential test: by number, and in words. */
#ifndef _SELFTESTS_MATRIX_H
#define _SELFTESTS_MATRIX_H

#include "sides.h"
#include "states.h"

/* What a holder has become: a group of cases each. */
static const struct place {
	enum role role;
	enum state state;
	const char *text;
} places[] = {
	{ SERVER, BOUND, "bound" },
	{ SERVER, LISTENING, "listening" },
	{ SERVER, UNACCEPTED, "listening, a connection not accepted" },
	{ SERVER, CHILD_LISTENING, "listening, a connection accepted" },
	{ SERVER, ESTABLISHED, "accepted connection" },
	{ SERVER, SHUT, "accepted connection, shut down" },
	{ SERVER, ORPHAN, "accepted connection, closed, still a socket" },
	{ SERVER, LEFT, "accepted connection, closed, kept as TIME-WAIT" },
	{ SERVER, CLOSE_WAIT, "accepted connection, shut down by the peer" },
	{ SERVER, TIME_WAIT, "accepted connection, TIME-WAIT" },
	{ CLIENT, ESTABLISHED, "bound client" },
	{ CLIENT, TIME_WAIT, "bound client, TIME-WAIT" },
	{ CHOSEN, ESTABLISHED, "client" },
	{ CHOSEN, ORPHAN, "client, closed, still a socket" },
	{ CHOSEN, TIME_WAIT, "client, TIME-WAIT" },
};

#define PLACES	((int)ARRAY_SIZE(places))

/* What is asked for; LATER is bound before the holder goes where it goes. */
enum kind { BIND, BIND_LISTEN, LATER, AUTO, AUTO_LISTEN, KINDS };

static const char *const kind_names[] = {
	"bind", "bind and listen", "listen later", "bind to port 0", "listen without bind",
};

/**
 * struct trial - one case
 * @held: who holds the port
 * @want: who asks for it
 * @kind: how
 */
struct trial {
	struct holder held;
	struct side want;
	enum kind kind;
};

#define GROUP_CASES	(2L * 2 * 2 * 2 * 2 * KINDS * 4 * 3 * 2 * 3 * 2 * 3)
#define GROUPS		(FAMILIES * PLACES)

static int digit(long *number, int radix)
{
	int digit = *number % radix;

	*number /= radix;
	return digit;
}

/* The case of a number; why there is none, or NULL. */
static const char *decode(long number, struct trial *trial)
{
	static const int devs[] = { 0, ON_LO, ON_OTHER };
	static const int reuseports[] = { 0, REUSEPORT, REUSEPORT | GROUPED };
	struct side *held = &trial->held.side, *want = &trial->want;
	int where, held_where, held_family, want_family;

	memset(trial, 0, sizeof(*trial));
	want->flags |= devs[digit(&number, 3)];
	want->flags |= digit(&number, 2) ? OTHER_UID : 0;
	want->flags |= reuseports[digit(&number, 3)];
	want->flags |= digit(&number, 2) ? REUSEADDR : 0;
	where = digit(&number, 3);
	want_family = digit(&number, 4);
	want->address = addresses[want_family][where];
	want->flags |= want_family == V6_ONLY ? V6ONLY : 0;
	trial->kind = digit(&number, KINDS);
	held->flags |= devs[digit(&number, 2)];
	held->flags |= digit(&number, 2) ? OTHER_UID : 0;
	held->flags |= digit(&number, 2) ? REUSEPORT : 0;
	held->flags |= digit(&number, 2) ? REUSEADDR : 0;
	held_where = digit(&number, 2) ? WILDCARD : SPECIFIC;
	trial->held.role = places[number % PLACES].role;
	trial->held.state = places[number % PLACES].state;
	held_family = number / PLACES;
	held->flags |= held_family == V6_ONLY ? V6ONLY : 0;
	trial->held.over = addresses[held_family][SPECIFIC];
	held->address = addresses[held_family][held_where];

	if (where == SPECIFIC && (held_family == V6 || held_family == V6_ONLY) !=
				 (want_family == V6 || want_family == V6_ONLY))
		return "no such address in that family";
	if (held_family == DUAL && (held_where == SPECIFIC || trial->held.state <= LISTENING))
		return "a dual-stack holder is one only when connected";
	if (!(held->flags & want->flags & REUSEPORT) && (want->flags & OTHER_UID))
		return "the users differ in nothing without SO_REUSEPORT on both sides";
	if ((want->flags & GROUPED) && trial->kind != BIND)
		return "a group is tried with bind() alone";
	if (trial->kind == AUTO_LISTEN && (where != WILDCARD || want_family == MAPPED))
		return "who does not bind gets the wildcard";
	if (trial->kind == LATER && trial->held.role == CHOSEN)
		return "connect() chooses no port that is bound";
	return NULL;
}

static void describe(long number, char *to, size_t size)
{
	struct trial trial;
	char held[96], want[96];

	decode(number, &trial);
	describe_side(&trial.held.side, held, sizeof(held));
	describe_side(&trial.want, want, sizeof(want));
	snprintf(to, size, "held by %s (%s%s%s); %s %s", held,
		 places[number / GROUP_CASES % PLACES].text,
		 trial.held.state > LISTENING ? " over " : "",
		 trial.held.state > LISTENING ? trial.held.over : "", kind_names[trial.kind], want);
}

#endif /* _SELFTESTS_MATRIX_H */
