// SPDX-License-Identifier: MIT
/*
 * Probe epoll_wait: a thread waited on an instance.
 *
 * Hook: the return of do_epoll_wait by fexit; else the syscall tracepoints of epoll_wait(2), epoll_pwait(2) and
 * epoll_pwait2(2). No kretprobe: a thread sleeps inside, and kretprobes of sleepers run out, so that returns are missed.
 *
 * Waits are summed by loop, which is a thread with an instance it waits on. Nothing is streamed a call.
 *
 * Cost: see the benchmark table in README.md. As tracepoints it adds some 50 ns to every system call of the machine,
 * unless another tracepoint on system calls already does.
 *
 * Blind spots: as tracepoints, waits by 32-bit calls. A wait through io_uring (IORING_OP_EPOLL_WAIT, Linux 6.15). A wait
 * whose descriptor another thread closes or replaces meanwhile counts for what the descriptor is at the return.
 */

#define LOOPS_MAX 16384		/* more than 10,000 loops, and those of processes not yet known to be gone; 1 MB */

BPF_TABLE("hash", struct loop, struct loop_counts, loops, LOOPS_MAX);
BPF_ARRAY(loops_refused, u64, 1);

static __always_inline int wait_returned(int epfd)
{
	u64 task = bpf_get_current_task();
	struct loop_counts *counts, none = {};
	struct live_instance *instance;
	struct calibration *known;
	struct loop key = {};
	u64 *refused;
	int zero = 0;

	known = calibration.lookup(&zero);
	refused = loops_refused.lookup(&zero);
	if (!known || !refused)
		return 0;
	key.file = file_of(epfd);
	if (!key.file || read8(key.file + FILE_F_OP) != known->f_op)
		return 0;
	if (known->token) {
		if (key.file == known->file)
			known->waited_by = bpf_get_current_pid_tgid();
		return 0;
	}
	key.tgid = current_tgid(known);
	/* Outside of the PID namespace it is nobody's here. */
	if (!key.tgid || is_left_out(key.tgid))
		return 0;
	key.tid = current_tid(known);
	key.start_ns = leader_start_ns(task);
	key.thread_start_ns = read8(task + TASK_START);
	instance = live_instances.lookup(&key.file);
	if (instance)
		key.created_ns = instance->created_ns;
	counts = loops.lookup_or_try_init(&key, &none);
	if (counts)
		add_one(&counts->waits);
	else
		add_one(refused);
	return 0;
}

int epoll_wait_sys_exit(struct sys_exit *args)
{
	return wait_returned(current_argument(REGS_ARGUMENT));
}

KRETFUNC_PROBE(do_epoll_wait, int epfd, void *events, int maxevents, void *to, int ret)
{
	return wait_returned(epfd);
}
