/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the dry run share. */
#ifndef _SELFTESTS_WHY_H
#define _SELFTESTS_WHY_H

#include "expect.h"

#define WHY	"/proc/tcpwatch_why"

struct why {
	int fd;
	char line[8192];
};

static inline int why_open(struct why *why)
{
	why->fd = open(WHY, O_RDWR | O_CLOEXEC);
	return why->fd < 0 ? -1 : 0;
}

/* The answer to what was written last: one line; NULL if it is anything else. */
static inline const char *why_read(struct why *why)
{
	size_t len = 0;
	ssize_t got;
	char *end;

	while ((got = read(why->fd, why->line + len, sizeof(why->line) - 1 - len)) > 0)
		len += got;
	why->line[len] = '\0';
	end = strchr(why->line, '\n');
	if (got < 0 || !end || end[1])
		return NULL;
	*end = '\0';
	return why->line;
}

/* NULL, and errno, when the request is refused. */
static inline const char *why_ask(struct why *why, const char *format, ...)
{
	char request[8192];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	if (write(why->fd, request, len) != len)
		return NULL;
	return why_read(why);
}

/* Refused for this rule by this call; or, without one, free. */
static inline void expect_why(struct __test_metadata *_metadata, const char *line,
			      const char *call, const char *rule)
{
	EXPECT_NE(line, NULL);
	if (!line)
		return;
	TH_LOG("%s", line);
	EXPECT_STREQ(value(line, "event"), "why");
	EXPECT_STREQ(value(line, "verdict"), rule ? "refused" : "free");
	EXPECT_STREQ(value(line, "rule"), rule ? rule : "");
	if (!rule) {
		EXPECT_STREQ(value(line, "errno"), "");
		return;
	}
	EXPECT_STREQ(value(line, "call"), call);
	EXPECT_STREQ(value(line, "errno"),
		     !strcmp(call, "connect") || !strncmp(rule, "addr_", 5) ? "EADDRNOTAVAIL"
									    : "EADDRINUSE");
	EXPECT_NE(*value(line, "fix"), '\0');
}

#endif /* _SELFTESTS_WHY_H */
