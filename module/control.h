/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file of what can be set while running: words are written, and read back as they
 * are in force. All words of a write are checked before the first is obeyed: -EINVAL
 * comes with a line in the kernel log, and nothing is changed.
 */
#ifndef _TCPWATCH_CONTROL_H
#define _TCPWATCH_CONTROL_H

/* Its name in procfs; debugfs has a link to it. */
#define TCPWATCH_CONTROL	"tcpwatch_control"

/**
 * tcpwatch_control_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_control_init(void);

/**
 * tcpwatch_control_exit() - remove it
 *
 * Context: process, sleeps until nobody is in it.
 */
void tcpwatch_control_exit(void);

#endif /* _TCPWATCH_CONTROL_H */
