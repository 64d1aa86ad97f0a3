/* SPDX-License-Identifier: GPL-2.0 */
/* The way of a refused call into the ring, the same for all features. */
#ifndef _TCPWATCH_RECORD_H
#define _TCPWATCH_RECORD_H

#include "event.h"

struct net;
struct sock;

/**
 * tcpwatch_record_refusal() - record a refused call of the current task
 * @facts: call, rule, error, want and the verdict are set; the rest is added
 * @sk: the requester
 *
 * Context: a probe handler in the requester's process.
 */
void tcpwatch_record_refusal(struct tcpwatch_facts *facts, const struct sock *sk);

/**
 * tcpwatch_record_reuse() - record that a TIME-WAIT socket gave way
 * @facts: call, cause, thanks, sysctl_tw_reuse, want and the holder are set; the rest is added
 * @net: the network namespace
 *
 * Too many a second are only counted. With a call, the current task made it.
 *
 * Context: a probe handler; any.
 */
void tcpwatch_record_reuse(struct tcpwatch_facts *facts, const struct net *net);

#endif /* _TCPWATCH_RECORD_H */
