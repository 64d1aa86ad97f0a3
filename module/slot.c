// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/sched.h>

#include "slot.h"

#define PROBES	16

static struct tcpwatch_slot *slot_at(struct tcpwatch_slots *slots, const struct sock *sk,
				     unsigned int probe)
{
	unsigned int at = tcpwatch_slot_home(sk) + probe;

	return &slots->slot[at & (ARRAY_SIZE(slots->slot) - 1)];
}

struct tcpwatch_slot *tcpwatch_slot_claim_beside(struct tcpwatch_slots *slots,
						 const struct sock *sk, void *what)
{
	unsigned int i;

	for (i = 1; i < PROBES; i++) {
		if (tcpwatch_slot_take(slot_at(slots, sk, i), sk, what))
			return slot_at(slots, sk, i);
	}
	return NULL;
}

/* Releases leave holes: a free slot does not end the search. */
void *tcpwatch_slot_find(struct tcpwatch_slots *slots, const struct sock *sk)
{
	struct tcpwatch_slot *slot;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		slot = slot_at(slots, sk, i);
		if (READ_ONCE(slot->sk) == sk && READ_ONCE(slot->task) == current)
			return slot->what;
	}
	return NULL;
}
