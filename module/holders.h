/* SPDX-License-Identifier: GPL-2.0 */
/* Who has sockets open, looked for in one scan for as many of them as one likes. */
#ifndef _TCPWATCH_HOLDERS_H
#define _TCPWATCH_HOLDERS_H

#include <linux/types.h>

struct tcpwatch_owner;

/**
 * struct tcpwatch_holders - the sockets that are looked for
 * @places: a hash table by inode, 0: a free place
 * @bits: log2 of its size
 */
struct tcpwatch_holders {
	struct tcpwatch_owner *places;
	unsigned int bits;
};

/**
 * tcpwatch_holders_init() - allocate memory
 * @holders: what is to be given to tcpwatch_holders_free(), also when this fails
 * @count: how many sockets will be looked for, at most
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_holders_init(struct tcpwatch_holders *holders, unsigned int count);

/**
 * tcpwatch_holders_free() - free it
 * @holders: be they zeroed
 *
 * Context: process.
 */
void tcpwatch_holders_free(struct tcpwatch_holders *holders);

/**
 * tcpwatch_holders_add() - look for this socket too
 * @holders: the holders
 * @ino: its inode, other than 0
 *
 * Context: any.
 */
void tcpwatch_holders_add(struct tcpwatch_holders *holders, u64 ino);

/**
 * tcpwatch_holders_scan() - look through the descriptors of every process
 * @holders: what is looked for, filled in
 *
 * Context: process, sleeps.
 */
void tcpwatch_holders_scan(struct tcpwatch_holders *holders);

/**
 * tcpwatch_holders_find() - who has it open
 * @holders: after the scan
 * @ino: the inode of the socket
 *
 * Context: any.
 * Return: NULL when nobody was found.
 */
const struct tcpwatch_owner *tcpwatch_holders_find(const struct tcpwatch_holders *holders,
						   u64 ino);

#endif /* _TCPWATCH_HOLDERS_H */
