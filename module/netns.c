// SPDX-License-Identifier: GPL-2.0
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

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
