/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses and options of all families, in words. */
#ifndef _SELFTESTS_SIDES_H
#define _SELFTESTS_SIDES_H

#include "states.h"

/* Families. A dual one is an IPv6 wildcard that is connected over IPv4. */
enum family { V4, V6, V6_ONLY, MAPPED, DUAL, FAMILIES };

static const char *const family_names[] = { "v4", "v6", "v6only", "mapped", "dual" };

enum { SPECIFIC, DIFFERENT, WILDCARD };

static const char *const addresses[][3] = {
	[V4] = { "127.0.0.1", "127.0.0.2", "0.0.0.0" },
	[V6] = { "::1", "fd00::2", "::" },
	[V6_ONLY] = { "::1", "fd00::2", "::" },
	[MAPPED] = { "::ffff:127.0.0.1", "::ffff:127.0.0.2", "::ffff:0.0.0.0" },
	[DUAL] = { "::ffff:127.0.0.1", NULL, "::" },
};

static inline void describe_side(const struct side *side, char *to, size_t size)
{
	static const struct { int flag; const char *name; } names[] = {
		{ REUSEADDR, "reuseaddr" }, { REUSEPORT, "reuseport" }, { V6ONLY, "v6only" },
		{ ON_LO, "dev=lo" }, { ON_OTHER, "dev=" OTHER_DEV }, { OTHER_UID, "uid=1000" },
		{ GROUPED, "in a group" },
	};
	size_t i, len = snprintf(to, size, "%s", side->address);

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (side->flags & names[i].flag)
			len += snprintf(to + len, size - len, " %s", names[i].name);
	}
}

/* A side's options, as the dry run takes them. */
static inline const char *side_words(const struct side *side)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s", side->flags & REUSEADDR ? " reuseaddr" : "",
		 side->flags & REUSEPORT ? " reuseport" : "",
		 side->flags & V6ONLY ? " v6only" : "", side->flags & ON_LO ? " dev=lo" : "",
		 side->flags & ON_OTHER ? " dev=" OTHER_DEV : "",
		 side->flags & OTHER_UID ? " uid=1000" : "");
	return text;
}

/* The option that a fix names, 0 if it names none. */
static inline int fix_option(const char *fix)
{
	static const struct { const char *fix; int flag; } options[] = {
		{ "set SO_REUSEADDR on this socket before bind()", REUSEADDR },
		{ "set SO_REUSEPORT on this socket before bind()", REUSEPORT },
		{ "set IPV6_V6ONLY on this socket before bind()", V6ONLY },
		{ "set IP_FREEBIND on this socket before bind()", FREEBIND },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (!strcmp(fix, options[i].fix))
			return options[i].flag;
	}
	return 0;
}

#endif /* _SELFTESTS_SIDES_H */
