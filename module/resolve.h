/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The worker: adds to an event what a handler may not look up, then publishes
 * it and hands it to the alert.
 */
#ifndef _TCPWATCH_RESOLVE_H
#define _TCPWATCH_RESOLVE_H

#include <linux/types.h>

struct tcpwatch_event;
struct tcpwatch_owners;

/**
 * tcpwatch_resolve_init() - start the worker
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_resolve_init(void);

/**
 * tcpwatch_resolve_exit() - publish what is left and stop
 *
 * Context: process, sleeps; nobody may push events any more.
 */
void tcpwatch_resolve_exit(void);

/**
 * tcpwatch_resolve_kick() - there is an event to complete
 * @hurry: do not wait for a scan of the processes to be permitted
 *
 * Context: any, probe handlers included.
 */
void tcpwatch_resolve_kick(bool hurry);

/**
 * tcpwatch_resolve_now() - complete one event, whatever it costs
 * @event: with its facts; what is found is filled in
 * @owners: memory for the scan
 *
 * Context: process, sleeps; not for the worker's events.
 */
void tcpwatch_resolve_now(struct tcpwatch_event *event, struct tcpwatch_owners *owners);

#endif /* _TCPWATCH_RESOLVE_H */
