/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inputs for a fuzzer, from one seed: sentences of a grammar, sentences with one
 * mistake, sentences that were mutilated, and noise.
 */
#ifndef _SELFTESTS_FUZZ_H
#define _SELFTESTS_FUZZ_H

#include <stdarg.h>
#include "tcpwatch.h"

/* More than any of the files takes, and than a page holds. */
#define INPUT_MAX	8192

/* What is known of an input from how it was made. */
enum kind { EITHER, VALID, WRONG };

struct input {
	char text[INPUT_MAX];
	size_t len;
	enum kind kind;
};

static unsigned long long fuzz_state;

/* splitmix64: 0 to below - 1 */
static inline unsigned int any(unsigned int below)
{
	unsigned long long z = fuzz_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return (z >> 32) * below >> 32;
}

#define ONE_OF(list)	((list)[any(sizeof(list) / sizeof(*(list)))])

static inline void put(struct input *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	in->len += vsnprintf(in->text + in->len, INPUT_MAX - in->len, format, args);
	va_end(args);
	if (in->len >= INPUT_MAX)
		in->len = INPUT_MAX - 1;
}

static inline void put_gap(struct input *in)
{
	static const char *const gaps[] = { " ", " ", " ", "\t", "\n", "  ", " \t\n" };

	put(in, "%s", ONE_OF(gaps));
}

/* Zeros in front change nothing. */
static inline void put_number(struct input *in, unsigned int value)
{
	put(in, "%s%u", any(16) ? "" : "00", value);
}

/* Ports that the test holds, those next to them, the edges, and all others. */
static inline unsigned int a_port(void)
{
	static const unsigned int ports[] = { 1, 80, 443, 1023, 1024, 32768, 60999, 65534, 65535 };

	if (any(2))
		return 18079 + any(10);
	return any(2) ? ONE_OF(ports) : 1 + any(65535);
}

static inline void put_ports(struct input *in)
{
	unsigned int lo, hi, i, n = any(4) ? 1 + any(4) : 1 + any(16);

	if (!any(8)) {
		put(in, "all");
		return;
	}
	for (i = 0; i < n; i++) {
		lo = a_port();
		hi = any(4) ? lo + any(40) : lo + any(65536 - lo);
		put(in, "%s%u", i ? "," : "", lo);
		if (any(2))
			put(in, "-%u", hi > 65535 ? 65535 : hi);
	}
}

static inline void put_wrong_ports(struct input *in)
{
	static const char *const wrong[] = {
		"", "0", "65536", "80-", "-80", "80-70", "80,", ",80", "80,,81", "80-81-82",
		"+80", "80-+81", "0x50", "80;81", "80 81", "ALL", "all,80", "80,all", "none",
		"80,0", "99999999999999999999", "8\x1b[2J", "80,\xff", "80\n,81", "80\n-81",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "ports=80", "80.", "80 -81",
		"80,\t81",
	};

	put(in, "%s", ONE_OF(wrong));
}

static inline void put_knob(struct input *in, bool wrong)
{
	static const char *const bad[] = {
		"nonsense", "alert", "alert=", "alert=yes", "alert=ON", "alert=on=off",
		"alert=1", "alert_rate", "alert_rate=", "alert_rate=0", "alert_rate=1001",
		"alert_rate=-1", "alert_rate=+5", "alert_rate=0x5", "alert_rate=5x",
		"alert_rate=4294967301", "alert_rate=18446744073709551621", "exhaustion=101",
		"exhaustion=-1", "exhaustion=+1", "exhaustion=", "exhaustion=%", "stuck=3601",
		"stuck=-0", "stuck=+0", "stuck=1s", "clear=", "clear=1", "CLEAR", "=", "=on",
		"alert_rat=5", "alert_rate5", "\x1b[2J", "alert=\xff", "waits=on",
		"events=4096", "stuck=3600,", "alert=on,clear",
	};
	static const struct {
		const char *name;
		unsigned int least, count;
	} numbers[] = { { "alert_rate", 1, 1000 }, { "exhaustion", 0, 101 }, { "stuck", 0, 3601 } };
	unsigned int i;

	if (wrong && any(4)) {
		put(in, "%s", ONE_OF(bad));
		return;
	}
	i = wrong ? 5 : any(6);
	switch (i) {
	case 0:
	case 1:
	case 2:
		put(in, "%s=", numbers[i].name);
		put_number(in, numbers[i].least + any(numbers[i].count));
		break;
	case 3:
		put(in, any(2) ? "alert=on" : "alert=off");
		break;
	case 4:
		put(in, "clear");
		break;
	default:
		put(in, "ports=");
		if (wrong)
			put_wrong_ports(in);
		else
			put_ports(in);
	}
}

/* Addresses that are there, that are not, of every type, and of all. */
static inline void put_v4(struct input *in)
{
	static const char *const known[] = {
		"0.0.0.0", "127.0.0.1", "127.0.0.2", "127.255.255.254", "192.0.2.1",
		"224.0.0.1", "255.255.255.255", "10.0.0.1",
	};

	if (any(4))
		put(in, "%s", ONE_OF(known));
	else
		put(in, "%u.%u.%u.%u", any(256), any(256), any(256), any(256));
}

static inline void put_v6(struct input *in)
{
	static const char *const known[] = {
		"::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "2001:db8::1", "::2",
		"0:0:0:0:0:0:0:1", "2001:DB8:0:0:1::", "::ffff:0.0.0.0", "64:ff9b::1.2.3.4",
	};
	int i;

	if (any(4)) {
		put(in, "%s", ONE_OF(known));
		return;
	}
	put(in, "2%03x", any(4096));
	for (i = 0; i < 7; i++)
		put(in, any(2) ? ":%x" : ":%04X", any(65536));
}

static inline void put_flags(struct input *in, bool connect, bool v6only, const unsigned int *fds,
			     const unsigned int *inums)
{
	static const char *const flags[] = { "reuseaddr", "reuseport", "listen", "v6only" };
	unsigned int n = any(4), lo, seen = 0, what;

	while (n--) {
		what = any(9);
		if (what < 4) {
			/* a flag may be there twice */
			if ((what == 2 && connect) || (what == 3 && !v6only))
				continue;
			put_gap(in);
			put(in, "%s", flags[what]);
			continue;
		}
		if (seen & 1 << what)
			continue;
		seen |= 1 << what;
		lo = a_port();
		/* by that socket, or in that namespace, it depends */
		if (what >= 7)
			in->kind = EITHER;
		put_gap(in);
		switch (what) {
		case 4:
			put(in, "dev=lo");
			break;
		case 5:
			put(in, "uid=");
			put_number(in, any(2) ? any(3) * 500 : any(1u << 31));
			break;
		case 6:
			put(in, "range=%u-%u", lo, lo + any(65536 - lo));
			break;
		case 7:
			put(in, "fd=%u", fds[any(8)]);
			break;
		default:
			put(in, "netns=%u", inums[any(3)]);
		}
	}
}

static inline void put_end(struct input *in, bool v6)
{
	put(in, v6 ? "[" : "");
	if (v6)
		put_v6(in);
	else
		put_v4(in);
	put(in, v6 ? "]" : "");
}

/* @fds: eight that may be named; @inums: three */
static inline void put_request(struct input *in, const unsigned int *fds, const unsigned int *inums)
{
	bool v6 = any(2), mapped, named = false;
	unsigned int port;
	size_t start;

	if (!any(4)) {
		put(in, any(2) ? "connect" : "tcp connect");
		put_gap(in);
		put(in, "from");
		put_gap(in);
		/* that both are specific is said here */
		put(in, v6 ? "[2001:db8::%x]" : "127.0.0.%u", 1 + any(255));
		if (any(2))
			put(in, ":%u", any(4) ? a_port() : 0);
		put_gap(in);
		put(in, "to");
		put_gap(in);
		put(in, v6 ? "[2001:db8::%x]" : "192.0.2.%u", 1 + any(255));
		put(in, ":%u", a_port());
		put_flags(in, true, v6, fds, inums);
		return;
	}
	put(in, "tcp");
	put_gap(in);
	start = in->len;
	put_end(in, v6);
	/* v6only is no option of theirs */
	mapped = strstr(in->text + start, "ffff:") == in->text + start + 3;
	named = !any(8);
	port = named ? 0 : a_port();
	put(in, ":");
	put_number(in, port);
	put_flags(in, false, v6 && !mapped, fds, inums);
}

static inline void put_wrong_request(struct input *in, const unsigned int *fds,
				     const unsigned int *inums)
{
	static const char *const words[] = {
		"nonsense", "LISTEN", "listen=1", "listen,reuseaddr", "dev", "dev=",
		"dev=no_such_dev", "dev=lo=lo", "uid", "uid=", "uid=-1", "uid=+1", "uid=0x1",
		"uid=4294967295", "uid=4294967296", "netns=", "netns=x", "netns=-1",
		"netns=4294967296", "range=", "range=1", "range=1-", "range=-1", "range=2-1",
		"range=0-5", "range=1-65536", "range=a-b", "range=1-2-3", "fd=", "fd=-1",
		"fd=999999", "fd=99999999999", "=", "=1", "reuseaddr=1", "tcp", "connect",
		"127.0.0.1:80", "[::1]:80", "\x1b[2J", "\xff", "\r",
	};
	static const char *const ends[] = {
		"127.0.0.1", "[::1]", "127.0.0.1:", "[::1]:", "256.0.0.1:80", "1.2.3:80",
		".0.0.1:80", "1.2.3.4.5:80", "1..2.3:80", "[::1:80", "[::1]80", "::1:80",
		"[::g]:80", "[]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7:8:9]:80", "[:::]:80",
		"[127.0.0.1]:80", ":80", "*:80", "127.0.0.1:65536", "127.0.0.1:+80",
		"127.0.0.1:-1", "127.0.0.1:0x50", "localhost:80",
		"127.0.0.1:99999999999999999999", "127.0.0.1:80,", "127.0.0.1::80",
		"[ff02::1]:80", "[fe80::1%lo]:80", "[::1%1]:80", "[[::1]]:80", "1.2.3.4\xff:80",
		"[::12345]:80",
	};
	static const char *const others[] = {
		"", " ", "\n", "tcp", "connect", "connect from 127.0.0.1", "udp 127.0.0.1:80",
		"connect from 127.0.0.1 to [::1]:80",
		"connect from [::1] to [::ffff:1.2.3.4]:80",
		"connect from 0.0.0.0 to 127.0.0.1:80", "connect from [::]:1 to [::1]:80",
		"connect from 127.0.0.1 to 127.0.0.2:0",
		"connect from 127.0.0.1 to 127.0.0.2:80 listen",
		"connect from 1.2.3.4 from 1.2.3.4 to 1.2.3.4:80", "tcp 127.0.0.1:80 v6only",
		"tcp [::ffff:127.0.0.1]:80 v6only",
		"connect from [::ffff:0.0.0.0] to [::ffff:1.2.3.4]:80",
	};

	switch (any(4)) {
	case 0:
		put(in, "%s", ONE_OF(others));
		if (!any(4))
			put(in, " fd=%u", fds[any(8)]);
		break;
	case 1:
		put(in, "tcp %s", ONE_OF(ends));
		break;
	case 2:
		put_request(in, fds, inums);
		in->text[any(in->len)] = '\0';
		break;
	default:
		put_request(in, fds, inums);
		put_gap(in);
		put(in, "%s", ONE_OF(words));
	}
}

static inline void insert(struct input *in, size_t at, const void *what, size_t len)
{
	if (in->len + len > INPUT_MAX)
		return;
	memmove(in->text + at + len, in->text + at, in->len - at);
	memcpy(in->text + at, what, len);
	in->len += len;
}

/* Once; @other: a sentence whose end may take the place of this one's */
static inline void mutilate(struct input *in, const struct input *other)
{
	static const char *const pieces[] = {
		" ", "\n", "=", "-", ",", ":", "[", "]", "::", "0", "65536", "4294967296", "+",
		"all", "18446744073709551616",
		"00000000000000000000000000000000000000000000000000000001", "tcp ", " listen",
		" from ", " to ", "\xc3\xa4", "\xe2\x80\xae", "\xff", "\x1b[31m", "%s%n",
		"$(reboot)", "'\"\\", "ports=", "alert=on ", "127.0.0.1", "fd=", "netns=",
	};
	const char *piece = ONE_OF(pieces);
	size_t at = in->len ? any(in->len) : 0, from, n;
	char byte = any(256), copy[INPUT_MAX];

	switch (in->len ? any(9) : 8) {
	case 0:
		in->text[at] ^= 1 << any(8);
		return;
	case 1:
		in->text[at] = byte;
		return;
	case 2:
		in->len = at;
		return;
	case 3:
		n = 1 + any(in->len - at);
		memmove(in->text + at, in->text + at + n, in->len - at - n);
		in->len -= n;
		return;
	case 4:
		n = 1 + any(in->len - at);
		memcpy(copy, in->text + at, n);
		insert(in, any(in->len), copy, n);
		return;
	case 5:
		from = any(other->len + 1);
		in->len = at;
		insert(in, at, other->text + from, other->len - from);
		return;
	case 6:
		insert(in, at, "\0", 1);
		return;
	case 7:
		if (any(8))
			return;
		/* to the edges of what is taken, and to more than a page */
		n = any(2) ? 240 + any(40) : 4000 + any(INPUT_MAX - 4000);
		if (n > in->len)
			memset(in->text + in->len, any(2) ? ' ' : byte, n - in->len);
		in->len = n > in->len ? n : in->len;
		return;
	default:
		insert(in, at, piece, strlen(piece));
	}
}

static inline void put_noise(struct input *in)
{
	static const char letters[] = "0123456789.:[]-=,\t\n tcplistenfromoudvrag";
	size_t i;

	in->len = any(16) ? any(64) : any(16) ? any(300) : any(INPUT_MAX);
	for (i = 0; i < in->len; i++)
		in->text[i] = any(2) ? letters[any(sizeof(letters) - 1)] : (char)any(256);
}

#endif /* _SELFTESTS_FUZZ_H */
