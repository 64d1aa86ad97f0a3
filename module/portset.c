// SPDX-License-Identifier: GPL-2.0
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "number.h"
#include "portset.h"

/* Each is one chain of the table of ports to look at, in each network namespace. */
#define SMALL	256

/* Longer than any that is well formed: `65535-65535` and a comma, so many times. */
#define LEN	(TCPWATCH_PORTSET_MAX * 12)

/* And so many bytes are more than anybody has reason to write. */
#define WRITTEN	256

static DEFINE_SPINLOCK(lock);
static struct tcpwatch_portset standard;

static int parse_port(const char *text, u16 *port)
{
	u32 value;

	if (!tcpwatch_number_parse(text, &value) || !value || value > U16_MAX)
		return -EINVAL;
	*port = value;
	return 0;
}

static int add(struct tcpwatch_portset *set, char *word)
{
	char *dash = strchr(word, '-');
	u16 lo, hi;

	if (set->count == TCPWATCH_PORTSET_MAX)
		return -EINVAL;
	if (dash)
		*dash++ = '\0';
	if (parse_port(word, &lo))
		return -EINVAL;
	hi = lo;
	if (dash && (parse_port(dash, &hi) || hi < lo))
		return -EINVAL;
	set->range[set->count].lo = lo;
	set->range[set->count++].hi = hi;
	return 0;
}

int tcpwatch_portset_parse(struct tcpwatch_portset *set, const char *text)
{
	struct tcpwatch_portset parsed = {};
	char copy[LEN], *rest = copy, *word;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return -EINVAL;
	if (strcmp(copy, "all")) {
		while ((word = strsep(&rest, ","))) {
			if (add(&parsed, word))
				return -EINVAL;
		}
	}
	*set = parsed;
	return 0;
}

void tcpwatch_portset_show(struct seq_file *m, const struct tcpwatch_portset *set)
{
	unsigned int i;

	if (!set->count)
		seq_puts(m, "all");
	for (i = 0; i < set->count; i++) {
		seq_printf(m, "%s%u", i ? "," : "", set->range[i].lo);
		if (set->range[i].hi != set->range[i].lo)
			seq_printf(m, "-%u", set->range[i].hi);
	}
}

void tcpwatch_portset_one(struct tcpwatch_portset *set, u16 port)
{
	set->count = 1;
	set->range[0].lo = port;
	set->range[0].hi = port;
}

bool tcpwatch_portset_has(const struct tcpwatch_portset *set, u16 port)
{
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		if (port >= set->range[i].lo && port <= set->range[i].hi)
			return true;
	}
	return !set->count;
}

bool tcpwatch_portset_is_small(const struct tcpwatch_portset *set)
{
	unsigned int i, ports = 0;

	for (i = 0; i < set->count; i++)
		ports += set->range[i].hi - set->range[i].lo + 1;
	return set->count && ports <= SMALL;
}

struct tcpwatch_portset tcpwatch_portset_default(void)
{
	struct tcpwatch_portset set;

	spin_lock(&lock);
	set = standard;
	spin_unlock(&lock);
	return set;
}

void tcpwatch_portset_set_default(const struct tcpwatch_portset *set)
{
	spin_lock(&lock);
	standard = *set;
	spin_unlock(&lock);
}

static int read_choice(struct tcpwatch_portset *set, char *line, size_t size)
{
	char *text;

	/* a NUL would hide what follows it */
	if (strlen(line) != size)
		return -EINVAL;
	text = strim(line);
	if (!strncmp(text, "ports=", 6))
		text += 6;
	return tcpwatch_portset_parse(set, text);
}

ssize_t tcpwatch_portset_choose(struct tcpwatch_portset *set, struct seq_file *m,
				const char __user *from, size_t size)
{
	struct tcpwatch_portset chosen;
	int err = -EINVAL;
	char *line;

	if (size < WRITTEN) {
		line = memdup_user_nul(from, size);
		if (IS_ERR(line))
			return PTR_ERR(line);
		err = read_choice(&chosen, line, size);
		kfree(line);
	}
	if (err) {
		pr_warn_ratelimited("ports: takes %s\n", TCPWATCH_PORTSET_TAKES);
		return err;
	}
	mutex_lock(&m->lock);
	*set = chosen;
	mutex_unlock(&m->lock);
	return size;
}
