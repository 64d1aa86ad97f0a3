// SPDX-License-Identifier: GPL-2.0
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/inet.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/transp_v6.h>

#include "compat.h"
#include "netns.h"
#include "number.h"
#include "reader.h"
#include "request.h"
#include "sock.h"

/* What words set before they can be applied in their order. */
struct words {
	char *from;
	char *to;
	char *dev;
	char *uid;
	char *netns;
	char *range;
	char *fd;
	bool reuse;
	bool reuseport;
	bool v6only;
};

static bool parse_port(const char *text, u16 *port)
{
	u32 value;

	if (!tcpwatch_number_parse(text, &value) || value > U16_MAX)
		return false;
	*port = value;
	return true;
}

/* [v6]:port, v4:port or, if a port is not needed, the address alone. */
static const char *parse_end(char *text, bool port_needed, u16 *family, struct in6_addr *addr,
			     u16 *port)
{
	const char *rest;
	char *end, *colon;
	__be32 v4;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end)
			return "an IPv6 address needs a closing bracket";
		*end++ = '\0';
		*family = AF_INET6;
		if (!in6_pton(text + 1, -1, addr->s6_addr, -1, &rest) || *rest)
			return "not an IPv6 address";
		colon = *end == ':' ? end : NULL;
		if (*end && !colon)
			return "after the bracket comes a colon and the port";
	} else {
		colon = strchr(text, ':');
		if (colon && strchr(colon + 1, ':'))
			return "an IPv6 address stands in brackets: [::1]:80";
		if (colon)
			*colon = '\0';
		*family = AF_INET;
		if (!in4_pton(text, -1, (u8 *)&v4, -1, &rest) || *rest)
			return "not an IPv4 address";
		ipv6_addr_set_v4mapped(v4, addr);
	}
	*port = 0;
	if (!colon)
		return port_needed ? "the port is missing" : NULL;
	return parse_port(colon + 1, port) ? NULL : "a port is a number from 0 to 65535";
}

static const char *take_value(const char *word, const char *name, char **value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) || word[len] != '=')
		return word;
	*value = (char *)word + len + 1;
	return NULL;
}

/* One word that is not an address; what is wrong with it, or NULL. */
static const char *take_word(struct tcpwatch_request *request, struct words *words,
			     const char *word)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "reuseaddr", &words->reuse },
		{ "reuseport", &words->reuseport },
		{ "v6only", &words->v6only },
		{ "listen", &request->listen },
	};
	const struct {
		const char *name;
		char **value;
	} values[] = {
		{ "dev", &words->dev }, { "uid", &words->uid }, { "netns", &words->netns },
		{ "range", &words->range }, { "fd", &words->fd },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!strcmp(word, flags[i].name)) {
			*flags[i].flag = true;
			return NULL;
		}
	}
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		if (*values[i].value)
			continue;
		if (!take_value(word, values[i].name, values[i].value))
			return NULL;
	}
	return "a word that is not known, or is there twice";
}

static const char *split(struct tcpwatch_request *request, struct words *words, char *line)
{
	const char *wrong;
	bool tcp = false;
	char *word, **next = NULL;

	while ((word = strsep(&line, " \t\n"))) {
		if (!*word)
			continue;
		if (next) {
			*next = word;
			next = NULL;
		} else if (!tcp && !request->connect && !strcmp(word, "tcp")) {
			tcp = true;
		} else if (!request->connect && !words->from && !strcmp(word, "connect")) {
			request->connect = true;
		} else if (request->connect && !words->from && !strcmp(word, "from")) {
			next = &words->from;
		} else if (request->connect && !words->to && !strcmp(word, "to")) {
			next = &words->to;
		} else if (!tcp && !request->connect) {
			return "a request begins with tcp or connect";
		} else if (!request->connect && !words->from) {
			words->from = word;
		} else {
			wrong = take_word(request, words, word);
			if (wrong)
				return wrong;
		}
	}
	if (next)
		return "the address is missing";
	if (!words->from)
		return request->connect ? "connect needs: from ADDRESS[:PORT] to ADDRESS:PORT"
					: "an address and port are missing, as in: tcp 0.0.0.0:80";
	if (request->connect && !words->to)
		return "connect needs a destination: to ADDRESS:PORT";
	if (request->connect && request->listen)
		return "connect and listen do not go together";
	return NULL;
}

static const char *find_netns(struct tcpwatch_request *request, const char *netns,
			      const struct tcpwatch_reader *reader, struct net *net)
{
	u32 inum;

	if (!netns) {
		request->net = get_net(net);
		return NULL;
	}
	if (!tcpwatch_number_parse(netns, &inum))
		return "netns= takes the inode number of a network namespace";
	request->error = -EPERM;
	if (!reader->all)
		return "netns= is for CAP_NET_ADMIN in the initial namespaces";
	request->error = -EINVAL;
	request->net = tcpwatch_netns_get_inum(inum);
	return request->net ? NULL : "there is no such network namespace";
}

/* Has who writes no more privileges than who has opened the file, and no others? */
static bool is_opener(const struct file *file)
{
	const struct cred *opener = file->f_cred, *writer = current_cred();

	return uid_eq(writer->euid, opener->euid) && writer->user_ns == opener->user_ns &&
	       cap_issubset(writer->cap_permitted, opener->cap_permitted);
}

static const char *find_socket(struct tcpwatch_request *request, const char *fd)
{
	struct sock *sk;
	u32 nr;
	int err;

	if (!fd)
		return NULL;
	if (!tcpwatch_number_parse(fd, &nr))
		return "fd= takes the number of a descriptor";
	request->error = -EPERM;
	if (!is_opener(request->file))
		return "fd= is for who has opened the file";
	request->error = -EINVAL;
	request->socket = sockfd_lookup(nr, &err);
	sk = request->socket ? request->socket->sk : NULL;
	if (!sk || !sk_is_inet(sk) || sk->sk_protocol != IPPROTO_TCP)
		return "fd= takes a descriptor of a TCP socket";
	if (!net_eq(sock_net(sk), request->net))
		return "the socket is of another network namespace";
	return NULL;
}

static const char *find_dev(struct tcpwatch_request *request, const char *name)
{
	struct net_device *dev;

	if (!name)
		return NULL;
	rcu_read_lock();
	dev = dev_get_by_name_rcu(request->net, name);
	if (dev)
		request->want.bind.dev = dev->ifindex;
	rcu_read_unlock();
	return dev ? NULL : "there is no such device";
}

static const char *find_uid(struct tcpwatch_request *request, const char *text,
			    const struct tcpwatch_reader *reader)
{
	kuid_t kuid;
	u32 uid;

	if (!text)
		return NULL;
	if (!tcpwatch_number_parse(text, &uid))
		return "uid= takes a number";
	kuid = make_kuid(reader->user_ns, uid);
	if (!uid_valid(kuid))
		return "there is no such uid in this user namespace";
	request->want.bind.uid = kuid;
	return NULL;
}

static const char *find_range(struct tcpwatch_request *request, char *text)
{
	char *dash = text ? strchr(text, '-') : NULL;

	if (!text)
		return NULL;
	if (!dash)
		return "range= takes LOW-HIGH";
	*dash = '\0';
	if (!parse_port(text, &request->range_lo) ||
	    !parse_port(dash + 1, &request->range_hi) || !request->range_lo ||
	    request->range_lo > request->range_hi)
		return "range= takes two ports, the lower one first";
	return NULL;
}

/* As __inet6_bind() leaves a socket. */
static const char *complete_v6(struct tcpwatch_bind *bind)
{
	int type = ipv6_addr_type(&bind->addr);

	if (type & IPV6_ADDR_MULTICAST)
		return "a multicast address cannot be bound by TCP";
	if (type == IPV6_ADDR_MAPPED) {
		if (bind->v6only)
			return "a v4-mapped address and v6only do not go together";
		bind->addr4 = bind->addr.s6_addr32[3];
	} else if (type != IPV6_ADDR_ANY) {
		if ((type & IPV6_ADDR_LINKLOCAL) && !bind->dev)
			return "a link-local address needs dev=";
		bind->v6only = true;
		bind->addr4 = LOOPBACK4_IPV6;
	}
	return NULL;
}

static const char *set_ends(struct tcpwatch_request *request, const struct words *words)
{
	struct tcpwatch_bind *bind = &request->want.bind;
	struct in6_addr addr;
	const char *wrong;
	u16 family;

	wrong = parse_end(words->from, !request->connect, &family, &addr, &request->want.port);
	if (wrong)
		return wrong;
	if (request->socket && family != bind->family)
		return "the socket is of another family";
	/* whose tables of addresses are not there then */
	if (family == AF_INET6 && !ipv6_mod_enabled())
		return "this kernel has no IPv6 (ipv6.disable=1)";
	bind->family = family;
	bind->addr = addr;
	bind->addr4 = family == AF_INET ? addr.s6_addr32[3] : 0;
	if (family == AF_INET && words->v6only)
		return "v6only is for IPv6";
	wrong = family == AF_INET6 ? complete_v6(bind) : NULL;
	if (wrong || !request->connect)
		return wrong;
	wrong = parse_end(words->to, true, &family, &request->want.peer, &request->want.peer_port);
	if (wrong)
		return wrong;
	if (!request->want.peer_port)
		return "the destination needs a port";
	if (ipv6_addr_any(&request->want.peer) || ipv6_addr_any(&bind->addr) ||
	    (ipv6_addr_v4mapped(&bind->addr) && !bind->addr4))
		return "connect needs specific addresses on both ends";
	if (family != bind->family ||
	    ipv6_addr_v4mapped(&bind->addr) != ipv6_addr_v4mapped(&request->want.peer))
		return "both ends of a connection are of one family";
	return NULL;
}

const char *tcpwatch_request_parse(struct tcpwatch_request *request, char *line,
				   const struct tcpwatch_reader *reader, struct net *net)
{
	struct tcpwatch_bind *bind = &request->want.bind;
	struct words words = {};
	const char *wrong;

	memset(request, 0, sizeof(*request));
	request->error = -EINVAL;
	request->file = reader->file;
	wrong = split(request, &words, line) ?:
		find_netns(request, words.netns, reader, net) ?:
		find_socket(request, words.fd);
	if (wrong)
		return wrong;
	bind->state = TCP_CLOSE;
	bind->uid = reader->file->f_cred->fsuid;
	if (request->socket) {
		rcu_read_lock();
		tcpwatch_sock_want(&request->want, request->socket->sk);
		rcu_read_unlock();
	}
	request->want.peer_port = 0;
	bind->reuse |= words.reuse;
	bind->reuseport |= words.reuseport;
	bind->v6only |= words.v6only;
	return find_dev(request, words.dev) ?:
	       find_uid(request, words.uid, reader) ?:
	       find_range(request, words.range) ?:
	       set_ends(request, &words);
}

void tcpwatch_request_put(struct tcpwatch_request *request)
{
	if (request->socket)
		sockfd_put(request->socket);
	if (request->net)
		put_net(request->net);
}
