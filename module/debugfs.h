/* SPDX-License-Identifier: GPL-2.0 */
/* The tree for scripts: /sys/kernel/debug/tcpwatch. */
#ifndef _TCPWATCH_DEBUGFS_H
#define _TCPWATCH_DEBUGFS_H

/**
 * tcpwatch_debugfs_init() - make the tree; without debugfs there is none
 *
 * Context: process, may sleep.
 */
void tcpwatch_debugfs_init(void);

/**
 * tcpwatch_debugfs_exit() - remove the tree
 *
 * Context: process, sleeps until nobody is inside.
 */
void tcpwatch_debugfs_exit(void);

#endif /* _TCPWATCH_DEBUGFS_H */
