/* SPDX-License-Identifier: GPL-2.0 */
/* The table of ports. */
#ifndef _TCPWATCH_PORTLIST_H
#define _TCPWATCH_PORTLIST_H

#include <linux/fs.h>

/* One row for each port in use, and one for all of a network namespace. */
extern const struct file_operations tcpwatch_portlist_table;

#endif /* _TCPWATCH_PORTLIST_H */
