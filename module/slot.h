/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Joins two probes on the way of one call: what the outer one lays down for a
 * socket the inner one finds, in the same task. Fixed memory, no lock.
 */
#ifndef _TCPWATCH_SLOT_H
#define _TCPWATCH_SLOT_H

struct sock;
struct task_struct;

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

/**
 * tcpwatch_slot_claim() - lay something down for a socket
 * @sk: the socket
 * @what: the thing; lives until tcpwatch_slot_release()
 *
 * Context: any, probe handlers included.
 * Return: the slot, or NULL when too many calls are under way.
 */
struct tcpwatch_slot *tcpwatch_slot_claim(const struct sock *sk, void *what);

/**
 * tcpwatch_slot_find() - what was laid down for a socket
 * @sk: the socket
 *
 * Context: any, in the task that claimed.
 * Return: the thing, or NULL.
 */
void *tcpwatch_slot_find(const struct sock *sk);

/**
 * tcpwatch_slot_release() - give a slot back
 * @slot: a claimed slot, or NULL
 *
 * Context: any, in the task that claimed.
 */
void tcpwatch_slot_release(struct tcpwatch_slot *slot);

#endif /* _TCPWATCH_SLOT_H */
