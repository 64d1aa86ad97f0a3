// SPDX-License-Identifier: GPL-2.0
#include <linux/random.h>
#include <linux/vmalloc.h>

#include "waits.h"

struct tcpwatch_waits tcpwatch_waits;

int tcpwatch_waits_init(void)
{
	tcpwatch_waits.places = vcalloc(TCPWATCH_WAITS_MAX, sizeof(*tcpwatch_waits.places));
	if (!tcpwatch_waits.places)
		return -ENOMEM;
	tcpwatch_waits.multiplier = get_random_u64() | 1;
	tcpwatch_waits.start = local_clock();
	return 0;
}

void tcpwatch_waits_exit(void)
{
	vfree(tcpwatch_waits.places);
}
