// SPDX-License-Identifier: MIT
/*
 * What loops do that are away from their instances for long: whether they run, and in which system call they are.
 *
 * Hook: BPF iterator task (Linux 5.8), begun only when the probe epoll_wait has a loop that is late. It yields struct
 * late records, of threads whose turn says that they are.
 *
 * With -DLATE_STACKS_NS also the user stack of those that run, by sample_late at a clock of each CPU. The last one of
 * each thread stays in the map late_samples until user space has read it; how many found no room is in
 * late_samples_refused.
 * Cost: up to 3 us a tick, 8 us if the thread is late.
 *
 * -D: LATE_NS, from when on a loop is late; LATE_STACKS_NS, from when on its stack is taken; TASK_ON_CPU,
 * TASK_THROTTLED, CFS_RQ_THROTTLE_COUNT and SE_CFS_RQ, TASK_SCHED_INFO and SCHED_INFO_RUN_DELAY where the kernel has them.
 *
 * Cost: 1 to 2 us per thread of the machine and pass. Nothing while no loop is late.
 *
 * Blind spots: threads outside the reader's PID namespace. The registers of a thread that runs are those with which it
 * entered the kernel last; user space does not use them.
 */
struct bpf_iter__task {
	union { struct bpf_iter_meta *meta; };
	union { struct task_struct *task; };
};

#define STATE_DEAD	0x80	/* include/linux/sched.h */

/* The first byte of a member: 0 or 1, in a byte of its own or in an int, as kernels have it. */
static __always_inline u8 read1(u64 address)
{
	u8 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* The current kernel's way to say that a control group has no CPU time left for a thread. */
static __always_inline u8 is_throttled(u64 task)
{
#if defined(TASK_THROTTLED)
	return read1(task + TASK_THROTTLED);
#elif defined(CFS_RQ_THROTTLE_COUNT)
	return read4(read8(task + TASK_SE + SE_CFS_RQ) + CFS_RQ_THROTTLE_COUNT) != 0;
#else
	return 0;
#endif
}

static __always_inline u64 regs_of(struct task_struct *task)
{
#ifdef KERNEL_STACK_SIZE
	return read8((u64)task + TASK_STACK) + KERNEL_STACK_SIZE - PT_REGS_SIZE;
#else
	return task_pt_regs(task);
#endif
}

BPF_ITER(task)
{
	struct task_struct *task = ctx->task;
	/* Read, because the verifier lets nobody take the lower half of a pointer. */
	u64 address = read8((u64)&ctx->task), regs;
	struct late late = {};
	struct turn *turn;
	u32 tid;

	if (!task)
		return 0;
	tid = read4(address + TASK_PID);
	turn = threads.lookup(&tid);
	if (!turn || !turn->returned_ns || turn->task != (u32)address)
		return 0;
	late.time_ns = bpf_ktime_get_boot_ns();
	if (late.time_ns < turn->returned_ns + LATE_NS)
		return 0;
	late.loop = turn->loop;
	late.returned_ns = turn->returned_ns;
	late.cpu_ns = read8(address + TASK_SE + SE_EXEC_RUNTIME) - turn->cpu_ns;
#ifdef SCHED_INFO_RUN_DELAY
	late.runq_ns = read8(address + TASK_SCHED_INFO + SCHED_INFO_RUN_DELAY) - turn->runq_ns;
#else
	late.runq_ns = -1;
#endif
#ifdef TASK_ON_CPU
	late.on_cpu = read1(address + TASK_ON_CPU);
#endif
	late.state = read4(address + TASK_STATE);
	late.throttled = is_throttled(address);
	late.compat = (read4(address + COMPAT_FLAGS) & COMPAT_FLAG) != 0;
	regs = regs_of(task);
	if (bpf_probe_read_kernel(&late.number, sizeof(late.number), (void *)(regs + REGS_NUMBER)))
		late.state = STATE_DEAD; /* only then a thread has no kernel stack */
	late.argument = read8(regs + REGS_ARGUMENT);
	late.image = read8(read8(address + TASK_MM) + MM_START_STACK);
	late.ip = read8(regs + REGS_IP);
	late.fp = read8(regs + REGS_FP);
	late.link = read8(regs + REGS_LINK);
	bpf_seq_write(ctx->meta->seq, &late, sizeof(late));
	return 0;
}

#ifdef LATE_STACKS_NS

BPF_TABLE("hash", u32, struct late_sample, late_samples, LATE_SAMPLES_MAX);	/* by thread; those that find it full are sampled after the next poll */
BPF_ARRAY(late_samples_refused, u64, 1);
BPF_PERCPU_ARRAY(late_sampling, struct late_sample, 1);	/* too large for the stack */

int sample_late(struct bpf_perf_event_data *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct turn *turn = threads.lookup(&tid);
	u64 now = bpf_ktime_get_boot_ns();
	struct late_sample *sample;
	u64 *refused;
	int zero = 0;

	if (!turn || !turn->returned_ns || turn->task != (u32)bpf_get_current_task() || now < turn->returned_ns + LATE_STACKS_NS)
		return 0;
	sample = late_sampling.lookup(&zero);
	if (!sample)
		return 0;
	sample->loop = turn->loop;
	sample->returned_ns = turn->returned_ns;
	sample->time_ns = now;
	sample->depth = take_stack(ctx, &sample->stack);
	if (late_samples.update(&tid, sample)) {
		refused = late_samples_refused.lookup(&zero);
		if (refused)
			add_one(refused);
	}
	return 0;
}

#endif
