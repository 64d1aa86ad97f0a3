// SPDX-License-Identifier: GPL-2.0
/*
 * Several sockets on one port: they bind, listen, connect and close in a random
 * order, so that the port's bucket remembers what its owners no longer are. The
 * dry run, each call and its event say the same, and the option that is advised
 * helps at once.
 *
 * A walk is what its number makes it: each step does to a slot what can be done.
 */
#include "differential.h"
#include "sides.h"

#define SLOTS		5
#define STEPS		16
/* a step is a call and, if it was refused, what is advised */
#define CALLS		(2 * STEPS)
#define WALKS		4096L

/* What the options are mostly, by group. */
static const struct { int flag; const char *text; } groups[] = {
	{ 0, "any options" },
	{ REUSEADDR, "mostly SO_REUSEADDR" },
	{ REUSEPORT, "mostly SO_REUSEPORT" },
};

/* What is done to a slot that is empty, and to one that is not. */
enum deed { BIND, BIND_LISTEN, AUTO, CHOOSE, LISTEN, CONNECT, ACCEPT, CLOSE, TIME_OUT, DEEDS };

static const char *const deed_names[] = {
	"bind", "bind and listen", "bind to port 0", "connect, not bound", "listen", "connect",
	"accept into the next slot", "close", "close into TIME-WAIT",
};

struct step {
	int slot;
	enum deed empty, taken;
	int family;
	struct side side;
};

static struct slot {
	struct side side;
	int family;
	int fd;		/* -1: empty */
	int peer;	/* -1: not connected */
	bool listening;
} slots[SLOTS];

static int port;

/* The next number of a sequence that looks random. */
static int draw(unsigned long long *dice, int sides)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (*dice >> 33) % sides;
}

static void decode(long number, struct step *step)
{
	int mostly = groups[number / (WALKS * CALLS)].flag;
	unsigned long long dice = (number / 2) * 0x9e3779b97f4a7c15u;

	memset(step, 0, sizeof(*step));
	draw(&dice, 2);
	step->slot = draw(&dice, SLOTS);
	step->empty = draw(&dice, 2) ? BIND : draw(&dice, LISTEN);
	step->taken = LISTEN + draw(&dice, DEEDS - LISTEN);
	step->family = draw(&dice, 4);
	step->side.address = addresses[step->family][draw(&dice, 3)];
	step->side.flags = (draw(&dice, 2) ? REUSEADDR : 0) | (draw(&dice, 2) ? REUSEPORT : 0);
	if (mostly && draw(&dice, 8))
		step->side.flags |= mostly;
	if (step->family == V6_ONLY)
		step->side.flags |= V6ONLY;
	if (!draw(&dice, 6))
		step->side.flags |= OTHER_UID;
	if (!draw(&dice, 6))
		step->side.flags |= draw(&dice, 2) ? ON_LO : ON_OTHER;
	if ((step->side.flags & REUSEPORT) && !draw(&dice, 16))
		step->side.flags |= GROUPED;
}

static void describe(long number, char *to, size_t size)
{
	struct step step;
	char side[96];

	decode(number, &step);
	describe_side(&step.side, side, sizeof(side));
	snprintf(to, size, "step %ld%s, slot %d: %s %s; or, if there is a socket, %s",
		 number % CALLS / 2, number % 2 ? " as advised" : "", step.slot,
		 deed_names[step.empty], side, deed_names[step.taken]);
}

static void make_request(const struct slot *slot, enum deed deed, bool words, char *to, size_t size)
{
	const char *target = addresses[slot->family][SPECIFIC], *from = slot->side.address;
	size_t len;

	if (deed == CHOOSE || from == addresses[slot->family][WILDCARD])
		from = source_for(target);
	if (deed == CHOOSE || deed == CONNECT) {
		len = snprintf(to, size, "connect from %s",
			       endpoint(from, deed == CHOOSE ? 0 : port));
		len += snprintf(to + len, size - len, " to %s", endpoint(target, SERVER_PORT));
	} else {
		len = snprintf(to, size, "tcp %s%s",
			       endpoint(slot->side.address, deed == AUTO ? 0 : port),
			       deed == LISTEN || deed == BIND_LISTEN ? " listen" : "");
	}
	if (words)
		snprintf(to + len, size - len, "%s", side_words(&slot->side));
	else
		snprintf(to + len, size - len, " fd=%d", slot->fd);
}

/* 0 or the errno, and the call that said so. */
static int call(const struct slot *slot, enum deed deed, const char **name)
{
	const char *target = addresses[slot->family][SPECIFIC];

	if (deed == CHOOSE || deed == CONNECT) {
		*name = "connect";
		return connect_to(slot->fd, target, SERVER_PORT) ? errno : 0;
	}
	*name = "bind";
	if (deed != LISTEN && bind_to(slot->fd, slot->side.address, deed == AUTO ? 0 : port))
		return errno;
	if (deed != LISTEN && deed != BIND_LISTEN)
		return 0;
	*name = "listen";
	return listen(slot->fd, 8) ? errno : 0;
}

/* The three witnesses of one call. Returns the option that was advised, -1: it succeeded. */
static int attempt(long number, struct slot *slot, enum deed deed)
{
	bool words = deed <= BIND_LISTEN && !(slot->side.flags & (GROUPED | FREEBIND)) &&
		     number / 2 % 2;
	struct refusal now = { .number = number, .port = port };
	char request[256];

	if (deed == CHOOSE || deed == CONNECT)
		now.but = "v6only";
	else
		snprintf(now.want, sizeof(now.want), "%s",
			 endpoint(slot->side.address, deed == AUTO ? 0 : port));
	if ((deed == CHOOSE || deed == AUTO) && set_range(slot->fd, port, port))
		ksft_exit_fail_perror("IP_LOCAL_PORT_RANGE");
	make_request(slot, deed, words, request, sizeof(request));
	dry_run(&now, request);
	name_thread("#", number);
	now.error = call(slot, deed, &now.call);
	name_thread("setup", 0);
	witness(&now);
	if (now.error)
		return fix_option(value(now.dry, "fix"));
	slot->listening = deed == LISTEN || deed == BIND_LISTEN;
	if (deed == CHOOSE || deed == CONNECT)
		slot->peer = accept_from(tested.server, port);
	return -1;
}

static void empty(struct slot *slot)
{
	reset(&slot->peer);
	reset(&slot->fd);
	slot->listening = false;
}

static void fill(long number, struct slot *slot, const struct step *step)
{
	int advised;

	slot->side = step->side;
	slot->family = step->family;
	if (step->empty == CHOOSE && (step->side.flags & ON_OTHER))
		return;
	slot->fd = make_side(&slot->side);
	if (slot->fd < 0)
		ksft_exit_fail_perror("a socket");
	advised = attempt(number, slot, step->empty);
	if (advised < 0)
		return;
	empty(slot);
	if (!advised)
		return;
	slot->side.flags |= advised;
	slot->fd = make_side(&slot->side);
	tested.remedies++;
	if (attempt(number + 1, slot, step->empty) < 0)
		return;
	/* the address first: whether the port is free had not been asked */
	if (advised != FREEBIND)
		disagree(number + 1, NULL, NULL, "what is advised does not help");
	empty(slot);
}

/* Somebody far away connects: to one of those that share the port, or to nobody. */
static void take_connection(struct slot *slot, struct slot *child)
{
	struct side from = { .address = addresses[slot->family][SPECIFIC] };
	struct pollfd pfds[SLOTS];
	int peer = make_socket(&from), i;

	if (set_range(peer, PEER_LOW, PEER_HIGH) || connect_to(peer, from.address, port)) {
		close(peer);
		return;
	}
	for (i = 0; i < SLOTS; i++) {
		pfds[i].fd = slots[i].listening ? slots[i].fd : -1;
		pfds[i].events = POLLIN;
	}
	if (poll(pfds, SLOTS, PATIENCE) != 1)
		ksft_exit_fail_msg("nobody, or not one, has the connection\n");
	for (i = 0; !pfds[i].revents; i++)
		;
	*child = slots[i];
	child->listening = false;
	child->fd = accept_as(slots[i].fd, &slots[i].side);
	child->peer = peer;
}

/* Of two that have the same four-tuple, by devices, one gets no answer. */
static void time_out(struct slot *slot)
{
	shutdown(slot->fd, SHUT_WR);
	if (settles(slot->peer, TCP_CLOSE_WAIT, SILENCE)) {
		finish(&slot->peer);
		settles(slot->fd, TCP_CLOSE, SILENCE);
	}
	empty(slot);
}

static void go_on(long number, struct slot *slot, const struct step *step)
{
	struct slot *next = &slots[(slot - slots + 1) % SLOTS];
	bool idle = !slot->listening && slot->peer < 0;

	if (step->taken == LISTEN && idle)
		attempt(number, slot, LISTEN);
	else if (step->taken == CONNECT && idle && !(slot->side.flags & ON_OTHER))
		attempt(number, slot, CONNECT);
	else if (step->taken == ACCEPT && slot->listening && next->fd < 0)
		take_connection(slot, next);
	else if (step->taken == TIME_OUT && slot->peer >= 0)
		time_out(slot);
	else if (step->taken == CLOSE)
		empty(slot);
	/* a refused connect() gives back a port that bind() had chosen */
	if (slot->fd >= 0 && !local_port(slot->fd))
		empty(slot);
	if (diff.story && step->taken >= ACCEPT)
		ksft_print_msg("step %ld, slot %d: %s\n", number % CALLS / 2, step->slot,
			       deed_names[step->taken]);
}

static void run(long number)
{
	struct step step;
	struct slot *slot;
	long call;

	for (slot = slots; slot < slots + SLOTS; slot++)
		*slot = (struct slot){ .fd = -1, .peer = -1 };
	port = new_port();
	number -= number % CALLS;
	for (call = number; call < number + CALLS; call += 2) {
		decode(call, &step);
		slot = &slots[step.slot];
		if (slot->fd < 0)
			fill(call, slot, &step);
		else
			go_on(call, slot, &step);
	}
	for (slot = slots; slot < slots + SLOTS; slot++)
		empty(slot);
}

static const char *why_not(long number)
{
	return NULL;
}

static void name_group(int group, char *to, size_t size)
{
	snprintf(to, size, "%s", groups[group].text);
}

/* What the event says is in the other tests: here it has to be what the dry run said. */
static void judge(const struct refusal *refusal, const char *line)
{
}

int main(int argc, char **argv)
{
	struct matrix matrix = {
		.groups = ARRAY_SIZE(groups),
		.group_cases = WALKS * CALLS,
		.calls = CALLS,
		.why_not = why_not,
		.name_group = name_group,
		.run = run,
	};

	matrix.stride = is_debug_kernel() ? 32 : 4;
	diff.judge = judge;
	diff.describe = describe;
	return differential_main(argc, argv, &matrix, 2000);
}
