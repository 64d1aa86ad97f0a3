/* SPDX-License-Identifier: GPL-2.0 */
/* A question to the dry run, in words and taken apart. */
#ifndef _TCPWATCH_REQUEST_H
#define _TCPWATCH_REQUEST_H

#include "event.h"

struct file;
struct net;
struct sock;
struct socket;
struct tcpwatch_reader;

/* What one question may hold. */
#define TCPWATCH_REQUEST_LEN	256

/**
 * struct tcpwatch_request - a call that somebody thinks of making
 * @file: whose opener asks
 * @net: the network namespace, referenced
 * @want: the socket that would make it, with the local address and port, and of
 *	connect() the remote ones
 * @connect: it is a connect(), from a port that is bound before if it is not 0
 * @listen: listen() is called after bind()
 * @range_lo: first port of IP_LOCAL_PORT_RANGE, 0: the namespace's range
 * @range_hi: last port of it
 * @socket: the caller's socket that would make it, referenced, or NULL
 * @error: the errno of a request that cannot be answered, negative
 */
struct tcpwatch_request {
	const struct file *file;
	struct net *net;
	struct tcpwatch_sock want;
	bool connect;
	bool listen;
	u16 range_lo;
	u16 range_hi;
	struct socket *socket;
	int error;
};

/**
 * tcpwatch_request_parse() - take a question apart
 * @request: the result, to be given back by tcpwatch_request_put() in any case
 * @line: the words; changed
 * @reader: who asks; be it another that writes: a program with more privileges must not
 *	find out for it what it may not know
 * @net: the network namespace of @reader
 *
 * Context: process, the writer's; sleeps.
 * Return: NULL, or what is wrong with it, for the asker.
 */
const char *tcpwatch_request_parse(struct tcpwatch_request *request, char *line,
				   const struct tcpwatch_reader *reader, struct net *net);

/**
 * tcpwatch_request_put() - drop what a request refers to
 * @request: the request
 *
 * Context: process, sleeps.
 */
void tcpwatch_request_put(struct tcpwatch_request *request);

#endif /* _TCPWATCH_REQUEST_H */
