// SPDX-License-Identifier: GPL-2.0
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cgroup.h"

void tcpwatch_cgroup_path(char *to, u64 id, struct tcpwatch_cgroup *last)
{
	struct cgroup *cgroup;
	char *path;
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
	path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (path && cgroup_path(cgroup, path, PATH_MAX) > 0) {
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
	kfree(path);
	cgroup_put(cgroup);
}
