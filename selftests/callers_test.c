// SPDX-License-Identifier: GPL-2.0
/*
 * Refused on behalf of a process, though not in its bind() or connect(): by a BPF
 * program, by io_uring.
 */
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "../kselftest.h"
#include "harness.h"
#include "expect.h"

#define PORT	18081
#define GROUP	"/sys/fs/cgroup/tcpwatch_callers"

/* A cgroup/connect4 program that binds the socket, or else refuses the connect. */
FIXTURE(bpf) {
	struct world world;
	int group;
};

static int enter_group(const char *path)
{
	char procs[128];
	FILE *file;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	file = fopen(procs, "w");
	if (!file)
		return -1;
	fprintf(file, "0\n");
	return fclose(file);
}

FIXTURE_SETUP(bpf)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	mkdir(GROUP, 0755);
	self->group = open(GROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self->group < 0 || enter_group(GROUP))
		SKIP(return, "no cgroup2");
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(bpf)
{
	close(self->group);
	EXPECT_EQ(enter_group("/sys/fs/cgroup"), 0);
	EXPECT_EQ(rmdir(GROUP), 0);
	leave_world(_metadata, &self->world);
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int attach_binder(int group, const char *text, int port)
{
	struct sockaddr_storage ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct bpf_insn program[] = {
		/* the sockaddr_in on the stack */
		{ BPF_ST | BPF_MEM | BPF_H, BPF_REG_10, 0, -16, AF_INET },
		{ BPF_ST | BPF_MEM | BPF_H, BPF_REG_10, 0, -14, htons(port) },
		{ BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -12, 0 /* the address */ },
		{ BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0 },
		/* the context is in r1 */
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -16 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, sizeof(*in) },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_bind },
		/* 1: go on, 0: EPERM */
		{ BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr attr;
	int fd, err;

	address(&ss, text, port);
	program[2].imm = in->sin_addr.s_addr;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	attr.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = (uintptr_t)"GPL";
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = group;
	attr.attach_bpf_fd = fd;
	attr.attach_type = BPF_CGROUP_INET4_CONNECT;
	err = bpf(BPF_PROG_ATTACH, &attr);
	close(fd);
	return err;
}

TEST_F(bpf, in_use)
{
	int server = server_on("127.0.0.1", SERVER), holder = server_on("127.0.0.1", PORT);
	int asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	ASSERT_GE(server, 0);
	ASSERT_GE(holder, 0);
	if (attach_binder(self->group, "127.0.0.1", PORT))
		SKIP(return, "no BPF here: %m");
	ASSERT_EQ(connect_to(asker, "127.0.0.1", SERVER), -1);
	ASSERT_EQ(errno, EPERM);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
			    endpoint("127.0.0.1", PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "holder_ino"), (long long)inode_of(holder));

	close(holder);
	EXPECT_EQ(connect_to(asker, "127.0.0.1", SERVER), 0);
	EXPECT_EQ(local_port(asker), PORT);
	expect_silence(_metadata, &self->world);
}

TEST_F(bpf, not_local)
{
	int asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	if (attach_binder(self->group, "192.0.2.1", PORT))
		SKIP(return, "no BPF here: %m");
	ASSERT_EQ(connect_to(asker, "127.0.0.1", SERVER), -1);
	ASSERT_EQ(errno, EPERM);
	line = expect_event(_metadata, &self->world, "bind", "EADDRNOTAVAIL", "addr_not_local",
			    endpoint("192.0.2.1", PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
}

/* One request at a time. */
struct uring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

/* of 6.11; our headers are of 6.1 */
#define OP_BIND		56
#define OP_LISTEN	57

FIXTURE(uring) {
	struct world world;
	struct uring uring;
};

FIXTURE_VARIANT(uring) {
	int flags;
};

FIXTURE_VARIANT_ADD(uring, here) { };
/* on a thread that the kernel starts for it */
FIXTURE_VARIANT_ADD(uring, worker) { .flags = IOSQE_ASYNC };

static int uring_open(struct uring *uring)
{
	struct io_uring_params *params = &uring->params;
	size_t size;

	uring->fd = syscall(SYS_io_uring_setup, 1, params);
	if (uring->fd < 0)
		return -1;
	size = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	uring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			    uring->fd, IORING_OFF_SQ_RING);
	uring->sqes = mmap(NULL, params->sq_entries * sizeof(struct io_uring_sqe),
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring->fd,
			   IORING_OFF_SQES);
	return uring->rings == MAP_FAILED || (void *)uring->sqes == MAP_FAILED ? -1 : 0;
}

/* What became of the request: 0 or a negative errno. */
static int uring_call(struct uring *uring, const struct io_uring_sqe *sqe)
{
	const struct io_sqring_offsets *sq = &uring->params.sq_off;
	const struct io_cqring_offsets *cq = &uring->params.cq_off;
	unsigned int *tail = (unsigned int *)(uring->rings + sq->tail);
	unsigned int *head = (unsigned int *)(uring->rings + cq->head);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(uring->rings + cq->cqes);
	unsigned int *array = (unsigned int *)(uring->rings + sq->array);
	int res;

	uring->sqes[0] = *sqe;
	array[*tail & (uring->params.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, uring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	res = cqes[*head & (uring->params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

static bool uring_knows(struct uring *uring, unsigned int op)
{
	struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op ops[256];
	} all;

	memset(&all, 0, sizeof(all));
	if (syscall(SYS_io_uring_register, uring->fd, IORING_REGISTER_PROBE, &all, 256))
		return false;
	return op <= all.probe.last_op && (all.ops[op].flags & IO_URING_OP_SUPPORTED);
}

static int uring_at(const struct _test_data_uring *self,
		    const struct _fixture_variant_uring *variant, int op, int fd, int port)
{
	struct io_uring_sqe sqe = { .opcode = op, .flags = variant->flags, .fd = fd };
	struct sockaddr_storage ss;

	if (op != OP_LISTEN) {
		sqe.off = address(&ss, "127.0.0.1", port);
		sqe.addr = (uintptr_t)&ss;
	} else {
		sqe.len = 1;
	}
	return uring_call((struct uring *)&self->uring, &sqe);
}

FIXTURE_SETUP(uring)
{
	if (unfit())
		SKIP(return, "%s", unfit());
	if (uring_open(&self->uring))
		SKIP(return, "no io_uring: %m");
	ASSERT_EQ(enter_world(&self->world), 0);
}

FIXTURE_TEARDOWN(uring)
{
	leave_world(_metadata, &self->world);
}

TEST_F(uring, bind)
{
	int holder = server_on("127.0.0.1", PORT), asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	if (!uring_knows(&self->uring, OP_BIND))
		SKIP(return, "io_uring has no bind here");
	ASSERT_GE(holder, 0);
	ASSERT_EQ(uring_at(self, variant, OP_BIND, asker, PORT), -EADDRINUSE);
	line = expect_event(_metadata, &self->world, "bind", "EADDRINUSE", "listener",
			    endpoint("127.0.0.1", PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(uring_at(self, variant, OP_BIND, asker, 18082), 0);
	EXPECT_EQ(local_port(asker), 18082);
	expect_silence(_metadata, &self->world);
}

TEST_F(uring, listen)
{
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	if (!uring_knows(&self->uring, OP_LISTEN))
		SKIP(return, "io_uring has no listen here");
	ASSERT_EQ(set_on(first, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(set_on(second, SOL_SOCKET, SO_REUSEADDR), 0);
	ASSERT_EQ(bind_to(first, "127.0.0.1", PORT), 0);
	ASSERT_EQ(bind_to(second, "127.0.0.1", PORT), 0);
	ASSERT_EQ(uring_at(self, variant, OP_LISTEN, first, 0), 0);
	ASSERT_EQ(uring_at(self, variant, OP_LISTEN, second, 0), -EADDRINUSE);
	line = expect_event(_metadata, &self->world, "listen", "EADDRINUSE", "listen_lost",
			    endpoint("127.0.0.1", PORT), "");
	EXPECT_EQ(number(line, "pid"), getpid());
	EXPECT_EQ(number(line, "bound_pid"), getpid());
}

TEST_F(uring, connect)
{
	int server = server_on("127.0.0.1", SERVER), client;
	int asker = socket(AF_INET, SOCK_STREAM, 0);
	const char *line;

	ASSERT_GE(server, 0);
	client = client_on(40000, "127.0.0.1", SERVER);
	ASSERT_GE(client, 0);
	ASSERT_EQ(uring_at(self, variant, IORING_OP_CONNECT, asker, SERVER), -EADDRNOTAVAIL);
	line = expect_event(_metadata, &self->world, "connect", "EADDRNOTAVAIL",
			    "no_source_port", "127.0.0.1:0", endpoint("127.0.0.1", SERVER));
	EXPECT_EQ(number(line, "pid"), getpid());
	ASSERT_EQ(range(40000, 40001), 0);
	EXPECT_EQ(uring_at(self, variant, IORING_OP_CONNECT, asker, SERVER), 0);
	expect_silence(_metadata, &self->world);
}

TEST_HARNESS_MAIN
