/* SPDX-License-Identifier: GPL-2.0 */
/* What the ports of a range are used for. */
#ifndef _TCPWATCH_RANGE_H
#define _TCPWATCH_RANGE_H

#include "event.h"

struct net;

/**
 * tcpwatch_range_survey() - look at every port of a range
 * @range: lo and hi are set, the rest is filled in
 * @net: the network namespace
 *
 * A walk, not a snapshot. When there are very many destinations, the counts of
 * those that are told are lower bounds.
 *
 * Context: process; sleeps between ports, takes one bhash lock at a time.
 */
void tcpwatch_range_survey(struct tcpwatch_range *range, struct net *net);

/**
 * tcpwatch_range_reserved() - ports that ip_local_reserved_ports keeps from being chosen
 * @net: the network namespace
 * @lo: first port of a range
 * @hi: last port of it
 *
 * Context: any.
 * Return: how many of the range.
 */
unsigned int tcpwatch_range_reserved(const struct net *net, unsigned int lo, unsigned int hi);

#endif /* _TCPWATCH_RANGE_H */
