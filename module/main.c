// SPDX-License-Identifier: GPL-2.0
/*
 * tcpwatch: tells who holds a port, by which rule a bind was refused, and what
 * to change. This file is the order in which the parts come up and go down.
 */
#include <linux/module.h>

#include "accepts.h"
#include "alert.h"
#include "backlog.h"
#include "bound.h"
#include "conflict.h"
#include "connect.h"
#include "connlist.h"
#include "control.h"
#include "debugfs.h"
#include "exhaust.h"
#include "exits.h"
#include "ledger.h"
#include "listeners.h"
#include "listening.h"
#include "overload.h"
#include "portlist.h"
#include "proc.h"
#include "pulse.h"
#include "resolve.h"
#include "ring.h"
#include "stream.h"
#include "timewait.h"
#include "why.h"

static int seed(void)
{
	tcpwatch_bound_seed();
	return 0;
}

static int show_debugfs(void)
{
	tcpwatch_debugfs_init();
	return 0;
}

/**
 * struct part - a part of the module
 * @name: what cannot be had when it does not come up, for people
 * @init: bring it up; returns 0 or -errno
 * @exit: take it down again, or NULL
 */
struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
};

/* In the order in which they come up; they go down the other way round. */
static const struct part parts[] = {
	{ "the ring of events", tcpwatch_ring_init, tcpwatch_ring_exit },
	{ "alerts", tcpwatch_alert_init, tcpwatch_alert_exit },
	/* before whatever it vouches for */
	{ "the pulse of probes", tcpwatch_pulse_init, tcpwatch_pulse_exit },
	{ "exits of processes", tcpwatch_exits_init, tcpwatch_exits_exit },
	{ "notes of who binds", tcpwatch_bound_init, tcpwatch_bound_exit },
	{ "owners of sockets", tcpwatch_resolve_init, tcpwatch_resolve_exit },
	/* what takes rows of listeners back is there before whatever makes them */
	{ "rows of listeners", tcpwatch_listeners_init, tcpwatch_listeners_exit },
	{ "probes of listen()", tcpwatch_listening_init, tcpwatch_listening_exit },
	{ "probes of refusals", tcpwatch_conflict_init, tcpwatch_conflict_exit },
	{ "probes of connect()", tcpwatch_connect_init, tcpwatch_connect_exit },
	{ "the ledger of TIME-WAIT", tcpwatch_ledger_init, tcpwatch_ledger_exit },
	{ "probes of TIME-WAIT", tcpwatch_timewait_init, tcpwatch_timewait_exit },
	{ "the watch over source ports", tcpwatch_exhaust_init, tcpwatch_exhaust_exit },
	{ "probes of queues", tcpwatch_backlog_init, tcpwatch_backlog_exit },
	{ "probes of accept queues", tcpwatch_accepts_init, tcpwatch_accepts_exit },
	{ "the watch over queues", tcpwatch_overload_init, tcpwatch_overload_exit },
	/* those that bind now are noted already: none is left out */
	{ "those that bind now", seed, NULL },
	/* what people see comes last: nothing it shows is half made */
	{ "/proc/" TCPWATCH_STREAM, tcpwatch_stream_init, tcpwatch_stream_exit },
	{ "/proc/tcpwatch", tcpwatch_proc_init, tcpwatch_proc_exit },
	{ "/proc/" TCPWATCH_WHY, tcpwatch_why_init, tcpwatch_why_exit },
	{ "/proc/" TCPWATCH_PORTLIST, tcpwatch_portlist_init, tcpwatch_portlist_exit },
	{ "/proc/" TCPWATCH_CONNLIST, tcpwatch_connlist_init, tcpwatch_connlist_exit },
	{ "/proc/" TCPWATCH_CONTROL, tcpwatch_control_init, tcpwatch_control_exit },
	{ "debugfs", show_debugfs, tcpwatch_debugfs_exit },
};

static void take_down(unsigned int count)
{
	while (count--) {
		if (parts[count].exit)
			parts[count].exit();
	}
}

static int __init tcpwatch_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			pr_err("not loaded: no %s%s (error %d)\n",
			       err == -ENOMEM ? "memory for " : "", parts[i].name, err);
			take_down(i);
			return err;
		}
	}
	return 0;
}

static void __exit tcpwatch_exit(void)
{
	take_down(ARRAY_SIZE(parts));
}

module_init(tcpwatch_init);
module_exit(tcpwatch_exit);

MODULE_LICENSE("GPL");
MODULE_VERSION(TCPWATCH_VERSION);
MODULE_DESCRIPTION("Who holds a TCP port, which rule refused a bind, and what to change");
