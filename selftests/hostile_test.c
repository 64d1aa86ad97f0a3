// SPDX-License-Identifier: GPL-2.0
/*
 * A process may call itself anything: in no view do its bytes reach the terminal
 * or pass for a field of ours.
 */
#include "tcpwatch.h"
#include <sys/klog.h>
#include <sys/prctl.h>
#include "harness.h"

FIXTURE(name) {
	struct events events;
	char text[1 << 18];
};

FIXTURE_VARIANT(name) {
	const char *comm;
	const char *escaped;	/* as it stands in a key=value line */
};

#define NAME(name_, comm_, escaped_) \
	FIXTURE_VARIANT_ADD(name, name_) { .comm = comm_, .escaped = escaped_ }

NAME(newline, "a\nseq=9 b", "comm=\"a\\x0aseq=9 b\"");
NAME(quote, "q\"uote", "comm=\"q\\\"uote\"");
NAME(escape, "\x1b[31mred", "comm=\\x1b[31mred");
NAME(not_utf8, "\xff\xfe\xc3", "comm=\\xff\\xfe\\xc3");
NAME(backslash, "b\\x41", "comm=\"b\\\\x41\"");
NAME(tab, "t\tab", "comm=t\\x09ab");
NAME(equals, "a=b", "comm=\"a=b\"");
NAME(space, "rule=x holder=y", "comm=\"rule=x holder=y\"");
NAME(empty, "", "comm=\"\"");
NAME(percent, "%s%n%p", "comm=%s%n%p");

FIXTURE_SETUP(name)
{
	int fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	/* none of these alerts is to be held back */
	fd = open(TREE "control", O_WRONLY);
	ASSERT_EQ(write(fd, "alert_rate=1000", 15), 15);
	close(fd);
	ASSERT_EQ(enter_netns(), 0);
	ASSERT_EQ(events_open(&self->events), 0);
}

FIXTURE_TEARDOWN(name)
{
	int fd = open(TREE "control", O_WRONLY);

	EXPECT_EQ(write(fd, "alert_rate=5", 12), 12);
	close(fd);
	close(self->events.fd);
}

/* Only printable ASCII, newlines, and tabs where the view has columns. */
static bool clean(const char *text, bool tabs)
{
	for (; *text; text++) {
		if (*text == '\n' || (tabs && *text == '\t'))
			continue;
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

static int slurp(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len;

	if (!file)
		return -1;
	len = fread(to, 1, size - 1, file);
	to[len] = '\0';
	fclose(file);
	return len;
}

TEST_F(name, escaped)
{
	int holder = socket(AF_INET, SOCK_STREAM, 0), asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line, *escaped = variant->escaped + strlen("comm=");
	char expect[128];
	int ms;

	/* a port of its own, so that the alert is not held back as known */
	int port = 20000 + getpid() % 10000;

	ASSERT_EQ(prctl(PR_SET_NAME, variant->comm), 0);
	ASSERT_EQ(bind_to(holder, "127.0.0.1", port), 0);
	ASSERT_EQ(bind_to(asker, "127.0.0.1", port), -1);
	line = events_next(&self->events, PATIENCE);
	ASSERT_NE(line, NULL);
	TH_LOG("%s", line);
	EXPECT_TRUE(clean(line, false));
	snprintf(expect, sizeof(expect), " %s ", variant->escaped);
	EXPECT_NE(strstr(line, expect), NULL);
	EXPECT_STREQ(value(line, "rule"), "bound_only");
	snprintf(expect, sizeof(expect), "holder_%s", variant->escaped);
	EXPECT_NE(strstr(line, expect), NULL);

	ASSERT_GT(slurp(TREE "conflicts", self->text, sizeof(self->text)), 0);
	EXPECT_TRUE(clean(self->text, true));
	snprintf(expect, sizeof(expect), "\t%s\t", escaped);
	EXPECT_NE(strstr(self->text, expect), NULL);

	ASSERT_GT(slurp(PAGE, self->text, sizeof(self->text)), 0);
	EXPECT_TRUE(clean(self->text, false));
	snprintf(expect, sizeof(expect), " %s[%d] ", escaped, getpid());
	EXPECT_NE(strstr(self->text, expect), NULL);

	/* the alert follows the event */
	snprintf(expect, sizeof(expect), "to %s[%d] ", escaped, getpid());
	for (ms = 0; ms < PATIENCE; ms += 100) {
		memset(self->text, 0, sizeof(self->text));
		klogctl(3 /* SYSLOG_ACTION_READ_ALL */, self->text, sizeof(self->text) - 1);
		if (strstr(self->text, expect))
			break;
		usleep(100000);
	}
	EXPECT_NE(strstr(self->text, expect), NULL);
	EXPECT_EQ(strchr(self->text, 0x1b), NULL);
}

TEST_HARNESS_MAIN
