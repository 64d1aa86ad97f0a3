// SPDX-License-Identifier: GPL-2.0
/*
 * tcpwatch: tells who holds a port, by which rule a bind was refused, and what
 * to change. This file is the order in which the parts come up and go down.
 */
#include <linux/module.h>

#include "alert.h"
#include "bound.h"
#include "conflict.h"
#include "connect.h"
#include "debugfs.h"
#include "exits.h"
#include "proc.h"
#include "resolve.h"
#include "ring.h"
#include "stream.h"
#include "timewait.h"
#include "why.h"

static int __init tcpwatch_init(void)
{
	int err;

	err = tcpwatch_ring_init();
	if (err)
		return err;
	err = tcpwatch_alert_init();
	if (err)
		goto ring;
	err = tcpwatch_exits_init();
	if (err)
		goto alert;
	err = tcpwatch_bound_init();
	if (err)
		goto exits;
	err = tcpwatch_resolve_init();
	if (err)
		goto bound;
	err = tcpwatch_conflict_init();
	if (err)
		goto resolve;
	err = tcpwatch_connect_init();
	if (err)
		goto conflict;
	err = tcpwatch_timewait_init();
	if (err)
		goto connect;
	/* those that bind now are noted already: none is left out */
	tcpwatch_bound_seed();
	/* what people see comes last: nothing it shows is half made */
	err = tcpwatch_stream_init();
	if (err)
		goto timewait;
	err = tcpwatch_proc_init();
	if (err)
		goto stream;
	err = tcpwatch_why_init();
	if (err)
		goto proc;
	tcpwatch_debugfs_init();
	return 0;

proc:
	tcpwatch_proc_exit();
stream:
	tcpwatch_stream_exit();
timewait:
	tcpwatch_timewait_exit();
connect:
	tcpwatch_connect_exit();
conflict:
	tcpwatch_conflict_exit();
resolve:
	tcpwatch_resolve_exit();
bound:
	tcpwatch_bound_exit();
exits:
	tcpwatch_exits_exit();
alert:
	tcpwatch_alert_exit();
ring:
	tcpwatch_ring_exit();
	return err;
}

static void __exit tcpwatch_exit(void)
{
	tcpwatch_debugfs_exit();
	tcpwatch_why_exit();
	tcpwatch_proc_exit();
	tcpwatch_stream_exit();
	tcpwatch_timewait_exit();
	tcpwatch_connect_exit();
	tcpwatch_conflict_exit();
	tcpwatch_resolve_exit();
	tcpwatch_bound_exit();
	tcpwatch_exits_exit();
	tcpwatch_alert_exit();
	tcpwatch_ring_exit();
}

module_init(tcpwatch_init);
module_exit(tcpwatch_exit);

MODULE_LICENSE("GPL");
MODULE_VERSION(TCPWATCH_VERSION);
MODULE_DESCRIPTION("Who holds a TCP port, which rule refused a bind, and what to change");
