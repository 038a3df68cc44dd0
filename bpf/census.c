// SPDX-License-Identifier: MIT
/*
 * Census: every descriptor of every process that refers to an epoll instance.
 *
 * Hook: BPF iterator task_file (Linux 5.8). It visits the descriptors of one thread after the other, and yields struct
 * holding records. The kernel leaves out threads that share their leader's table. A leader that has exited has no table,
 * so the kernel visits all its threads, with one and the same table: only the first of them reports it.
 *
 * Bounds: user space sets how many holdings a pass may report, in all and per table. A table with more holdings says so,
 * with a record that has no file. TELLERS_MAX: if more tables belong to no leader, some are reported again.
 *
 * Cost: about 0.3 us per descriptor of the machine, epoll or not. One read(2) visits up to a million.
 *
 * Blind spots: references outside descriptor tables (in flight over a socket, io_uring's fixed files); processes
 * outside the reader's PID namespace. A pass leaves out a thread's own table if it is created during the pass at the
 * address of a table of the same process that was reported and freed meanwhile.
 */

#define TELLERS_MAX	16384	/* 2 MB in the kernel */

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

/* The pass has come to the next thread that has an instance. */
static __always_inline void begin_table(struct pass *now, u64 task)
{
	now->task = task;
	now->skips = is_told(now, task);
	now->held = 0;
	now->told = 0;
	now->cut = 0;
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

static __always_inline void count_held(struct pass *now, struct holding *holding)
{
	now->all++;
	if (++now->held <= now->most)
		return;
	now->most = now->held;
	now->most_start_ns = holding->start_ns;
	now->most_tgid = holding->tgid;
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
	int zero = 0;

	known = calibration.lookup(&zero);
	now = pass.lookup(&zero);
	if (!task || !file || !known || !now || read8(name + FILE_F_OP) != known->f_op)
		return 0;
	holding.tgid = tgid_of((u64)task, known);
	if (!holding.tgid || is_left_out(holding.tgid))
		return 0;
	if (now->task != (u64)task)
		begin_table(now, (u64)task);
	if (now->skips)
		return 0;
	holding.start_ns = leader_start_ns((u64)task);
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
	count_held(now, &holding);
	return 0;
}
