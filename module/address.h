/* SPDX-License-Identifier: GPL-2.0 */
/* bind() to an address that is not there. */
#ifndef _TCPWATCH_ADDRESS_H
#define _TCPWATCH_ADDRESS_H

#include "event.h"

struct net;

/**
 * tcpwatch_address_rule() - why an address cannot be bound
 * @net: the network namespace
 * @addr: the address that was refused, an IPv4 one as v4-mapped
 *
 * Context: any; takes the RCU read lock.
 * Return: the rule.
 */
enum tcpwatch_rule tcpwatch_address_rule(struct net *net, const struct in6_addr *addr);

/**
 * tcpwatch_address_init() - start recording refusals
 *
 * Context: process, may sleep.
 * Return: 0, or an errno when a required probe cannot be planted.
 */
int tcpwatch_address_init(void);

/**
 * tcpwatch_address_exit() - stop; when it returns no event is pushed any more
 *
 * Context: process, sleeps.
 */
void tcpwatch_address_exit(void);

#endif /* _TCPWATCH_ADDRESS_H */
