/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Joins two probes on the way of one call: what the outer one lays down for a
 * socket the inner one finds, in the same task. Fixed memory, no lock.
 */
#ifndef _TCPWATCH_SLOT_H
#define _TCPWATCH_SLOT_H

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/sched.h>

struct sock;

/**
 * struct tcpwatch_slot - a place for one call under way
 * @sk: the socket, claimed by cmpxchg; NULL: free
 * @task: the claimer, since another may be about to make the same call
 * @what: the claimer's, who alone reads it
 */
struct tcpwatch_slot {
	const struct sock *sk;
	const struct task_struct *task;
	void *what;
};

#define TCPWATCH_SLOT_BITS	9

/**
 * struct tcpwatch_slots - the places of one kind of call
 * @slot: by hash of the socket
 */
struct tcpwatch_slots {
	struct tcpwatch_slot slot[1 << TCPWATCH_SLOT_BITS];
};

/**
 * tcpwatch_slot_home() - the place that is tried first
 * @sk: the socket
 *
 * Context: any.
 * Return: its index.
 */
static inline unsigned int tcpwatch_slot_home(const struct sock *sk)
{
	return hash_ptr(sk, TCPWATCH_SLOT_BITS);
}

/**
 * tcpwatch_slot_take() - claim this place, if it is free
 * @slot: the place
 * @sk: the socket
 * @what: what is laid down
 *
 * Context: any, probe handlers included.
 * Return: true if it was.
 */
static inline bool tcpwatch_slot_take(struct tcpwatch_slot *slot, const struct sock *sk,
				      void *what)
{
	if (READ_ONCE(slot->sk) || cmpxchg(&slot->sk, NULL, sk))
		return false;
	slot->what = what;
	/* whoever finds itself here finds what it has written before */
	WRITE_ONCE(slot->task, current);
	return true;
}

/**
 * tcpwatch_slot_claim_beside() - lay something down where the first place is taken
 * @slots: the places
 * @sk: the socket
 * @what: the thing
 *
 * Context: any, probe handlers included.
 * Return: as tcpwatch_slot_claim(), which calls it.
 */
struct tcpwatch_slot *tcpwatch_slot_claim_beside(struct tcpwatch_slots *slots,
						 const struct sock *sk, void *what);

/**
 * tcpwatch_slot_claim() - lay something down for a socket
 * @slots: the places
 * @sk: the socket
 * @what: the thing; lives until tcpwatch_slot_release()
 *
 * Context: any, probe handlers included.
 * Return: the slot, or NULL when too many calls are under way.
 */
static inline struct tcpwatch_slot *tcpwatch_slot_claim(struct tcpwatch_slots *slots,
							const struct sock *sk, void *what)
{
	struct tcpwatch_slot *slot = &slots->slot[tcpwatch_slot_home(sk)];

	return tcpwatch_slot_take(slot, sk, what) ? slot :
	       tcpwatch_slot_claim_beside(slots, sk, what);
}

/**
 * tcpwatch_slot_find() - what was laid down for a socket
 * @slots: the places
 * @sk: the socket
 *
 * Context: any, in the task that claimed.
 * Return: the thing, or NULL.
 */
void *tcpwatch_slot_find(struct tcpwatch_slots *slots, const struct sock *sk);

/**
 * tcpwatch_slot_release() - give a slot back
 * @slot: a claimed slot, or NULL
 *
 * Context: any, in the task that claimed.
 */
static inline void tcpwatch_slot_release(struct tcpwatch_slot *slot)
{
	if (!slot)
		return;
	WRITE_ONCE(slot->task, NULL);
	/* pairs with the cmpxchg() of the next to claim it */
	smp_store_release(&slot->sk, NULL);
}

#endif /* _TCPWATCH_SLOT_H */
