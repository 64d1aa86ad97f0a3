/* SPDX-License-Identifier: GPL-2.0 */
/* Listeners as scripts see them. */
#ifndef _TCPWATCH_LISTING_H
#define _TCPWATCH_LISTING_H

#include <linux/fs.h>

/* One row for each listening socket. */
extern const struct file_operations tcpwatch_listing_table;

/* What listeners drop against the kernel's own counters, by network namespace. */
extern const struct file_operations tcpwatch_listing_reconcile;

#endif /* _TCPWATCH_LISTING_H */
