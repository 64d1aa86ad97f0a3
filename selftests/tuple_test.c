// SPDX-License-Identifier: GPL-2.0
/*
 * connect() from a port on which something is: the same four-tuple, or another
 * connection, in any state; from a port that was bound, and from a range that
 * has that port alone. The dry run, the call and the event say the same.
 */
#include "differential.h"
#include <time.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT	24
#endif

/* An address, one that it can also connect to, and the wildcard. */
static const struct family {
	const char *at, *other, *any;
} families[] = {
	{ "127.0.0.1", "127.0.0.2", "0.0.0.0" },
	/* neither end of it is loopback: see tcp_tw_reuse=2 */
	{ "192.0.2.1", "127.0.0.1", "0.0.0.0" },
	{ "::1", "fd00::2", "::" },
	{ "fd00::2", "::1", "::" },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.2", "::ffff:0.0.0.0" },
};

#define FAMILIES	((int)ARRAY_SIZE(families))
#define MAPPED		(FAMILIES - 1)

/* What is on the port. */
enum occupant { NOBODY, RESERVED, BOUND_ONE, SYN_RECEIVED, CONNECTION };

static const struct place {
	enum occupant occupant;
	enum role role;
	enum state state;
	const char *text;
} places[] = {
	{ .occupant = NOBODY, .text = "nobody" },
	{ .occupant = RESERVED, .text = "reserved" },
	{ .occupant = BOUND_ONE, .state = BOUND, .text = "bound" },
	{ .occupant = SYN_RECEIVED, .state = LISTENING, .text = "SYN-RECEIVED" },
	{ CONNECTION, CLIENT, ESTABLISHED, "bound client" },
	{ CONNECTION, CLIENT, SHUT, "bound client, shut down" },
	{ CONNECTION, CLIENT, ORPHAN, "bound client, closed, still a socket" },
	{ CONNECTION, CLIENT, LEFT, "bound client, closed, kept as TIME-WAIT" },
	{ CONNECTION, CLIENT, CLOSE_WAIT, "bound client, shut down by the peer" },
	{ CONNECTION, CLIENT, TIME_WAIT, "bound client, TIME-WAIT" },
	{ CONNECTION, CHOSEN, ESTABLISHED, "client" },
	{ CONNECTION, CHOSEN, LEFT, "client, closed, kept as TIME-WAIT" },
	{ CONNECTION, CHOSEN, TIME_WAIT, "client, TIME-WAIT" },
};

#define PLACES		((int)ARRAY_SIZE(places))

/*
 * Where the asker comes from: bound to the address or the wildcard with the
 * port, or with no port but a range of that one, and an address or none.
 */
enum from { AT, ANY, AUTO, AUTO_AT, FROMS };

static const char *const from_names[] = { "bound", "bound to any address", "not bound",
					  "bound without a port" };

/* Where it goes: where the connection does, or not. */
enum to { SAME, OTHER_PORT, OTHER_ADDRESS, TOS };

static const char *const to_names[] = { "same", "other port", "other address" };

/**
 * struct trial - one case
 * @place: what is on the port
 * @held: who is
 * @want: who asks
 * @from: from where
 * @to: whereto
 * @any: the wildcard of the asker's family
 * @target: the address it connects to
 * @timestamps: tcp_timestamps
 * @reuse: tcp_tw_reuse
 * @old: TIME-WAIT is older than it has to be
 */
struct trial {
	const struct place *place;
	struct holder held;
	struct side want;
	enum from from;
	enum to to;
	const char *any;
	const char *target;
	bool timestamps;
	int reuse;
	bool old;
};

#define GROUP_CASES	(2L * 3 * 2 * 2 * 2 * 2 * FROMS * TOS)

static int digit(long *number, int radix)
{
	int digit = *number % radix;

	*number /= radix;
	return digit;
}

/* The case of a number; why there is none, or NULL. */
static const char *decode(long number, struct trial *trial)
{
	static const int devs[] = { 0, ON_LO };
	const struct family *family, *held;
	bool is_left, automatic, crossed;

	memset(trial, 0, sizeof(*trial));
	trial->to = digit(&number, TOS);
	trial->from = digit(&number, FROMS);
	trial->want.flags = REUSEADDR | devs[digit(&number, 2)];
	crossed = digit(&number, 2);
	trial->held.side.flags = REUSEADDR | devs[digit(&number, 2)];
	trial->timestamps = !digit(&number, 2);
	trial->reuse = digit(&number, 3);
	trial->old = digit(&number, 2);
	trial->place = &places[digit(&number, PLACES)];
	held = &families[number];
	family = !crossed ? held : &families[number == MAPPED ? 0 : MAPPED];
	trial->held.role = trial->place->role;
	trial->held.state = trial->place->state;
	trial->held.side.address = held->at;
	trial->held.over = held->at;
	trial->want.address = family->at;
	trial->any = family->any;
	trial->target = trial->to == OTHER_ADDRESS ? family->other : family->at;
	if (trial->place->occupant == SYN_RECEIVED) {
		trial->held.side.flags |= REUSEPORT;
		trial->want.flags |= REUSEPORT;
	}

	automatic = trial->from >= AUTO;
	is_left = trial->held.state == LEFT || trial->held.state == TIME_WAIT;
	if (crossed && number != MAPPED && number != 0)
		return "no such address in the other family";
	if (!is_left && (!trial->timestamps || trial->old))
		return "timestamps and age are asked of TIME-WAIT alone";
	if ((!is_left || !automatic) && trial->reuse != 2)
		return "tcp_tw_reuse is for chosen ports in TIME-WAIT";
	if (trial->old && (!automatic || trial->to != SAME || !trial->timestamps || crossed ||
			   (trial->want.flags & ON_LO)))
		return "age is asked where the four-tuple may be taken over, and once";
	if (!automatic && trial->place->occupant == BOUND_ONE)
		return "two that are bound are for bind() to judge";
	if (trial->place->occupant <= RESERVED && (trial->held.side.flags & ON_LO))
		return "nobody has no device";
	return NULL;
}

static const char *why_not(long number)
{
	struct trial trial;

	return decode(number, &trial);
}

static void name_group(int group, char *to, size_t size)
{
	snprintf(to, size, "%s, %s", families[group / PLACES].at, places[group % PLACES].text);
}

static const char *dev_name(const struct side *side)
{
	return side->flags & ON_LO ? " dev=lo" : "";
}

static void describe(long number, char *to, size_t size)
{
	struct trial trial;

	decode(number, &trial);
	snprintf(to, size, "%s%s: %s%s, timestamps %d, tw_reuse %d; connect of %s%s, %s, to %s, %s",
		 trial.held.side.address, dev_name(&trial.held.side), trial.place->text,
		 trial.old ? " for long" : "", trial.timestamps, trial.reuse, trial.want.address,
		 dev_name(&trial.want), from_names[trial.from], trial.target, to_names[trial.to]);
}

/* The clock that tells a TIME-WAIT's age has whole seconds on older kernels. */
static void begin_second(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_nsec > 500000000)
		poll(NULL, 0, 1001 - now.tv_nsec / 1000000);
}

/* A connection that a listener does not take before it brings data. */
static void half_open(struct holder *holder)
{
	int seconds = 60;

	setsockopt(holder->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
	if (listen(holder->fd, 8))
		ksft_exit_fail_perror("listen");
	holder->peer = make_peer(holder);
}

static void set_up(struct trial *trial)
{
	struct holder *held = &trial->held;
	char text[16];
	int err = 0;

	held->port = new_port();
	held->fd = -1;
	held->child = -1;
	held->peer = -1;
	put_sysctl("tcp_timestamps", trial->timestamps ? "1" : "0");
	snprintf(text, sizeof(text), "%d", trial->reuse);
	put_sysctl("tcp_tw_reuse", text);
	snprintf(text, sizeof(text), "%d", held->port);
	put_sysctl("ip_local_reserved_ports", trial->place->occupant == RESERVED ? text : "");
	if (trial->place->occupant <= RESERVED)
		return;
	if (held->state == LEFT || held->state == TIME_WAIT)
		begin_second();
	err = holder_begin(held);
	if (!err && trial->place->occupant == SYN_RECEIVED)
		half_open(held);
	else if (!err)
		err = holder_advance(held, tested.server);
	if (err)
		ksft_exit_fail_msg("the holder cannot be made: %s\n", strerror(err));
	if (trial->old)
		poll(NULL, 0, 1200);
}

/* A socket as it is before it connects, or why it cannot be. */
static const char *make_asker(const struct trial *trial, int *fd)
{
	int port = trial->held.port;

	*fd = make_side(&trial->want);
	if (*fd < 0 || fcntl(*fd, F_SETFL, O_NONBLOCK))
		ksft_exit_fail_perror("the asker's socket");
	if (trial->from >= AUTO && set_range(*fd, port, port))
		ksft_exit_fail_perror("IP_LOCAL_PORT_RANGE");
	if (trial->from == AUTO_AT && set_on(*fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT))
		ksft_exit_fail_perror("IP_BIND_ADDRESS_NO_PORT");
	if (trial->from != AUTO &&
	    bind_to(*fd, trial->from == ANY ? trial->any : trial->want.address,
		    trial->from == AUTO_AT ? 0 : port))
		return "the asker could not be bound";
	return NULL;
}

static int target_port(const struct trial *trial)
{
	if (trial->to == OTHER_PORT)
		return OTHER_SERVER_PORT;
	return trial->place->occupant == SYN_RECEIVED ? local_port(trial->held.peer) : SERVER_PORT;
}

static void make_request(const struct trial *trial, int fd, bool words, char *to, size_t size)
{
	bool specific = trial->from == AT || trial->from == AUTO_AT;
	int port = trial->held.port;
	size_t len;

	len = snprintf(to, size, "tcp connect from %s",
		       endpoint(specific ? trial->want.address : source_for(trial->target),
				trial->from >= AUTO ? 0 : port));
	len += snprintf(to + len, size - len, " to %s",
			endpoint(trial->target, target_port(trial)));
	if (!words)
		snprintf(to + len, size - len, " fd=%d", fd);
	else
		len += snprintf(to + len, size - len, "%s reuseaddr%s", dev_name(&trial->want),
				trial->want.flags & REUSEPORT ? " reuseport" : "");
	if (words && trial->from >= AUTO)
		snprintf(to + len, size - len, " range=%d-%d", port, port);
}

static void run(long number)
{
	struct refusal now = { .number = number, .call = "connect" };
	struct trial trial;
	char request[256];
	const char *why;
	int fd;

	decode(number, &trial);
	set_up(&trial);
	why = make_asker(&trial, &fd);
	if (why) {
		drop(why);
	} else {
		/* a socket that is bound to any address cannot be told in words */
		make_request(&trial, fd, trial.from != ANY && number % 2, request, sizeof(request));
		now.port = trial.held.port;
		now.awaited = trial.from >= AUTO;
		/* the dry run is told of an address, the socket has only the wildcard */
		now.but = trial.from == ANY || trial.from == AUTO ? "v6only" : NULL;
		dry_run(&now, request);
		name_thread("#", number);
		if (connect_to(fd, trial.target, target_port(&trial)) && errno != EINPROGRESS)
			now.error = errno;
		name_thread("setup", 0);
		witness(&now);
	}
	reset(&fd);
	holder_end_all(&trial.held);
}

/* Which rule it must be, and who stands in the way. */
static void judge(const struct refusal *refusal, const char *line)
{
	const char *rule = value(line, "rule"), *expected = "tuple_active";
	struct trial trial;

	decode(refusal->number, &trial);
	if (trial.from >= AUTO)
		expected = "no_source_port";
	else if (trial.place->occupant == SYN_RECEIVED)
		expected = "tuple_synrecv";
	else if (trial.held.state == TIME_WAIT || trial.held.state == LEFT)
		expected = "tuple_time_wait";
	if (strcmp(rule, expected))
		disagree(refusal->number, refusal->dry, line, "the rule is %s", expected);
	if (trial.from >= AUTO)
		return;
	if (strcmp(value(line, "state"), trial.place->occupant == SYN_RECEIVED ?
		   "SYN-RECEIVED" : state_names[trial.held.state]))
		disagree(refusal->number, refusal->dry, line, "the holder is %s",
			 trial.place->text);
	if (trial.from == AT && trial.to != SAME)
		disagree(refusal->number, refusal->dry, line, "the four-tuple is another");
}

int main(int argc, char **argv)
{
	struct matrix matrix = {
		.groups = FAMILIES * PLACES,
		.group_cases = GROUP_CASES,
		.stride = 5,
		.why_not = why_not,
		.name_group = name_group,
		.run = run,
	};

	if (is_debug_kernel())
		matrix.stride = 7;
	diff.judge = judge;
	diff.describe = describe;
	return differential_main(argc, argv, &matrix, 500);
}
