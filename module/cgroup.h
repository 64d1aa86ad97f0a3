/* SPDX-License-Identifier: GPL-2.0 */
/* From the id of a control group to its path. */
#ifndef _TCPWATCH_CGROUP_H
#define _TCPWATCH_CGROUP_H

#include "event.h"

/**
 * struct tcpwatch_cgroup - the control group looked up last
 * @id: its id, 0: none
 * @len: length of @path
 * @path: its path
 *
 * Mostly it is the one asked for next.
 */
struct tcpwatch_cgroup {
	u64 id;
	size_t len;
	char path[TCPWATCH_CGROUP_LEN];
};

/**
 * tcpwatch_cgroup_path() - the path of a control group
 * @to: the answer, TCPWATCH_CGROUP_LEN bytes; empty when it is gone. Of one too long the
 *	end is kept, which tells more than its beginning
 * @id: its id, or 0
 * @last: the one looked up last, and then this one
 *
 * Context: process, may sleep.
 */
void tcpwatch_cgroup_path(char *to, u64 id, struct tcpwatch_cgroup *last);

#endif /* _TCPWATCH_CGROUP_H */
