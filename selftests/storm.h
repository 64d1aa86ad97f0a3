/* SPDX-License-Identifier: GPL-2.0 */
/* One turn of a storm: any of three ports, with any mix of options and addresses. */
#ifndef _SELFTESTS_STORM_H
#define _SELFTESTS_STORM_H

#include "tcpwatch.h"

/* bind(), and listen() if it may; true if either was refused. */
static inline bool storm_turn(unsigned int *seed)
{
	static const char *const addresses[] = {
		"0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1",
	};
	unsigned int r = rand_r(seed);
	const char *where = addresses[r % 5];
	int fd = socket(strchr(where, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused = false;

	if (r & 0x100)
		set_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r & 0x200)
		set_on(fd, SOL_SOCKET, SO_REUSEPORT);
	if (bind_to(fd, where, 18000 + (r >> 16) % 3) || listen(fd, 1))
		refused = errno == EADDRINUSE;
	else if (r & 0x400)
		usleep(100);
	close(fd);
	return refused;
}

#endif /* _SELFTESTS_STORM_H */
