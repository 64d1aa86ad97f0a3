/* SPDX-License-Identifier: GPL-2.0 */
/* The sockets of ports as scripts see them. */
#ifndef _TCPWATCH_CONNLIST_H
#define _TCPWATCH_CONNLIST_H

#include <linux/fs.h>

/* One row for each socket of the ports that were chosen. */
extern const struct file_operations tcpwatch_connlist_table;

#endif /* _TCPWATCH_CONNLIST_H */
