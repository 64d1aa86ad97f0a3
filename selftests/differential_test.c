// SPDX-License-Identifier: GPL-2.0
/*
 * Every combination of a socket that holds a port and one that asks for it: the
 * dry run, the call and the event say the same, and what is advised helps.
 */
#include "differential.h"
#include "matrix.h"

static void make_request(long number, const struct trial *trial, int fd, char *to, size_t size)
{
	const struct side *want = &trial->want;
	bool automatic = trial->kind == AUTO || trial->kind == AUTO_LISTEN;
	int port = trial->held.port;
	size_t len;

	len = snprintf(to, size, "tcp %s%s", endpoint(want->address, automatic ? 0 : port),
		       trial->kind == BIND || trial->kind == AUTO ? "" : " listen");
	/* by a socket that has the options, or by words */
	if (trial->kind >= LATER || (want->flags & GROUPED) || number % 2)
		snprintf(to + len, size - len, " fd=%d", fd);
	else
		snprintf(to + len, size - len, "%s", side_words(want));
}

/* Before the dry run: what the asker has done already. 0, or what it was told. */
static int prepare(const struct trial *trial, int fd)
{
	int port = trial->held.port;

	if (trial->kind == LATER)
		return bind_to(fd, trial->want.address, port) ? errno : 0;
	if (trial->kind == AUTO || trial->kind == AUTO_LISTEN)
		return set_range(fd, port, port) ? errno : 0;
	return 0;
}

/* The call itself: 0 or its errno, and which of the two it is that said so. */
static int call(const struct trial *trial, int fd, const char **name, bool *bound)
{
	const char *address = trial->want.address;
	int port = trial->kind == AUTO ? 0 : trial->held.port;

	*name = "bind";
	if (trial->kind == BIND || trial->kind == BIND_LISTEN || trial->kind == AUTO) {
		if (bind_to(fd, address, port))
			return errno;
		*bound = true;
		if (trial->kind != BIND_LISTEN)
			return 0;
	}
	*name = "listen";
	if (listen(fd, 1))
		return errno;
	*bound = true;
	return 0;
}

/* As far as the dry run, or why it does not get there. */
static const char *step(struct trial *trial, int *fd, bool *spent)
{
	*fd = make_side(&trial->want);
	if (*fd < 0)
		ksft_exit_fail_perror("the asker's socket");
	if (prepare(trial, *fd))
		return "the one that listens later could not be bound before";
	if (trial->kind != LATER)
		return NULL;
	*spent = true;
	if (holder_advance(&trial->held, tested.server))
		return "the holder could not go on beside the other";
	return NULL;
}

/* A holder of a new port, as far as it goes before the asker comes. */
static void begin(struct trial *trial)
{
	int err;

	trial->held.port = new_port();
	err = holder_begin(&trial->held);
	if (!err && trial->kind != LATER)
		err = holder_advance(&trial->held, tested.server);
	if (err)
		ksft_exit_fail_msg("the holder cannot be made: %s\n", strerror(err));
}

/* Does the holder of the last case do for this one too? */
static bool same_holder(const struct trial *a, const struct trial *b)
{
	return a->held.state == b->held.state && a->held.role == b->held.role &&
	       a->held.over == b->held.over && a->held.side.address == b->held.side.address &&
	       a->held.side.flags == b->held.side.flags &&
	       (a->kind == LATER) == (b->kind == LATER);
}

/* A holder serves until somebody got the port beside it. */
static void run(long number)
{
	static struct trial last;
	static bool have;
	struct trial trial;
	struct refusal now = { .number = number };
	bool spent = false;
	char request[256];
	const char *why;
	int fd;

	decode(number, &trial);
	if (have && same_holder(&last, &trial)) {
		trial.held = last.held;
	} else {
		if (have)
			holder_end_all(&last.held);
		begin(&trial);
	}
	why = step(&trial, &fd, &spent);
	if (why) {
		drop(why);
	} else {
		make_request(number, &trial, fd, request, sizeof(request));
		now.port = trial.held.port;
		now.awaited = trial.kind >= AUTO && number % 64 == 0;
		dry_run(&now, request);
		name_thread("#", number);
		now.error = call(&trial, fd, &now.call, &spent);
		snprintf(now.want, sizeof(now.want), "%s",
			 endpoint(trial.want.address, trial.kind == AUTO ||
				  trial.kind == AUTO_LISTEN ? 0 : trial.held.port));
		name_thread("setup", 0);
		witness(&now);
	}
	close(fd);
	last = trial;
	have = !spent;
	if (spent)
		holder_end_all(&trial.held);
}

/* What helps according to a rule, where no option of the asker does. */
static const struct remedy {
	const char *rule;
	int both;	/* options for both sides */
	int neither;	/* options for neither */
	bool end;	/* the holder comes to its end */
} remedies[] = {
	{ "listener", .end = true },
	{ "listen_lost", .end = true },
	{ "listen_lost", .both = REUSEPORT, .neither = OTHER_UID },
	{ "bound_only", .end = true },
	{ "bound_only", .both = REUSEADDR },
	{ "conn_active", .end = true },
	{ "ephemeral_client", .end = true },
	{ "time_wait", .both = REUSEADDR },
	{ "reuseport_missing", .both = REUSEPORT, .neither = OTHER_UID | GROUPED },
	{ "reuseport_uid", .neither = OTHER_UID },
	{ "reuseport_orphan", .end = true },
	{ "reuseport_group", .neither = OTHER_UID | GROUPED },
	{ "range_exhausted", .end = true },
};

/* Was its bind let pass? Then there cannot be another. */
static bool is_second(const struct trial *trial, const char *name)
{
	return trial->kind == BIND_LISTEN && !strcmp(name, "listen");
}

/* The same once more, with what was to help. */
static void again(const struct refusal *refusal, const char *line, struct trial *trial, bool end)
{
	bool spent = false;
	const char *name = "";
	int fd, err = 0, tries;

	begin(trial);
	if (!step(trial, &fd, &spent)) {
		if (end)
			holder_end_all(&trial->held);
		err = call(trial, fd, &name, &spent);
	}
	/* what was closed may take a moment to go, where the softirq is late */
	for (tries = 0; end && err == EADDRINUSE && tries < 50; tries++) {
		if (is_second(trial, name))
			break;
		usleep(10000);
		err = call(trial, fd, &name, &spent);
	}
	/* the address first: whether the port is free had not been asked */
	if ((trial->want.flags & FREEBIND) && err == EADDRINUSE)
		err = 0;
	close(fd);
	holder_end_all(&trial->held);
	tested.remedies++;
	if (err)
		disagree(refusal->number, refusal->dry, line, "what is advised does not help: %s",
			 errno_name(err));
}

/* Nobody can end what is left in the form of TIME-WAIT. */
static bool is_left(enum state state)
{
	return state == LEFT || state == TIME_WAIT;
}

static void try_remedies(const struct refusal *refusal, const char *line)
{
	const char *fix = value(line, "fix"), *rule = value(line, "rule");
	const struct remedy *remedy;
	struct trial trial;
	int option = fix_option(fix);

	if (option) {
		decode(refusal->number, &trial);
		trial.want.flags |= option;
		again(refusal, line, &trial, false);
		return;
	}
	for (remedy = remedies; remedy < remedies + ARRAY_SIZE(remedies); remedy++) {
		decode(refusal->number, &trial);
		if (strcmp(rule, remedy->rule) || (remedy->end && is_left(trial.held.state)))
			continue;
		trial.want.flags = (trial.want.flags | remedy->both) & ~remedy->neither;
		trial.held.side.flags = (trial.held.side.flags | remedy->both) & ~remedy->neither;
		again(refusal, line, &trial, remedy->end);
	}
}

/* The rule's name, by what the README says of it. */
static const char *expected_rule(const struct trial *trial, const char *state, int error)
{
	int held = trial->held.side.flags, want = trial->want.flags;
	bool one = (held ^ want) & REUSEPORT;

	if (error == EADDRNOTAVAIL)
		return "addr_not_local";
	if (trial->kind >= AUTO)
		return "range_exhausted";
	if (held & want & REUSEPORT)
		return want & GROUPED ? "reuseport_group" :
		       (held ^ want) & OTHER_UID ? "reuseport_uid" : "reuseport_orphan";
	if (is_left(trial->held.state))
		return "time_wait";
	if (!strcmp(state, "BOUND"))
		return one ? "reuseport_missing" : "bound_only";
	if (!strcmp(state, "LISTEN"))
		return one ? "reuseport_missing" :
		       trial->kind == LATER && (held & want & REUSEADDR) ? "listen_lost" :
		       "listener";
	return trial->held.role == CHOSEN ? "ephemeral_client" : "conn_active";
}

/* What the holder must be, by what it has done. */
static void check_holder(const struct refusal *refusal, const char *line, const struct trial *trial,
			 const char *state)
{
	const struct holder *held = &trial->held;
	bool connected = strcmp(state, "LISTEN") && strcmp(state, "BOUND");
	bool unaccepted = held->state == UNACCEPTED && connected;
	const char *address = connected ? held->over : held->side.address;
	int uid = is_left(held->state) ? -1 : held->side.flags & OTHER_UID ? 1000 : 0;
	const char *is = is_left(held->state) ? "time_wait" :
			 held->state == ORPHAN ? "orphan" : unaccepted ? "unaccepted" : "process";

	if (strcmp(state, state_names[held->state]) && !(connected && keeps_listener(held->state)))
		disagree(refusal->number, refusal->dry, line, "the holder is %s",
			 state_names[held->state]);
	if (strcmp(value(line, "holder"), endpoint(address, refusal->port)))
		disagree(refusal->number, refusal->dry, line, "the holder is at %s", address);
	if (number(line, "holders") != 1 && !keeps_listener(held->state))
		disagree(refusal->number, refusal->dry, line, "there is one holder");
	if (number(line, "holder_uid") != uid)
		disagree(refusal->number, refusal->dry, line, "the holder's user is %d", uid);
	if (strcmp(value(line, "holder_is"), is))
		disagree(refusal->number, refusal->dry, line, "the holder is of the kind %s", is);
	if (number(line, "holder_reuseaddr") != !!(held->side.flags & REUSEADDR) ||
	    number(line, "holder_reuseport") != !!(held->side.flags & REUSEPORT))
		disagree(refusal->number, refusal->dry, line, "the holder has other options");
}

static void judge(const struct refusal *refusal, const char *line)
{
	const char *state = value(line, "state"), *rule;
	struct trial trial;

	decode(refusal->number, &trial);
	rule = expected_rule(&trial, state, refusal->error);
	if (strcmp(value(line, "rule"), rule))
		disagree(refusal->number, refusal->dry, line, "the rule is %s", rule);
	if (trial.kind < AUTO && refusal->error == EADDRINUSE)
		check_holder(refusal, line, &trial, state);
	else if (number(line, "holders"))
		disagree(refusal->number, refusal->dry, line, "it is nobody's");
	try_remedies(refusal, line);
}

static const char *why_not(long number)
{
	struct trial trial;

	return decode(number, &trial);
}

static void name_group(int group, char *to, size_t size)
{
	snprintf(to, size, "%s, %s", family_names[group / PLACES], places[group % PLACES].text);
}

int main(int argc, char **argv)
{
	struct matrix matrix = {
		.groups = GROUPS,
		.group_cases = GROUP_CASES,
		.why_not = why_not,
		.name_group = name_group,
		.run = run,
	};

	matrix.stride = is_debug_kernel() ? 251 : 61;
	diff.judge = judge;
	diff.describe = describe;
	return differential_main(argc, argv, &matrix, 5000);
}
