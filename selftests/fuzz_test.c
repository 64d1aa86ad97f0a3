// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever is written to the files that can be written: each write is taken whole or
 * refused whole, as fuzz_oracle.h says, and what is read afterwards follows from it.
 * FUZZ_INPUTS is how many there are for each file, FUZZ_SEED where they begin.
 */
#include "fuzz_targets.h"
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include "../kselftest.h"
#include "harness.h"

#define PIECES	4

static void make(const struct target *target, struct input *in)
{
	static struct input other;
	unsigned int what = any(10), n;

	in->len = 0;
	in->kind = what < 4 ? VALID : what < 6 ? WRONG : EITHER;
	if (what == 9) {
		put_noise(in);
		return;
	}
	target->put(in, in->kind == WRONG);
	if (in->kind == WRONG)
		return;
	if (in->len > target->most)
		in->kind = EITHER;
	if (what < 6)
		return;
	in->kind = EITHER;
	other.len = 0;
	target->put(&other, any(2));
	for (n = 1 + any(4); n; n--)
		mutilate(in, &other);
}

/*
 * Each piece is a write of its own, up to the first that is refused; of those that are empty
 * the kernel only makes one of the first.
 */
static ssize_t write_pieces(struct target *target, const struct input *in, ssize_t *expected,
			    int *err)
{
	struct iovec pieces[PIECES];
	size_t at = 0;
	int i;

	for (i = 0; i < PIECES; i++) {
		pieces[i].iov_base = (char *)in->text + at;
		pieces[i].iov_len = i == PIECES - 1 ? in->len - at : any(in->len - at + 1);
		at += pieces[i].iov_len;
	}
	*expected = 0;
	for (i = 0, at = 0; !*err && at < in->len; i++) {
		if (i && !pieces[i].iov_len)
			continue;
		*err = target->judge(pieces[i].iov_base, pieces[i].iov_len);
		at += pieces[i].iov_len;
		if (!*err)
			*expected = at;
	}
	if (!*expected)
		*expected = *err;
	return writev(target->fd, pieces, PIECES);
}

/* The end of it is nowhere. */
static ssize_t write_nowhere(struct target *target, const struct input *in, ssize_t *expected)
{
	static char *pages;
	size_t len = in->len + 1 + any(100);

	if (!pages) {
		pages = mmap(NULL, 4 * INPUT_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(pages + 2 * INPUT_MAX, 2 * INPUT_MAX, PROT_NONE);
	}
	*expected = len > target->most ? -EINVAL : -EFAULT;
	memcpy(pages + 2 * INPUT_MAX - in->len, in->text, in->len);
	return write(target->fd, pages + 2 * INPUT_MAX - in->len, len);
}

/* NULL, or what is wrong with how it went. */
static const char *step(struct target *target, const struct input *in)
{
	ssize_t got, expected;
	int err = 0;

	errno = 0;
	switch (in->len ? any(64) : 3) {
	case 0:
		expected = -ESPIPE;
		err = expected;
		got = pwrite(target->fd, in->text, in->len, any(2) ? 0 : any(10000));
		break;
	case 1:
		got = write_pieces(target, in, &expected, &err);
		break;
	case 2:
		got = write_nowhere(target, in, &expected);
		err = expected;
		break;
	default:
		err = target->judge(in->text, in->len);
		expected = err ?: (ssize_t)in->len;
		if ((in->kind == VALID && err) || (in->kind == WRONG && !err))
			return "the grammar and the oracle disagree";
		got = write(target->fd, in->text, in->len);
		target->accepted += !err;
		target->refused += !!err;
	}
	if (got == -1)
		got = -errno;
	if (got != expected) {
		printf("# write: %zd, expected %zd\n", got, expected);
		return "write";
	}
	return target->check(target->fd, -err);
}

static void show(const struct input *in)
{
	size_t i;

	printf("# kind %d, %zu bytes: '", in->kind, in->len);
	for (i = 0; i < in->len && i < 600; i++)
		printf(in->text[i] < 0x20 || in->text[i] > 0x7e ? "\\x%02x" : "%c",
		       (unsigned char)in->text[i]);
	printf("'\n");
}

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 0) : otherwise;
}

static double seconds(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec + at.tv_nsec / 1e9;
}

FIXTURE(fuzz) {
	int fds[HELD];
	char before[512];
};

FIXTURE_VARIANT(fuzz) { struct target *target; };
FIXTURE_VARIANT_ADD(fuzz, why) { .target = &targets[0] };
FIXTURE_VARIANT_ADD(fuzz, control) { .target = &targets[1] };
FIXTURE_VARIANT_ADD(fuzz, ports) { .target = &targets[2] };
FIXTURE_VARIANT_ADD(fuzz, connections) { .target = &targets[3] };

static unsigned int inum(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

FIXTURE_SETUP(fuzz)
{
	static const char knobs[] = "alert=off alert_rate=5 exhaustion=90 stuck=5 ports=all";
	int i, fd;

	if (unfit())
		SKIP(return, "%s", unfit());
	now.asked_by_all = open("/proc/tcpwatch_why", O_RDWR | O_CLOEXEC);
	now.asker.initial_fd = socket(AF_INET, SOCK_STREAM, 0);
	now.asker.initial = inum();
	ASSERT_EQ(enter_netns(), 0);
	now.asker.own = inum();
	now.inums[0] = now.asker.own;
	now.inums[1] = now.asker.initial;
	now.inums[2] = 1;
	for (i = 0; i < HELD; i++) {
		self->fds[i] = make_socket(&held[i].side);
		ASSERT_EQ(bind_to(self->fds[i], held[i].side.address, held[i].port), 0);
		if (held[i].listens)
			ASSERT_EQ(listen(self->fds[i], 5), 0);
	}
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	ASSERT_EQ(set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	memcpy(now.fds, (unsigned int[]){
		socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_STREAM, 0), fd, self->fds[0],
		socket(AF_INET, SOCK_DGRAM, 0), now.asked_by_all, now.asker.initial_fd, 999,
	}, sizeof(now.fds));
	fd = open("/proc/tcpwatch_control", O_RDWR | O_CLOEXEC);
	ASSERT_GT(read(fd, self->before, sizeof(self->before) - 1), 0);
	ASSERT_EQ(write(fd, knobs, strlen(knobs)), (ssize_t)strlen(knobs));
	close(fd);
	now.knobs = (struct knobs){ .alert_rate = 5, .exhaustion = 90, .stuck = 5 };
}

FIXTURE_TEARDOWN(fuzz)
{
	int fd = open("/proc/tcpwatch_control", O_WRONLY);

	EXPECT_EQ(write(fd, self->before, strlen(self->before)), (ssize_t)strlen(self->before));
	close(fd);
}

TEST_F_TIMEOUT(fuzz, inputs, 36000)
{
	long i, inputs = setting("FUZZ_INPUTS", 20000), seed = setting("FUZZ_SEED", 1);
	struct target *target = variant->target;
	const char *wrong = NULL;
	static struct input in;
	double start = seconds();

	fuzz_state = seed;
	for (i = 0; i < inputs && !wrong; i++) {
		if (!(i % 1000)) {
			close(target->fd);
			target->fd = target->open(target->path);
			ASSERT_GE(target->fd, 0);
		}
		make(target, &in);
		target->kinds[in.kind]++;
		wrong = step(target, &in);
	}
	if (wrong)
		show(&in);
	ASSERT_EQ(wrong, NULL) {
		TH_LOG("%s, input %ld of seed %ld: %s", target->path, i - 1, seed, wrong);
	}
	TH_LOG("%s: %ld inputs of seed %ld, %.0f a second", target->path, i, seed,
	       i / (seconds() - start));
	TH_LOG("%ld sentences, %ld with a mistake, %ld others; %ld taken, %ld refused",
	       target->kinds[VALID], target->kinds[WRONG], target->kinds[EITHER],
	       target->accepted, target->refused);
	TH_LOG("%ld bound for real, %ld tables read, %ld round trips", now.tried, now.tables,
	       now.round_trips);
	EXPECT_GT(target->accepted, inputs / 4);
	EXPECT_GT(target->refused, inputs / 4);
}

TEST_HARNESS_MAIN
