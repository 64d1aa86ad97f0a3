// SPDX-License-Identifier: GPL-2.0
/*
 * usage: storm PROCESSES SECONDS
 *
 * Bind and listen on three ports from several processes at once, with every mix
 * of SO_REUSEADDR and address, and print how many calls were refused.
 */
#include "tcpwatch.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static const char *const addresses[] = { "0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1" };

static unsigned long long rage(unsigned int seed, time_t end)
{
	unsigned long long refused = 0;
	const char *where;
	unsigned int r;
	int fd;

	while (time(NULL) < end) {
		r = rand_r(&seed);
		where = addresses[r % 5];
		fd = socket(strchr(where, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		if (r & 0x100)
			set_on(fd, SOL_SOCKET, SO_REUSEADDR);
		if (r & 0x200)
			set_on(fd, SOL_SOCKET, SO_REUSEPORT);
		if (bind_to(fd, where, 18000 + (r >> 16) % 3))
			refused += errno == EADDRINUSE;
		else if (listen(fd, 1))
			refused += errno == EADDRINUSE;
		else if (r & 0x400)
			usleep(100);
		close(fd);
	}
	return refused;
}

int main(int argc, char **argv)
{
	unsigned long long *refused, sum = 0;
	int processes, i;
	time_t end;

	if (argc != 3)
		return 2;
	processes = atoi(argv[1]);
	end = time(NULL) + atoi(argv[2]);
	refused = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refused == MAP_FAILED)
		return 1;
	for (i = 0; i < processes; i++) {
		if (!fork()) {
			refused[i] = rage(i + 1, end);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (i = 0; i < processes; i++)
		sum += refused[i];
	printf("%llu\n", sum);
	return 0;
}
