// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "cgroup.h"

/* Of one whole path at a time: an event must not lack it because memory runs out. */
static DEFINE_MUTEX(lock);
static char path[PATH_MAX];

void tcpwatch_cgroup_path(char *to, u64 id, struct tcpwatch_cgroup *last)
{
	struct cgroup *cgroup;
	size_t len;

	to[0] = '\0';
	if (!id)
		return;
	if (id == last->id) {
		memcpy(to, last->path, last->len + 1);
		return;
	}
	cgroup = cgroup_get_from_id(id);
	if (IS_ERR_OR_NULL(cgroup))
		return;
	mutex_lock(&lock);
	if (cgroup_path(cgroup, path, PATH_MAX) > 0) {
		len = strlen(path);
		if (len < TCPWATCH_CGROUP_LEN)
			strscpy(to, path, TCPWATCH_CGROUP_LEN);
		else
			snprintf(to, TCPWATCH_CGROUP_LEN, "...%s",
				 path + len - (TCPWATCH_CGROUP_LEN - 4));
		last->id = id;
		last->len = strlen(to);
		memcpy(last->path, to, last->len + 1);
	}
	mutex_unlock(&lock);
	cgroup_put(cgroup);
}
