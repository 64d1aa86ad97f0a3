// SPDX-License-Identifier: GPL-2.0
/*
 * Loading while memory runs out: each allocation on the way fails in turn, until none is
 * left to fail. Whoever does not load says for want of what and leaves nothing behind;
 * whoever loads with something less says what.
 *
 * FAULT_STRIDE=N tries every N-th allocation alone, FAULT_FIRST=N begins with the N-th.
 */
#include "tcpwatch.h"
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "harness.h"
#include "fault.h"

/* Some two minutes on a debug kernel. */
#define STRIDE	23

static const char *module_file(void)
{
	return getenv("TCPWATCH_KO") ?: "/vm/tcpwatch.ko";
}

static int load(void)
{
	int fd = open(module_file(), O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno;
	err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return err;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "tcpwatch", O_NONBLOCK) ? errno : 0;
}

/* What the kernel log has said since it was read last. */
struct log {
	int fd;
	char text[1 << 17];
};

static void read_log(struct log *log)
{
	char record[8192], *body;
	size_t used = 0, len;
	ssize_t got;

	while ((got = read(log->fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (got <= 0)
			continue;
		record[got] = '\0';
		body = strchr(record, ';');
		len = strcspn(body + 1, "\n") + 1;
		if (used + len >= sizeof(log->text))
			break;
		memcpy(log->text + used, body + 1, len);
		used += len;
	}
	log->text[used] = '\0';
}

/* Does a line of ours hold this? */
static bool told(const struct log *log, const char *format, ...)
{
	const char *line = log->text;
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	while ((line = strstr(line, "tcpwatch: "))) {
		const char *found = strstr(line, text), *end = strchr(line, '\n');

		if (found && found < end)
			return true;
		line = end;
	}
	return false;
}

/* Was it we who asked, or the kernel before or after? By the trace of who did. */
static bool is_ours(const struct log *log)
{
	const char *at = log->text;

	while ((at = strstr(at, " [tcpwatch]"))) {
		const char *line = at;

		while (line > log->text && line[-1] != '\n')
			line--;
		/* a question mark is what else is on the stack */
		if (!memchr(line, '?', at - line))
			return true;
		at++;
	}
	return false;
}

/* Where: the last of these in a trace before its caller, and that with what called it. */
static const char *who_asked(const struct log *log)
{
	static const char *const allocators[] = {
		"alloc", "should_fail", "dump_stack", "kstrdup", "kmemdup", "kvasprintf",
		"kasprintf", "kobject_set_name", "kmem", "TASK", "Call",
	};
	static char sites[192];
	const char *line = strstr(log->text, "Call Trace");
	unsigned int i, found = 0;
	char name[64];

	*sites = '\0';
	for (; line && found < 3; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, " %63[^+\n ]", name) != 1)
			break;
		for (i = 0; i < ARRAY_SIZE(allocators); i++) {
			if (strstr(name, allocators[i]))
				break;
		}
		if (*name == '?' || (!found && i < ARRAY_SIZE(allocators)))
			continue;
		strcat(strcat(sites, " "), name);
		found++;
	}
	return sites;
}

/* What must be as it was when the module is not there. */
static const char *const tables[] = {
	"/sys/kernel/debug/kprobes/list", "/sys/kernel/tracing/enabled_functions",
};

static const char *const traces[] = {
	"/proc/tcpwatch*", "/sys/kernel/debug/tcpwatch", "/sys/module/tcpwatch",
	"/sys/kernel/tracing/events/tcpwatch",
};

static void slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got, len = 0;

	while (fd >= 0 && (got = read(fd, text + len, size - 1 - len)) > 0)
		len += got;
	text[len] = '\0';
	close(fd);
}

/*
 * Whatever traces a module's trace points warns of itself when it has no memory for them:
 * that is not ours, and left out. It is what lies between its two notifiers.
 */
static void spare_tracing(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	unsigned long at, from = 0, to = 0;
	char name[128], text[32];
	bool inside = false;

	while (symbols && fscanf(symbols, "%lx %*c %127s%*[^\n]", &at, name) == 2) {
		if (inside)
			to = at;
		inside = !strcmp(name, "trace_module_notify");
		if (inside && !from)
			from = at;
	}
	if (symbols)
		fclose(symbols);
	snprintf(text, sizeof(text), "%#lx", from);
	put_word(FAILSLAB "reject-start", text);
	snprintf(text, sizeof(text), "%#lx", to);
	put_word(FAILSLAB "reject-end", text);
	put_word(FAILSLAB "stacktrace-depth", "32");
}

struct trials {
	struct log log;
	char before[ARRAY_SIZE(tables)][65536];
	int nth;
	int ours, others, less, same;	/* loads that failed, and that did not */
};

FIXTURE(load) {
	struct trials trials;
};

FIXTURE_SETUP(load)
{
	size_t i;

	if (getuid())
		SKIP(return, "needs root");
	if (access(module_file(), R_OK))
		SKIP(return, "no tcpwatch.ko: set TCPWATCH_KO");
	if (!access(PAGE, F_OK) && access("/vm/env", F_OK))
		SKIP(return, "tcpwatch is in use here: rmmod it first");
	self->trials.nth = open_nth();
	if (self->trials.nth < 0)
		SKIP(return, "no fault injection in this kernel");
	put_word(FAILSLAB "verbose", "2");
	put_word(FAILSLAB "ignore-gfp-wait", "N");
	spare_tracing();
	spare_kmemleak();
	unload();
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		slurp(tables[i], self->trials.before[i], sizeof(self->trials.before[i]));
	self->trials.log.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(self->trials.log.fd, 0);
	ASSERT_EQ(lseek(self->trials.log.fd, 0, SEEK_END), 0);
}

FIXTURE_TEARDOWN(load)
{
	put_word(FAILSLAB "ignore-gfp-wait", "Y");
	spare_nothing();
	put_word(FAILSLAB "reject-end", "0");
	put_word(FAILSLAB "reject-start", "0");
	load();
}

static void expect_nothing(struct __test_metadata *_metadata, struct trials *trials)
{
	static char now[65536];
	glob_t found;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		slurp(tables[i], now, sizeof(now));
		EXPECT_STREQ(now, trials->before[i]);
	}
	for (i = 0; i < ARRAY_SIZE(traces); i++) {
		EXPECT_EQ(glob(traces[i], 0, NULL, &found), GLOB_NOMATCH) {
			TH_LOG("still there: %s", found.gl_pathv[0]);
		}
	}
}

/* What is in the debugfs tree of a module that has all. */
static const char *const nodes[] = {
	"events", "why", "ports", "connections", "control", "conflicts", "timewait",
	"ephemeral", "listeners", "reconcile", "hooks", "stats",
};

/* All that is missing has been told of. Returns how much that is. */
static int expect_told(struct __test_metadata *_metadata, const struct log *log)
{
	FILE *hooks = fopen(TREE "hooks", "r");
	char line[512], symbol[64], armed[8];
	int missing = 0, error;
	struct stat st;
	size_t i;

	EXPECT_EQ(access("/proc/tcpwatch", R_OK), 0);
	EXPECT_EQ(access("/proc/tcpwatch_events", R_OK), 0);
	while (hooks && fgets(line, sizeof(line), hooks)) {
		if (sscanf(line, "%63s %*s %7s %d", symbol, armed, &error) != 3 ||
		    strcmp(armed, "no"))
			continue;
		EXPECT_TRUE(told(log, "%s cannot be probed (error %d)", symbol, error)) {
			TH_LOG("not told: %s", line);
		}
		/* others this kernel does not have */
		missing += error == -ENOMEM;
	}
	if (hooks)
		fclose(hooks);
	for (i = 0; i < ARRAY_SIZE(nodes); i++) {
		snprintf(line, sizeof(line), TREE "%s", nodes[i]);
		if (!lstat(line, &st))
			continue;
		missing++;
		EXPECT_TRUE(told(log, "no %s in debugfs", nodes[i]) ||
			    told(log, "nothing in debugfs")) {
			TH_LOG("not told: %s", line);
		}
	}
	return missing;
}

/* With the n-th allocation failing. Returns what is left of n, 0: it has failed. */
static int try_load(struct __test_metadata *_metadata, struct trials *trials, int n)
{
	int err, left, missing = 0;
	const char *outcome;

	ASSERT_GE(fail_nth(trials->nth, n), 0);
	err = load();
	left = fail_nth(trials->nth, 0);
	read_log(&trials->log);
	if (!err) {
		missing = expect_told(_metadata, &trials->log);
		outcome = missing ? "something less" : "nothing less";
		trials->less += !left && missing;
		trials->same += !left && !missing;
		EXPECT_EQ(unload(), 0);
	} else {
		outcome = strerror(err);
		EXPECT_EQ(err, ENOMEM);
		EXPECT_EQ(left, 0);
		trials->ours += is_ours(&trials->log);
		trials->others += !is_ours(&trials->log);
		EXPECT_TRUE(!is_ours(&trials->log) ||
			    told(&trials->log, "not loaded: no memory for "));
	}
	expect_nothing(_metadata, trials);
	if (!__test_passed(_metadata) || getenv("FAULT_SHOW"))
		TH_LOG("%d: %s:%s%s", n, outcome, is_ours(&trials->log) ? " (ours)" : "",
		       who_asked(&trials->log));
	return left;
}

TEST_F_TIMEOUT(load, each_allocation, 40000)
{
	int stride = setting("FAULT_STRIDE", STRIDE), n = setting("FAULT_FIRST", 1);
	struct trials *trials = &self->trials;
	time_t start = time(NULL);
	long long refused;
	FILE *storm;
	int left;

	do {
		left = try_load(_metadata, trials, n);
		if (!__test_passed(_metadata))
			TH_LOG("the kernel log then: %s", trials->log.text);
		ASSERT_TRUE(__test_passed(_metadata));
		n += stride;
	} while (!left);
	TH_LOG("%d allocations, every %dth was to fail, in %ld s:",
	       n - stride - left, stride, (long)(time(NULL) - start));
	TH_LOG("not loaded: %d for want of ours, %d of the kernel's", trials->ours, trials->others);
	TH_LOG("loaded: %d with something less, %d with nothing less", trials->less, trials->same);
	EXPECT_GT(trials->ours, 0);
	EXPECT_GT(trials->others, 0);
	EXPECT_GT(trials->less, 0);

	/* nothing of all that is in its way, or in that of others */
	ASSERT_EQ(load(), 0);
	ASSERT_EQ(enter_netns(), 0);
	storm = start_storm(6, 3);
	ASSERT_NE(storm, NULL);
	ASSERT_EQ(fscanf(storm, "%lld", &refused), 1);
	pclose(storm);
	usleep(500000);
	TH_LOG("refused %lld, counted %lld", refused, stat_value("conflicts"));
	EXPECT_GT(refused, 20);
	EXPECT_EQ(stat_value("conflicts"), refused);
	EXPECT_EQ(unload(), 0);
	expect_nothing(_metadata, trials);
}

TEST_HARNESS_MAIN
