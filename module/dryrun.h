/* SPDX-License-Identifier: GPL-2.0 */
/* What would happen if: the kernel's decision, without the call. */
#ifndef _TCPWATCH_DRYRUN_H
#define _TCPWATCH_DRYRUN_H

#include "event.h"

struct tcpwatch_request;

/**
 * tcpwatch_dryrun() - would this call succeed now?
 * @facts: filled in as for an event; error is 0 when it would
 * @request: the call
 *
 * Mirrors __inet_bind(), inet_csk_get_port() and __inet_hash_connect(). Takes
 * nothing and changes nothing.
 *
 * Context: process; sleeps between ports, takes one bhash lock at a time.
 */
void tcpwatch_dryrun(struct tcpwatch_facts *facts, const struct tcpwatch_request *request);

#endif /* _TCPWATCH_DRYRUN_H */
