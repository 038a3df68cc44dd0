// SPDX-License-Identifier: MIT
/*
 * Probe epoll_create: an instance was created, or a creation failed.
 *
 * Hook: the return of epoll_create(2) and epoll_create1(2), by fexit, else kretprobe, else syscall tracepoint. The
 * instance is found through the returned descriptor; size or flags come from the registers saved at system call entry,
 * so no enter probe is needed.
 *
 * Cost: see the benchmark table in README.md. A syscall tracepoint adds some 50 ns to every system call of the machine;
 * the function probes add nothing to others.
 *
 * Blind spots: a tracepoint does not see creations by 32-bit calls, which 64-bit programs can make, too (int $0x80,
 * x32). If another thread closes the descriptor before the call returns, the creation has no instance (file 0).
 *
 * With -DSTACKS each event has the user stack (stack.c); creations left out in a storm have none. Cost: about 1.5 us per
 * creation with an event, and 0.1 us per frame; none without -DSTACKS.
 *
 * Blind spots of stacks: the kernel follows frame pointers, so a stack ends, or lacks a caller, at code that was compiled
 * without them. The kernel does not wait for pages that are not in memory; a stack ends there, too.
 */

static __always_inline int instance_created(void *ctx, u8 syscall, u32 argument, int ret)
{
	u64 now = bpf_ktime_get_boot_ns();
	struct calibration *known;
	struct totals *all;
	struct counts *counts;
	struct live_instance instance = {};
	struct event event = {};
	u64 file = file_of(ret);
	u64 f_op = file ? read8(file + FILE_F_OP) : 0;
	bool detailed = true;
	int zero = 0;

	known = calibration.lookup(&zero);
	all = totals.lookup(&zero);
	if (!known || !all)
		return 0;
	if (known->token) {
		if (argument == known->token) {
			known->caller = bpf_get_current_pid_tgid();
			set_pid_namespace(known);
		} else if (known->caller == (u32)bpf_get_current_pid_tgid()) {
			known->f_op = f_op;
			known->file = file;
		}
		return 0;
	}
	if (!known->f_op)
		return 0;
	if (f_op != known->f_op)
		file = 0;

	instance.created_ns = now;
	instance.start_ns = leader_start_ns(bpf_get_current_task());
	instance.tgid = current_tgid(known);
	instance.tid = current_tid(known);
	instance.argument = argument;
	instance.syscall = syscall;
	/* Created outside the PID namespace: it belongs to no process here. Noted, so that its release is recognised. */
	if (!instance.tgid || is_left_out(instance.tgid)) {
		if (file)
			live_instances.update(&file, &instance);
		begin_generation();
		return 0;
	}
	counts = counts_of(instance.tgid, instance.start_ns, all);
	if (ret < 0) {
		add_one(&all->failed);
		if (counts) {
			add_one(&counts->failed);
			detailed = in_detail(&counts->failed_next_ns, now);
			if (!detailed) {
				add_one(&all->failed_sampled_out);
				add_one(&counts->failed_sampled_out);
			}
		}
	} else {
		add_one(&all->created);
		if (counts) {
			add_one(&counts->created);
			detailed = in_detail(&counts->next_ns, now);
			if (!detailed) {
				add_one(&all->sampled_out);
				add_one(&counts->sampled_out);
			}
		}
	}
	instance.sampled_out = !detailed;
	if (file && live_instances.update(&file, &instance))
		add_one(&all->overflowed);
	begin_generation();
	if (!detailed)
		return 0;
	event.time_ns = now;
	event.kind = ret < 0 ? KIND_CREATE_FAILED : KIND_CREATE;
	event.file = file;
	event.created_ns = file ? now : 0;
	event.ret = ret;
	event.syscall = syscall;
	event.argument = argument;
	event.tgid = instance.tgid;
	event.start_ns = instance.start_ns;
	set_actor(&event, known);
	submit_with_stack(ctx, &event, all);
	return 0;
}

/* The first argument of the current task's 64-bit or 32-bit system call. */
static __always_inline u32 current_argument(u64 register_offset)
{
	return read4(current_regs() + register_offset);
}

int epoll_create_sys_exit(struct sys_exit *args)
{
	return instance_created(args, SYSCALL_EPOLL_CREATE, current_argument(REGS_ARGUMENT), args->ret);
}

int epoll_create1_sys_exit(struct sys_exit *args)
{
	return instance_created(args, SYSCALL_EPOLL_CREATE1, current_argument(REGS_ARGUMENT), args->ret);
}

/*
 * The same for 32-bit calls, which have no tracepoint of their own (ARCH_TRACE_IGNORE_COMPAT_SYSCALLS): the raw
 * tracepoint at the end of every system call. Arguments: registers, result. Attached only on demand, because it
 * slows down every system call.
 *
 * A call of the x32 ABI is a 64-bit call. Its number has an extra bit, and its arguments are in the usual registers.
 * A kernel without x32 has no such call and answers ENOSYS.
 */
#ifdef COMPAT
int compat_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 regs = ctx->args[0];

#ifdef X32_EPOLL_CREATE1
	if (ctx->args[1] != -ENOSYS) {
		switch (read4(regs + REGS_NUMBER)) {
		case X32_EPOLL_CREATE:
			return instance_created(ctx, SYSCALL_EPOLL_CREATE, read4(regs + REGS_ARGUMENT), ctx->args[1]);
		case X32_EPOLL_CREATE1:
			return instance_created(ctx, SYSCALL_EPOLL_CREATE1, read4(regs + REGS_ARGUMENT), ctx->args[1]);
		}
	}
#endif
	/* thread_info is the first member of task_struct (CONFIG_THREAD_INFO_IN_TASK, x86 since 4.9, arm64 since 4.10). */
	if (!(read4(bpf_get_current_task() + COMPAT_FLAGS) & COMPAT_FLAG))
		return 0;
	switch (read4(regs + REGS_NUMBER)) {
	case COMPAT_EPOLL_CREATE:
		return instance_created(ctx, SYSCALL_EPOLL_CREATE, read4(regs + REGS_ARGUMENT_COMPAT), ctx->args[1]);
	case COMPAT_EPOLL_CREATE1:
		return instance_created(ctx, SYSCALL_EPOLL_CREATE1, read4(regs + REGS_ARGUMENT_COMPAT), ctx->args[1]);
	}
	return 0;
}
#endif

struct pt_regs;

int epoll_create_return(struct pt_regs *regs)
{
	return instance_created(regs, SYSCALL_EPOLL_CREATE, current_argument(REGS_ARGUMENT),
				read8((u64)regs + REGS_RET));
}

int epoll_create1_return(struct pt_regs *regs)
{
	return instance_created(regs, SYSCALL_EPOLL_CREATE1, current_argument(REGS_ARGUMENT),
				read8((u64)regs + REGS_RET));
}

int epoll_create_compat_return(struct pt_regs *regs)
{
	return instance_created(regs, SYSCALL_EPOLL_CREATE, current_argument(REGS_ARGUMENT_COMPAT),
				read8((u64)regs + REGS_RET));
}

int epoll_create1_compat_return(struct pt_regs *regs)
{
	return instance_created(regs, SYSCALL_EPOLL_CREATE1, current_argument(REGS_ARGUMENT_COMPAT),
				read8((u64)regs + REGS_RET));
}

/* Not through regs: before Linux 5.15 the BTF of some builds knows no struct pt_regs there, and the verifier refuses. */
#define RETURN_OF(function, syscall, register_offset)						\
	KRETFUNC_PROBE(function, struct pt_regs *regs, long ret)				\
	{											\
		return instance_created(ctx, syscall, current_argument(register_offset), ret);	\
	}

#ifdef MACHINE_X86_64
RETURN_OF(__x64_sys_epoll_create, SYSCALL_EPOLL_CREATE, REGS_ARGUMENT)
RETURN_OF(__x64_sys_epoll_create1, SYSCALL_EPOLL_CREATE1, REGS_ARGUMENT)
RETURN_OF(__ia32_sys_epoll_create, SYSCALL_EPOLL_CREATE, REGS_ARGUMENT_COMPAT)
RETURN_OF(__ia32_sys_epoll_create1, SYSCALL_EPOLL_CREATE1, REGS_ARGUMENT_COMPAT)
#elif defined(MACHINE_AARCH64)
RETURN_OF(__arm64_sys_epoll_create, SYSCALL_EPOLL_CREATE, REGS_ARGUMENT)
RETURN_OF(__arm64_sys_epoll_create1, SYSCALL_EPOLL_CREATE1, REGS_ARGUMENT)
#else
#error "no functions of this machine"
#endif
