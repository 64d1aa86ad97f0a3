/* SPDX-License-Identifier: GPL-2.0 */
/* The way of an event into the ring, the same for all features. */
#ifndef _TCPWATCH_RECORD_H
#define _TCPWATCH_RECORD_H

#include "event.h"

struct net;
struct sock;

/**
 * tcpwatch_record_conflict() - record a refused call of the current task
 * @facts: call, rule, error, want and the verdict are set; the rest is added
 * @sk: the requester
 *
 * Context: a probe handler in the requester's process.
 */
void tcpwatch_record_conflict(struct tcpwatch_facts *facts, const struct sock *sk);

/**
 * tcpwatch_record_may() - may another event of a kind be recorded now?
 * @kind: any but a conflict, of which every one is
 * @net: its network namespace
 *
 * So many a second of the initial network namespace, and as many of all others together,
 * so that what is done in these does not silence the host; what is too much is counted:
 * tw_coalesced.
 *
 * Context: any.
 * Return: true if so; then the caller records it.
 */
bool tcpwatch_record_may(enum tcpwatch_kind kind, const struct net *net);

/**
 * tcpwatch_record_may_yet() - the same for an event that can wait
 * @kind: likewise
 * @net: likewise
 *
 * Nothing is counted: the caller asks again, or else does so by tcpwatch_record_lost().
 *
 * Context: any.
 * Return: true if so; then the caller records it.
 */
bool tcpwatch_record_may_yet(enum tcpwatch_kind kind, const struct net *net);

/**
 * tcpwatch_record_lost() - an event that has waited will not be recorded
 *
 * Context: any.
 */
void tcpwatch_record_lost(void);

/**
 * tcpwatch_record() - record an event that is no conflict
 * @facts: tcpwatch_verdict_init() has been over them; the kind is set, and what it takes
 * @net: the network namespace
 *
 * With a call, the current task made it.
 *
 * Context: any.
 */
void tcpwatch_record(struct tcpwatch_facts *facts, const struct net *net);

/**
 * tcpwatch_record_trace() - tell those who trace `tcpwatch:*`
 * @facts: the event
 *
 * Context: any. Costs a jump that is not taken when nobody does.
 */
void tcpwatch_record_trace(const struct tcpwatch_facts *facts);

#endif /* _TCPWATCH_RECORD_H */
