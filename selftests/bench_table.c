// SPDX-License-Identifier: GPL-2.0
/*
 * usage: bench_table table|rate [SOCKETS]
 *        bench_table ask SOCKETS NAME=COMMAND...
 *
 * What it costs to ask what ports are used for, with so many sockets (default
 * 1,000,000): one third are clients, one third the servers' ends of them, one third
 * in TIME-WAIT. `table`: a line `ROW NANOSECONDS` for each way to ask. `rate`: how many
 * connections a second are opened while nobody asks and while somebody always does.
 * `ask`: a line for each COMMAND.
 */
#include "bench.h"

#include <sched.h>
#include <sys/wait.h>

/* Sockets on the one port that is asked for by its number: with the listener 100. */
#define FEW		99
#define FEW_PORT	9999
#define FEW_TEXT	"9999"

/* Where the servers are; what is closed has a port of its own. */
#define SERVERS		8
#define CLOSED_PORT	(PORT + SERVERS)

/* Connections from one source address: short of all its ephemeral ports. */
#define PER_SOURCE	20000

/* Turns of those who ask and of those who do not, and how long each is, in ns. */
#define TURNS		10
#define TURN		2000000000LL

#define TREE		"/sys/kernel/debug/tcpwatch/"

static int listeners[SERVERS + 2];

static int serve(int port)
{
	struct sockaddr_storage ss;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = address(&ss, "127.0.0.1", port);

	require(fd >= 0 && !bind(fd, (struct sockaddr *)&ss, len) && !listen(fd, 4096), "listen");
	return fd;
}

/* From the n-th source address and a port of its, or 0: one that connect() chooses. */
static int open_from(unsigned int n, int source, int port)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001 + n),
		.sin_port = htons(source),
	};
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, "127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	require(fd >= 0, "socket");
	require(!set_on(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT), "IP_BIND_ADDRESS_NO_PORT");
	require(!bind(fd, (struct sockaddr *)&from, sizeof(from)), "bind");
	require(!connect(fd, (struct sockaddr *)&ss, len), "connect");
	return fd;
}

static void fill(unsigned int sockets)
{
	unsigned int i, third = sockets / 3;
	int client, child;

	for (i = 0; i < third; i++) {
		open_from(i / PER_SOURCE, 0, PORT + i % SERVERS);
		require(accept(listeners[i % SERVERS], NULL, NULL) >= 0, "accept");
	}
	/*
	 * Who closes first has the TIME-WAIT: servers and clients in turn. No port comes up
	 * twice, or a SYN would take its place.
	 */
	for (i = 0; i < third; i++) {
		client = open_from(100 + i / PER_SOURCE, 33000 + i % PER_SOURCE, CLOSED_PORT);
		child = accept(listeners[SERVERS], NULL, NULL);
		require(child >= 0, "accept");
		close(i % 2 ? client : child);
		close(i % 2 ? child : client);
	}
	for (i = 0; i < FEW; i++) {
		open_from(200, 0, FEW_PORT);
		require(accept(listeners[SERVERS + 1], NULL, NULL) >= 0, "accept");
	}
}

/* The sockets are another's, so that it costs nothing to start a program. */
static pid_t populate(unsigned int sockets)
{
	int ready[2];
	pid_t filler;
	char byte;
	int i;

	for (i = 0; i < SERVERS; i++)
		listeners[i] = serve(PORT + i);
	listeners[SERVERS] = serve(CLOSED_PORT);
	listeners[SERVERS + 1] = serve(FEW_PORT);
	require(!pipe(ready), "pipe");
	filler = fork();
	if (!filler) {
		fill(sockets);
		require(write(ready[1], "", 1) == 1, "write");
		pause();
		exit(0);
	}
	close(ready[1]);
	require(read(ready[0], &byte, 1) == 1, "the sockets were not made");
	/* what was closed last is in TIME-WAIT by now */
	sleep(1);
	return filler;
}

/* What people do: a command, with all that it starts. */
static void run(const char *name, const char *command)
{
	long long before = now();

	require(!system(command), command);
	printf("%s %lld\n", name, now() - before);
	fflush(stdout);
}

/* Of those ports, or NULL: of all. */
static size_t read_ports(const char *ports)
{
	static char text[1 << 20];
	int fd = open(TREE "ports", O_RDWR);
	size_t size = 0;
	ssize_t got;

	require(fd >= 0 && (!ports || write(fd, ports, strlen(ports)) > 0), TREE "ports");
	while ((got = read(fd, text, sizeof(text))) > 0)
		size += got;
	require(!got, TREE "ports");
	close(fd);
	return size;
}

static void read_some(const char *name, const char *ports)
{
	long long before = now();

	read_ports(ports);
	printf("%s %lld\n", name, now() - before);
	fflush(stdout);
}

/* Sums by local port and state of what has the port at the end of one column. */
#define ADD_UP(local, state) \
	" | awk 'NR > 1 { sub(/.*:/, \"\", $" local "); n[$" local " \" \" $" state "]++ } " \
	"END { for (i in n) print i, n[i] }' > /dev/null"

static void table(void)
{
	require(!system("awk '/^TCP: / { print \"sockets\", $3 + $7 }' /proc/net/sockstat"), "awk");
	run("nothing", "true");
	read_some("ports", NULL);
	read_some("port", FEW_TEXT);
	run("ports_cat", "cat " TREE "ports > /dev/null");
	run("page", "cat /proc/tcpwatch > /dev/null");
	run("proc", "cat /proc/net/tcp" ADD_UP("2", "4"));
	run("ss", "ss -tan" ADD_UP("4", "1"));
	run("summary", "ss -s > /dev/null");
	run("ss_port", "ss -tan sport = :" FEW_TEXT " > /dev/null");
	require(!system("awk 'END { print \"rows\", NR - 2 }' " TREE "ports"), "awk");
}

static void ask(char **ways)
{
	char *command;

	for (; *ways; ways++) {
		command = strchr(*ways, '=');
		require(command, "NAME=COMMAND");
		*command = '\0';
		run(*ways, command + 1);
	}
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(!sched_setaffinity(0, sizeof(set), &set), "two CPUs");
}

/* Connections to a port that has many, opened and reset. */
static double rate(void)
{
	const struct linger reset = { .l_onoff = 1 };
	long long start = now(), end = start + TURN;
	struct sockaddr_storage ss;
	socklen_t len = address(&ss, "127.0.0.1", PORT);
	unsigned int made = 0;
	int fd, child;

	while (now() < end) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		require(!connect(fd, (struct sockaddr *)&ss, len), "connect");
		child = accept(listeners[0], NULL, NULL);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		close(child);
		made++;
	}
	return made * 1e9 / (now() - start);
}

/*
 * The other CPU reads, or does something that concerns nobody: a machine of which two CPUs
 * are busy may be slower than one of which one is.
 */
static void beside(const char *name, bool reads)
{
	pid_t other = fork();
	int status;

	if (!other) {
		on_cpu(1);
		for (;;) {
			if (reads)
				read_ports(NULL);
			else
				getppid();
		}
	}
	printf("%s %.0f\n", name, rate());
	fflush(stdout);
	kill(other, SIGKILL);
	waitpid(other, &status, 0);
}

static void rates(void)
{
	int i;

	on_cpu(0);
	rate();
	for (i = 0; i < TURNS; i++) {
		beside("rate_alone", false);
		beside("rate_read", true);
	}
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 1048576, 1048576 };
	unsigned int sockets = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	pid_t filler;

	require(argc > 1 && (argc > 3 || strcmp(argv[1], "ask")), "table, rate or ask");
	require(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	put("/proc/sys/net/ipv4/tcp_max_tw_buckets", "1000000");
	filler = populate(sockets);
	if (!strcmp(argv[1], "rate"))
		rates();
	else if (!strcmp(argv[1], "ask"))
		ask(argv + 3);
	else
		table();
	kill(filler, SIGKILL);
	return 0;
}
