// SPDX-License-Identifier: GPL-2.0
/* The names of the vocabulary, from the same lists as its enumerations. */

#include <linux/string.h>

#include "event.h"

#define TCPWATCH_ADVICE(group, item, name, advice)	\
	[TCPWATCH_##group##_##item] = advice,

const char *const tcpwatch_kind_names[] = { TCPWATCH_KINDS(TCPWATCH_NAME) };
const char *const tcpwatch_knock_names[] = { TCPWATCH_KNOCKS(TCPWATCH_NAME) };
const char *const tcpwatch_cause_names[] = { TCPWATCH_CAUSES(TCPWATCH_NAME) };
const char *const tcpwatch_thanks_names[] = { TCPWATCH_THANKSES(TCPWATCH_NAME) };
const char *const tcpwatch_reason_names[] = { TCPWATCH_REASONS(TCPWATCH_NAME) };
const char *const tcpwatch_rule_names[] = { TCPWATCH_RULES(TCPWATCH_NAME) };
const char *const tcpwatch_rule_advice[] = { TCPWATCH_RULES(TCPWATCH_ADVICE) };
const char *const tcpwatch_call_names[] = { TCPWATCH_CALLS(TCPWATCH_NAME) };
const char *const tcpwatch_fix_texts[] = { TCPWATCH_FIXES(TCPWATCH_NAME) };
const char *const tcpwatch_relation_names[] = { TCPWATCH_RELATIONS(TCPWATCH_NAME) };
const char *const tcpwatch_belongs_names[] = { TCPWATCH_BELONGINGS(TCPWATCH_NAME) };

void tcpwatch_found_init(struct tcpwatch_found *found)
{
	found->owner_unknown = false;
	found->owners = 0;
	found->owner.pid = 0;
	found->bound.task.pid = 0;
	found->netns_task.pid = 0;
	found->range.known = false;
	found->cgroup_path[0] = '\0';
	found->holder_cgroup_path[0] = '\0';
	found->bound_cgroup_path[0] = '\0';
}

/* Both are of TCPWATCH_CGROUP_LEN; mostly it is a short one. */
static void copy_path(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

void tcpwatch_found_copy(struct tcpwatch_found *to, const struct tcpwatch_found *from)
{
	memcpy(to, from, offsetof(struct tcpwatch_found, range));
	if (from->range.known)
		to->range = from->range;
	else
		to->range.known = false;
	copy_path(to->cgroup_path, from->cgroup_path);
	copy_path(to->holder_cgroup_path, from->holder_cgroup_path);
	copy_path(to->bound_cgroup_path, from->bound_cgroup_path);
}
