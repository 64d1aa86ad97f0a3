/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel log: the first refusal of a kind at once, the rest as a count.
 * One kind is one (netns, port, rule, holder).
 */
#ifndef _TCPWATCH_ALERT_H
#define _TCPWATCH_ALERT_H

#include "event.h"

/* Lines a second, at most. */
#define TCPWATCH_ALERT_RATE_MAX	1000

/**
 * tcpwatch_alert_init() - check the parameters and start the summaries
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -ENOMEM.
 */
int tcpwatch_alert_init(void);

/**
 * tcpwatch_alert_exit() - write the last summary and stop
 *
 * Context: process, sleeps.
 */
void tcpwatch_alert_exit(void);

/**
 * tcpwatch_alert_event() - tell the kernel log of an event, or count it
 * @event: a completed event
 *
 * Context: process, may sleep.
 */
void tcpwatch_alert_event(const struct tcpwatch_event *event);

/**
 * tcpwatch_alert_set() - switch the alerts on or off
 * @on: which
 *
 * Context: any.
 */
void tcpwatch_alert_set(bool on);

/**
 * tcpwatch_alert_set_rate() - set the limit of lines a second
 * @rate: 1 to TCPWATCH_ALERT_RATE_MAX
 *
 * Context: any.
 * Return: 0, or -EINVAL and nothing is changed.
 */
int tcpwatch_alert_set_rate(unsigned int rate);

/**
 * tcpwatch_alert_is_on() - are alerts written?
 *
 * Context: any.
 */
bool tcpwatch_alert_is_on(void);

/**
 * tcpwatch_alert_rate() - the limit in force
 *
 * Context: any.
 * Return: lines a second.
 */
unsigned int tcpwatch_alert_rate(void);

#endif /* _TCPWATCH_ALERT_H */
