/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/tcpwatch_events: the events as they come, for any number of readers.
 * debugfs has a link to it. It lives in procfs because only there may a module
 * leave while somebody sleeps in a read: an open file of debugfs pins it.
 */
#ifndef _TCPWATCH_STREAM_H
#define _TCPWATCH_STREAM_H

#define TCPWATCH_STREAM	"tcpwatch_events"

/**
 * tcpwatch_stream_init() - make the file
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_stream_init(void);

/**
 * tcpwatch_stream_exit() - send the readers home and remove the file
 *
 * A reader asleep gets end-of-file, one that comes back later -EIO.
 *
 * Context: process, sleeps until no reader is inside.
 */
void tcpwatch_stream_exit(void);

#endif /* _TCPWATCH_STREAM_H */
