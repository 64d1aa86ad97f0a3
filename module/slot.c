// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/sched.h>

#include "slot.h"

#define BITS	9
#define PROBES	16

static struct tcpwatch_slot slots[1 << BITS];

static struct tcpwatch_slot *slot_at(const struct sock *sk, unsigned int probe)
{
	return &slots[(hash_ptr(sk, BITS) + probe) & ((1 << BITS) - 1)];
}

struct tcpwatch_slot *tcpwatch_slot_claim(const struct sock *sk, void *what)
{
	struct tcpwatch_slot *slot;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		slot = slot_at(sk, i);
		if (READ_ONCE(slot->sk) || cmpxchg(&slot->sk, NULL, sk))
			continue;
		slot->what = what;
		/* whoever finds itself here finds what it has written before */
		WRITE_ONCE(slot->task, current);
		return slot;
	}
	return NULL;
}

/* Releases leave holes: a free slot does not end the search. */
void *tcpwatch_slot_find(const struct sock *sk)
{
	struct tcpwatch_slot *slot;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		slot = slot_at(sk, i);
		if (READ_ONCE(slot->sk) == sk && READ_ONCE(slot->task) == current)
			return slot->what;
	}
	return NULL;
}

void tcpwatch_slot_release(struct tcpwatch_slot *slot)
{
	if (!slot)
		return;
	WRITE_ONCE(slot->task, NULL);
	/* pairs with the cmpxchg() of the next to claim it */
	smp_store_release(&slot->sk, NULL);
}
