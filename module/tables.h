/* SPDX-License-Identifier: GPL-2.0 */
/* The tables that are made when somebody opens them. */
#ifndef _TCPWATCH_TABLES_H
#define _TCPWATCH_TABLES_H

#include <linux/fs.h>

/* TIME-WAIT by local port and destination. */
extern const struct file_operations tcpwatch_tables_timewait;

/* Ephemeral ports by network namespace, source address and destination. */
extern const struct file_operations tcpwatch_tables_ephemeral;

#endif /* _TCPWATCH_TABLES_H */
