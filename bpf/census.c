// SPDX-License-Identifier: MIT
/*
 * Census: every descriptor of every process that refers to an epoll instance, and how many descriptors each process has
 * for files of each kind.
 *
 * Hook: BPF iterator task_file (Linux 5.8). It visits the descriptors of one thread after the other, and yields struct
 * holding records. The kernel leaves out threads that share their leader's table. A leader that has exited has no table,
 * so the kernel visits all its threads, with one and the same table: only the first of them reports it.
 *
 * Bounds: user space sets how many holdings a pass may report, in all and per table. A table with more holdings says so,
 * with a record that has no file. TELLERS_MAX: if more tables belong to no leader, some are reported again, and counted
 * again. PROCESSES_MAX: if there are more processes, the descriptors of some are not counted.
 *
 * The kind of a file follows from its file system: sockets, pipes and anonymous files have one of their own each, and
 * the name of an anonymous file is what its maker gave it, the same in all kernels since 5.8. That is what the links of
 * /proc/PID/fd show. No file need be opened for it, so io_uring is told apart also where epolltop may not set one up.
 * Counts are summed in the pass, and put into a map when it comes to the next table.
 *
 * Cost: about 0.3 us per descriptor of the machine, epoll or not. One read(2) visits up to a million.
 *
 * Blind spots: references outside descriptor tables (in flight over a socket, io_uring's fixed files); processes
 * outside the reader's PID namespace. A pass leaves out a thread's own table if it is created during the pass at the
 * address of a table of the same process that was reported and freed meanwhile.
 */

#define TELLERS_MAX	16384	/* 2 MB in the kernel */

/* include/uapi/linux/magic.h; pidfs since Linux 6.9. What is in no such file system is opened by a path. */
#define SOCKFS_MAGIC		0x534f434b
#define PIPEFS_MAGIC		0x50495045
#define NSFS_MAGIC		0x6e736673
#define PID_FS_MAGIC		0x50494446

/* The first bytes of a name, as a number of a little-endian machine. */
#define NAME8(a, b, c, d, e, f, g, h) \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | \
	 (u64)(e) << 32 | (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)
#define EVENTFD_NAME	NAME8('[', 'e', 'v', 'e', 'n', 't', 'f', 'd')
#define TIMERFD_NAME	NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 'd')
#define INOTIFY_NAME	NAME8('i', 'n', 'o', 't', 'i', 'f', 'y', 0)
#define IO_URING_NAME	NAME8('[', 'i', 'o', '_', 'u', 'r', 'i', 'n')

struct seq_file;
struct task_struct;
struct file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task_file {
	union { struct bpf_iter_meta *meta; };
	union { struct task_struct *task; };
	u32 fd;
	union { struct file *file; };
};

/* A descriptor table of a process that is not its leader's. */
struct table {
	u64 files;
	u64 tgid;
};

/* The thread that tells it, in which pass. */
struct teller {
	u64 pass;
	u64 task;
};

BPF_ARRAY(pass, struct pass, 1);
BPF_TABLE("lru_hash", struct table, struct teller, tellers, TELLERS_MAX);
BPF_TABLE("hash", struct process, struct descriptors, descriptors, PROCESSES_MAX);

static __always_inline bool is_told(struct pass *now, u64 task)
{
	struct table table = { .files = read8(task + TASK_FILES), .tgid = read4(task + TASK_TGID) };
	struct teller teller = { .pass = now->number, .task = task };
	struct teller *first;

	if (read8(task + TASK_GROUP_LEADER) == task)
		return false;
	first = tellers.lookup(&table);
	if (first && first->pass == now->number)
		return first->task != task;
	tellers.update(&table, &teller);
	return false;
}

/* Puts the counts of the present table into the map. There is none after that, so that it is done once. */
static __always_inline void end_table(struct pass *now)
{
	struct process key = { .tgid = now->tgid, .start_ns = now->start_ns };
	struct descriptors counted = { .pass = now->number };
	struct descriptors *others;

	if (!now->task || now->skips)
		return;
	now->task = 0;
	others = descriptors.lookup(&key);
	if (others && others->pass != now->number)
		others = 0;
#pragma unroll
	for (int kind = 0; kind < FILE_KINDS; kind++)
		counted.of[kind] = now->of[kind] + (others ? others->of[kind] : 0);
	if (descriptors.update(&key, &counted))
		now->refused++;
}

/* The pass has come to the next thread. */
static __always_inline void begin_table(struct pass *now, u64 task, struct calibration *known)
{
	now->task = task;
	now->kernel_tgid = read4(task + TASK_TGID);
	now->tgid = tgid_of(task, known);
	now->start_ns = leader_start_ns(task);
	now->skips = !now->tgid || is_left_out(now->tgid) || is_told(now, task);
	now->held = 0;
	now->told = 0;
	now->cut = 0;
	__builtin_memset(now->of, 0, sizeof(now->of));
}

static __always_inline u32 kind_of(u64 file)
{
	switch (load8(load8(load8(file + FILE_F_INODE) + INODE_SB) + SB_MAGIC)) {
	case SOCKFS_MAGIC:
		return FILE_SOCKET;
	case PIPEFS_MAGIC:
		return FILE_PIPE;
	case NSFS_MAGIC:
	case PID_FS_MAGIC:
		return FILE_OTHER;
	case ANON_INODE_FS_MAGIC:
		break;
	default:
		return FILE_PATH;
	}
	switch (read8(load8(load8(file + FILE_F_PATH + PATH_DENTRY) + DENTRY_D_NAME + QSTR_NAME))) {
	case EVENTFD_NAME:
		return FILE_EVENTFD;
	case TIMERFD_NAME:
		return FILE_TIMERFD;
	case INOTIFY_NAME:
		return FILE_INOTIFY;
	case IO_URING_NAME:
		return FILE_IO_URING;
	}
	return FILE_OTHER;
}

static __always_inline void set_creation(struct holding *holding, struct live_instance *instance)
{
	holding->created_ns = instance->created_ns;
	holding->creator_start_ns = instance->start_ns;
	holding->creator = instance->tgid;
	holding->creator_tid = instance->tid;
	holding->argument = instance->argument;
	holding->syscall = instance->syscall;
}

static __always_inline void count_held(struct pass *now)
{
	now->all++;
	if (++now->held <= now->most)
		return;
	now->most = now->held;
	now->most_start_ns = now->start_ns;
	now->most_tgid = now->tgid;
}

/* Whether a descriptor is closed when the program that has it executes another one. Four reads. */
static __always_inline u8 cloexec_of(u64 task, u32 fd)
{
	u64 fdt = read8(read8(task + TASK_FILES) + FILES_FDT), word = 0;
	u64 bits = read8(fdt + FDTABLE_CLOSE_ON_EXEC);

	/* The table may just be replaced by a longer one, or go with its process. */
	if (!bits || fd >= read4(fdt + FDTABLE_MAX_FDS) ||
	    bpf_probe_read_kernel(&word, sizeof(word), (void *)(bits + fd / 64 * sizeof(word))))
		return CLOEXEC_UNKNOWN;
	return word >> fd % 64 & 1 ? CLOEXEC_CLOSED : CLOEXEC_KEPT;
}

/*
 * Whatever is written may find the reader's buffer full: then the kernel comes back with the same descriptor, so that
 * nothing is noted before.
 */
BPF_ITER(task_file)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct holding holding = {};
	struct calibration *known;
	struct live_instance *instance;
	struct pass *now;
	u64 name = (u64)file;
	u32 kind;
	int zero = 0;

	known = calibration.lookup(&zero);
	now = pass.lookup(&zero);
	if (!known || !now)
		return 0;
	if (!task || !file) {	/* the end of the pass */
		end_table(now);
		return 0;
	}
	/* In this order: where both addresses are equal the compiler loads from either, and the verifier allows one. */
	if (now->kernel_tgid != load4((u64)task + TASK_TGID) || now->task != (u64)task) {
		end_table(now);
		begin_table(now, (u64)task, known);
	}
	if (now->skips)
		return 0;
	if (load8(name + FILE_F_OP) != known->f_op) {
		kind = kind_of(name);
		if (kind < FILE_KINDS)	/* for the verifier */
			now->of[kind]++;
		return 0;
	}
	holding.tgid = now->tgid;
	holding.start_ns = now->start_ns;
	if (now->room && now->told < now->each) {
		instance = live_instances.lookup(&name);
		if (instance)
			set_creation(&holding, instance);
		holding.file = name;
		holding.fd = ctx->fd;
		holding.cloexec = cloexec_of((u64)task, ctx->fd);
		if (bpf_seq_write(seq, &holding, sizeof(holding)))
			return 0;
		now->told++;
		now->room--;
	} else if (!now->cut) {
		if (bpf_seq_write(seq, &holding, sizeof(holding)))
			return 0;
		now->cut = 1;
	}
	now->of[FILE_EPOLL]++;
	count_held(now);
	return 0;
}
