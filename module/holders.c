// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <net/sock.h>

#include "holders.h"
#include "owner.h"

/* The place of an inode, or where it would be. There is always a free one. */
static struct tcpwatch_owner *place_of(const struct tcpwatch_holders *holders, u64 ino)
{
	unsigned int mask = BIT(holders->bits) - 1, i = hash_64(ino, holders->bits);

	while (holders->places[i].ino && holders->places[i].ino != ino)
		i = (i + 1) & mask;
	return &holders->places[i];
}

int tcpwatch_holders_init(struct tcpwatch_holders *holders, unsigned int count)
{
	/* half of the places stay free */
	holders->bits = order_base_2(count + 1) + 1;
	holders->places = kvcalloc(BIT(holders->bits), sizeof(*holders->places),
				   GFP_KERNEL_ACCOUNT);
	return holders->places ? 0 : -ENOMEM;
}

void tcpwatch_holders_free(struct tcpwatch_holders *holders)
{
	kvfree(holders->places);
	holders->places = NULL;
}

void tcpwatch_holders_add(struct tcpwatch_holders *holders, u64 ino)
{
	place_of(holders, ino)->ino = ino;
}

static void look(struct task_struct *task, struct socket *sock, void *arg)
{
	struct tcpwatch_owner *owner = place_of(arg, SOCK_INODE(sock)->i_ino);

	if (owner->ino)
		tcpwatch_owner_note(owner, task);
}

void tcpwatch_holders_scan(struct tcpwatch_holders *holders)
{
	tcpwatch_owner_each(look, holders);
}

const struct tcpwatch_owner *tcpwatch_holders_find(const struct tcpwatch_holders *holders,
						   u64 ino)
{
	const struct tcpwatch_owner *owner = place_of(holders, ino);

	return owner->count ? owner : NULL;
}
