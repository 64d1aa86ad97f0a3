/* SPDX-License-Identifier: GPL-2.0 */
/* What the dry run takes, told a second time: see fuzz_oracle.h. */
#ifndef _SELFTESTS_FUZZ_REQUEST_H
#define _SELFTESTS_FUZZ_REQUEST_H

#include "fuzz_oracle.h"

#define ADDR_MAX	64

/* A request that makes sense. */
struct wish {
	bool connect, listen, reuse, reuseport, v6only, on_lo, range, elsewhere;
	int family, port;
	char addr[ADDR_MAX];
	long long uid, fd;	/* -1: not told */
};

/* The kernel reads 010 as ten and 00001 as one, inet_pton() not at all. */
static inline void drop_zeros(char *to, const char *from)
{
	bool begin = true;

	for (; *from; from++) {
		if (begin && *from == '0' && isxdigit((unsigned char)from[1]))
			continue;
		begin = *from == '.' || *from == ':';
		*to++ = *from;
	}
	*to = '\0';
}

/* ADDR:PORT; without a port it is -1 */
static inline bool read_end(char *text, int *family, char *addr, int *port)
{
	char *end, *colon, plain[WRITE_MAX + 1];
	struct in6_addr in6;
	unsigned long long value;

	*family = *text == '[' ? AF_INET6 : AF_INET;
	if (*family == AF_INET6) {
		end = strchr(text++, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*end = '\0';
		colon = end[1] ? end + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		if (colon)
			*colon = '\0';
	}
	drop_zeros(plain, text);
	if (strlen(plain) >= ADDR_MAX || inet_pton(*family, plain, &in6) != 1)
		return false;
	*port = -1;
	if (colon && !read_number(colon + 1, colon + 1 + strlen(colon + 1), 65535, &value))
		return false;
	if (colon)
		*port = value;
	/* at last, since @addr may be where @text is */
	inet_ntop(*family, &in6, addr, ADDR_MAX);
	return true;
}

static inline bool is_zero(const char *addr)
{
	struct in6_addr in6;

	if (!strchr(addr, ':'))
		return !inet_addr(addr);
	inet_pton(AF_INET6, addr, &in6);
	return IN6_IS_ADDR_UNSPECIFIED(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && !in6.s6_addr32[3]);
}

static inline bool is_mapped(const char *addr)
{
	struct in6_addr in6;

	return inet_pton(AF_INET6, addr, &in6) == 1 && IN6_IS_ADDR_V4MAPPED(&in6);
}

/* The words of a request by what they are for. */
struct words {
	char *from, *to, *range, *netns, *uid, *fd, *dev;
};

/* An option; false: not one, or there twice. */
static inline bool read_option(char *word, struct wish *wish, struct words *of)
{
	struct { const char *name; bool *to; } flags[] = {
		{ "reuseaddr", &wish->reuse }, { "reuseport", &wish->reuseport },
		{ "v6only", &wish->v6only }, { "listen", &wish->listen },
	};
	struct { const char *name; char **to; } values[] = {
		{ "range=", &of->range }, { "netns=", &of->netns }, { "uid=", &of->uid },
		{ "fd=", &of->fd }, { "dev=", &of->dev },
	};
	size_t i;

	for (i = 0; i < 4; i++) {
		if (!strcmp(word, flags[i].name)) {
			*flags[i].to = true;
			return true;
		}
	}
	for (i = 0; i < 5; i++) {
		if (strncmp(word, values[i].name, strlen(values[i].name)) || *values[i].to)
			continue;
		*values[i].to = word + strlen(values[i].name);
		return true;
	}
	return false;
}

static inline bool read_words(char **words, int count, struct wish *wish, struct words *of)
{
	char **end;
	int i = 0;

	if (count && !strcmp(words[0], "tcp"))
		i++;
	wish->connect = i < count && !strcmp(words[i], "connect");
	if (wish->connect)
		i++;
	else if (i && i < count)
		of->from = words[i++];
	else
		return false;
	for (; i < count; i++) {
		end = NULL;
		if (wish->connect && !strcmp(words[i], "from") && !of->from)
			end = &of->from;
		else if (wish->connect && !strcmp(words[i], "to") && !of->to)
			end = &of->to;
		if (end && ++i == count)
			return false;
		if (end)
			*end = words[i];
		else if (!read_option(words[i], wish, of))
			return false;
	}
	return of->from && (!wish->connect || (of->to && !wish->listen));
}

/*
 * Of an open file: may it ask for other namespaces, since it was opened in the initial one,
 * of which it asks otherwise; which are there, and what is there?
 */
struct asker {
	bool all;
	unsigned int own, initial, initial_fd;
};

static inline bool read_socket(int fd, int *family, bool *v6only)
{
	int protocol = 0, one = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || protocol != IPPROTO_TCP ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, family, &len) ||
	    (*family != AF_INET && *family != AF_INET6))
		return false;
	if (*family == AF_INET6 && !getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, &len) && one)
		*v6only = true;
	return true;
}

/* The values; *@family: of the socket, if one is named */
static inline int read_values(const struct words *of, const struct asker *asker, struct wish *wish,
			      int *family)
{
	unsigned long long lo, hi, value = 0;
	const char *dash;
	bool is_there;

	/* whoever may not ask for a namespace is told so first */
	if (of->netns && !read_number(of->netns, of->netns + strlen(of->netns), UINT_MAX, &value))
		return -EINVAL;
	if (of->netns && !asker->all)
		return -EPERM;
	if (of->netns && value != asker->own && value != asker->initial)
		return -EINVAL;
	wish->elsewhere = of->netns ? value == asker->initial : asker->all;
	if (of->fd) {
		if (!read_number(of->fd, of->fd + strlen(of->fd), INT_MAX, &value))
			return -EINVAL;
		is_there = value == asker->initial_fd;
		if (wish->elsewhere != is_there ||
		    !read_socket(value, family, &wish->v6only))
			return -EINVAL;
		wish->fd = value;
	}
	if (of->dev && strcmp(of->dev, "lo"))
		return -EINVAL;
	wish->on_lo = of->dev;
	if (of->uid && !read_number(of->uid, of->uid + strlen(of->uid), UINT_MAX - 1, &value))
		return -EINVAL;
	wish->uid = of->uid ? (long long)value : -1;
	if (!of->range)
		return 0;
	dash = strchr(of->range, '-');
	if (!dash || !read_number(of->range, dash, 65535, &lo) || !lo ||
	    !read_number(dash + 1, dash + strlen(dash), 65535, &hi) || hi < lo)
		return -EINVAL;
	wish->range = true;
	return 0;
}

/* The addresses of both ends. */
static inline int read_ends(const struct words *of, struct wish *wish, bool asked_v6only)
{
	int family, port;
	struct in6_addr in6;
	char peer[ADDR_MAX];

	if (!read_end(of->from, &wish->family, wish->addr, &wish->port) ||
	    (wish->port < 0 && !wish->connect) || (wish->family == AF_INET && asked_v6only))
		return -EINVAL;
	if (wish->family == AF_INET6) {
		inet_pton(AF_INET6, wish->addr, &in6);
		if (IN6_IS_ADDR_MULTICAST(&in6) || (IN6_IS_ADDR_LINKLOCAL(&in6) && !of->dev) ||
		    (IN6_IS_ADDR_V4MAPPED(&in6) && wish->v6only))
			return -EINVAL;
	}
	if (!wish->connect)
		return 0;
	if (wish->port < 0)
		wish->port = 0;
	if (!read_end(of->to, &family, peer, &port) || port < 1 || family != wish->family ||
	    is_zero(wish->addr) || is_mapped(wish->addr) != is_mapped(peer))
		return -EINVAL;
	/* to 0.0.0.0 is to this host */
	return family == AF_INET6 && !is_mapped(peer) && is_zero(peer) ? -EINVAL : 0;
}

static inline int judge_why(const char *text, size_t len, const struct asker *asker,
			    struct wish *wish)
{
	char copy[WRITE_MAX + 1], *words[WRITE_MAX];
	struct words of = {};
	int family = 0, err;
	bool asked_v6only;

	memset(wish, 0, sizeof(*wish));
	wish->uid = -1;
	wish->fd = -1;
	if (len > WRITE_MAX || memchr(text, '\0', len) ||
	    !read_words(words, split_words(text, len, copy, words, WRITE_MAX), wish, &of))
		return -EINVAL;
	asked_v6only = wish->v6only;
	err = read_values(&of, asker, wish, &family);
	if (!err)
		err = read_ends(&of, wish, asked_v6only);
	return err ?: family && family != wish->family ? -EINVAL : 0;
}

#endif /* _SELFTESTS_FUZZ_REQUEST_H */
