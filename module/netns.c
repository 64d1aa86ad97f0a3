// SPDX-License-Identifier: GPL-2.0
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

#include "ledger.h"
#include "netns.h"

struct net *tcpwatch_netns_get(u64 cookie)
{
	struct net *net, *found = NULL;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (net->net_cookie == cookie) {
			found = maybe_get_net(net);
			break;
		}
	}
	up_read(&net_rwsem);
	return found;
}

struct net *tcpwatch_netns_get_inum(u32 inum)
{
	struct net *net, *found = NULL;

	down_read(&net_rwsem);
	for_each_net(net) {
		if (net->ns.inum == inum) {
			found = maybe_get_net(net);
			break;
		}
	}
	up_read(&net_rwsem);
	return found;
}

static void __net_exit tcpwatch_netns_leave(struct net *net)
{
	tcpwatch_ledger_forget(net);
}

static struct pernet_operations netns_ops = { .exit = tcpwatch_netns_leave };

int tcpwatch_netns_init(void)
{
	return register_pernet_subsys(&netns_ops);
}

void tcpwatch_netns_exit(void)
{
	unregister_pernet_subsys(&netns_ops);
}
