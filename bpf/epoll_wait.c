// SPDX-License-Identifier: MIT
/*
 * Probe epoll_wait: the turns of event loops. A turn is a wait and the time away until the same thread waits again.
 *
 * Hook: entry and return of do_epoll_wait, through which epoll_wait(2), epoll_pwait(2) and epoll_pwait2(2) go, by fentry
 * and fexit; else the syscall tracepoints of the three. No kretprobe: a thread sleeps inside, and kretprobes of sleepers
 * run out, so that returns are missed.
 *
 * Nothing is streamed a call. The map threads has the present turn of each thread, the map loops what each thread did
 * with each instance that it waits on: a wait is added at its return, the time away at the next entry.
 *
 * A loop that waits very often may be sampled, see sampling.h.
 *
 * Cost: see the benchmark table in README.md. As tracepoints it adds some 50 ns to every system call of the machine,
 * unless another tracepoint on system calls already does.
 *
 * Blind spots: as tracepoints, waits by 32-bit calls. As functions, calls that a seccomp filter refuses, and the return
 * of a wait that began before the probe was attached; and since 5.11 the function begins when the kernel has worked out
 * when the wait is over, so that one of a thread that loses its CPU in between is measured too short. A wait through
 * io_uring (IORING_OP_EPOLL_WAIT, Linux 6.15). A wait counts for what its descriptor was at the entry. The time of the
 * probe itself is in what it measures. The kernel may not tell how long a thread waits on run queues (it does with
 * CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT).
 */
#include "wait.h"
#include "loop_counts.h"

#define IMMEDIATE_NS	20000	/* nothing sleeps so briefly: such a wait found events, or did not wait for any */
#define HOT_RUN		64	/* immediate returns in a row, from which on it is looked at what they return */
#define NS_PER_TICK	10000000	/* USER_HZ is 100 wherever BPF runs */

BPF_TABLE("hash", u32, struct turn, threads, THREADS_MAX);	/* by the number that the kernel has for the thread */
BPF_TABLE("hash", struct loop, struct loop_counts, loops, LOOPS_MAX);
BPF_ARRAY(loops_refused, u64, 1);
BPF_ARRAY(nothing, struct loop_counts, 1);	/* too large for the stack */
BPF_ARRAY(tick, u64, 1);	/* user space adds one before it reads */
BPF_ARRAY(sampling, u64, 1);	/* nanoseconds between measured waits of a loop; 0: each one is measured */

/* include/uapi/linux/eventpoll.h */
struct epoll_event {
	u32 mask;
	u64 data;
#ifdef MACHINE_X86_64
} __attribute__((packed));
#else
};
#endif

/* For how long a thread has waited on run queues, as /proc/PID/schedstat tells, too. */
static __always_inline u64 runq_of(u64 task)
{
#ifdef SCHED_INFO_RUN_DELAY
	return load8(task + TASK_SCHED_INFO + SCHED_INFO_RUN_DELAY);
#else
	return 0;
#endif
}

/* A wait that found a map full is in no count. */
static __always_inline void refuse_wait(void)
{
	u64 *refused;
	int zero = 0;

	refused = loops_refused.lookup(&zero);
	if (refused)
		add_one(refused);
}

/* During the calibration: which thread entered a wait on its instance, and returned. */
static __always_inline void calibrate_wait(struct calibration *known, struct wait *wait, u64 now)
{
	u32 tid = bpf_get_current_pid_tgid();

	if (!known->file || file_of(wait->fd) != known->file)
		return;
	if (now != UNSEEN)
		known->entered_by = tid;
	else if (known->entered_by == tid)
		known->waited_by = tid;
}

/* NULL if this thread's waits are not counted, or there is no room. */
static __always_inline struct turn *first_turn(u64 task, struct wait *wait, u64 now)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct calibration *known;
	struct turn turn = {};
	int zero = 0;

	known = calibration.lookup(&zero);
	if (!known)
		return NULL;
	if (known->token && tid != known->priced) {
		calibrate_wait(known, wait, now);
		return NULL;
	}
	turn.loop.tgid = current_tgid(known);
	/* Outside of the PID namespace it is nobody's here. */
	if (!turn.loop.tgid || (is_left_out(turn.loop.tgid) && tid != known->priced))
		return NULL;
	turn.loop.tid = current_tid(known);
	turn.thread_start_ns = load8(task + TASK_START);
	turn.loop.thread_start_ns = turn.thread_start_ns / NS_PER_TICK * NS_PER_TICK;
	turn.loop.start_ns = leader_start_ns(task) / NS_PER_TICK * NS_PER_TICK;
	turn.generation = -1;	/* none: look the instance up */
	bpf_get_current_comm(&turn.comm, sizeof(turn.comm));
	if (threads.update(&tid, &turn) && now == UNSEEN)
		refuse_wait();
	return threads.lookup(&tid);
}

/* Whether an entry is about the current thread, and not about one before it that had the same number. */
static __always_inline bool is_its(struct turn *turn, u32 self, u64 start_ns)
{
	return (turn->thread_start_ns == start_ns && turn->task == self) ||
	       (!turn->thread_start_ns && turn->loop.thread_start_ns == start_ns / NS_PER_TICK * NS_PER_TICK);
}

static __always_inline void ask_for(struct turn *turn, struct wait *wait)
{
	turn->timeout_ns = wait->timeout_ns;
	turn->events = wait->events;
	turn->maxevents = wait->maxevents;
	turn->call = wait->call;
}

/* The instance that a wait is about: file, unless that is none. Answers whether it is another loop than before. */
static __always_inline bool set_instance(struct turn *turn, u64 file, u64 now)
{
	struct live_instance *instance = NULL;
	struct calibration *known;
	u64 created_ns;
	int zero = 0;

	turn->generation = now;
	known = calibration.lookup(&zero);
	if (file && known && read8(file + FILE_F_OP) == known->f_op)
		instance = live_instances.lookup(&file);
	else
		file = 0;
	created_ns = instance ? instance->created_ns : 0;
	if (file == turn->loop.file && created_ns == turn->loop.created_ns)
		return false;
	turn->loop.file = file;
	turn->loop.created_ns = created_ns;
	turn->run = 0;
	turn->hot_run = 0;
	return true;
}

/*
 * NULL if there is no room. A thread that executes a program takes the place of its process's first thread, which may
 * have counts: they go on.
 */
static __always_inline struct loop_counts *first_counts(struct turn *turn)
{
	struct loop_counts *counts;
	int zero = 0;

	counts = nothing.lookup(&zero);
	if (counts)
		loops.insert(&turn->loop, counts);
	return loops.lookup(&turn->loop);
}

/* The current thread enters a wait that is sampled out, on the same instance as before; false if it must be measured. */
static __always_inline bool enter_sampled_out(struct turn *turn, struct wait *wait)
{
	u64 now = jiffy_now(turn), away = now - turn->returned_ns;
	struct loop_counts *counts;

	if (!turn->left || turn->returned_ns == UNSEEN || away > LONG_NS)
		return false;
	if (away) {	/* once a jiffy */
		counts = loops.lookup(&turn->loop);
		if (!counts)
			return false;
		counts->away_ns += away;
	}
	sample_out(turn);
	ask_for(turn, wait);
	turn->entered_ns = now;
	turn->returned_ns = 0;
	return true;
}

/* The current thread enters a wait; or, if that was not seen, it is about to return. NULL if nothing is to be counted. */
static __always_inline struct turn *enter(struct wait *wait, bool seen)
{
	u32 tid = bpf_get_current_pid_tgid(), self = bpf_get_current_task();
	struct turn *turn = threads.lookup(&tid);
	struct loop_counts *counts = NULL;
	u64 task = current_task(), start_ns = load8(task + TASK_START), file = file_of(wait->fd);
	u64 *of_instances, *of_reader, *interval_ns, cpu_ns, runq_ns, now;
	int zero = 0;

	of_instances = generation.lookup(&zero);
	if (!of_instances)
		return NULL;
	if (turn && is_its(turn, self, start_ns)) {
		if (seen && turn->is_sampled_out && file == turn->loop.file && turn->generation == *of_instances &&
		    enter_sampled_out(turn, wait))
			return turn;
		now = seen ? bpf_ktime_get_boot_ns() : UNSEEN;
		cpu_ns = load8(task + TASK_SE + SE_EXEC_RUNTIME);
		runq_ns = runq_of(task);
		counts = loops.lookup(&turn->loop);
		of_reader = tick.lookup(&zero);
		if (counts && of_reader)
			count_away(counts, turn, now, cpu_ns, runq_ns, *of_reader);
	} else {	/* the verifier of 5.10 refuses to have these three read in one place, before */
		now = seen ? bpf_ktime_get_boot_ns() : UNSEEN;
		cpu_ns = load8(task + TASK_SE + SE_EXEC_RUNTIME);
		runq_ns = runq_of(task);
		turn = first_turn(task, wait, now);
		if (!turn)
			return NULL;
	}
	if ((file != turn->loop.file || turn->generation != *of_instances) && set_instance(turn, file, *of_instances))
		counts = loops.lookup(&turn->loop);
	if (!counts)
		first_counts(turn);
	ask_for(turn, wait);
	turn->thread_start_ns = start_ns;
	turn->task = self;
	turn->cpu_ns = cpu_ns;
	turn->runq_ns = runq_ns;
	turn->entered_ns = now;
	turn->returned_ns = 0;
	interval_ns = sampling.lookup(&zero);
	if (interval_ns)
		sample(turn, seen ? *interval_ns : 0, now);
	return turn;
}

static __always_inline void note_hot(struct turn *turn)
{
	struct epoll_event event = {};

	if (bpf_probe_read_user(&event, sizeof(event), (void *)turn->events))
		return;
	if (event.data != turn->hot_data || event.mask != turn->hot_mask) {
		turn->hot_data = event.data;
		turn->hot_mask = event.mask;
		turn->hot_run = 0;
	}
	turn->hot_run++;
}

/* The current thread's turn, if it waits. */
static __always_inline struct turn *waiting(void)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct turn *turn = threads.lookup(&tid);

	return turn && !turn->returned_ns ? turn : NULL;
}

static __always_inline void leave(struct turn *turn, s32 ret)
{
	u64 now = turn->is_sampled_out ? jiffy_now(turn) : bpf_ktime_get_boot_ns(), runq_ns, *of_reader;
	struct loop_counts *counts = loops.lookup(&turn->loop);
	int zero = 0;

	if (!counts)
		counts = first_counts(turn);
	of_reader = tick.lookup(&zero);
	if (counts && of_reader)
		count_wait(counts, turn, now, ret, *of_reader);
	else
		refuse_wait();
	turn->returned_ns = now;
	if (turn->is_sampled_out && now - turn->entered_ns <= LONG_NS)
		return;
	if (turn->entered_ns != UNSEEN && now - turn->entered_ns < IMMEDIATE_NS) {
		if (++turn->run >= HOT_RUN && ret > 0)
			note_hot(turn);
		return;
	}
	turn->run = 0;
	turn->hot_run = 0;
	bpf_get_current_comm(&turn->comm, sizeof(turn->comm));
	runq_ns = runq_of(current_task());
	if (!turn->thread_start_ns) {
		turn->thread_start_ns = load8(current_task() + TASK_START);
		turn->task = bpf_get_current_task();
		turn->cpu_ns = load8(current_task() + TASK_SE + SE_EXEC_RUNTIME);
	} else if (counts && of_reader && turn->timeout_ns && turn->entered_ns != UNSEEN && !turn->is_sampled_out) {
		count_wake(counts, runq_ns - turn->runq_ns, *of_reader);
	}
	turn->runq_ns = runq_ns;
}

/* Layout of every syscalls:sys_enter_* record since 2.6.33 (kernel/trace/trace.h, struct syscall_trace_enter). */
struct wait_sys_enter {
	u64 common;
	s32 number;
	s64 fd;
	u64 events;
	s64 maxevents;
	u64 fourth;
};

int epoll_wait_sys_enter(struct wait_sys_enter *args)
{
	struct wait wait = { .fd = args->fd, .events = args->events, .maxevents = args->maxevents };

	set_call(&wait, args->number, args->fourth);
	enter(&wait, true);
	return 0;
}

int epoll_wait_sys_exit(struct sys_exit *args)
{
	struct turn *turn = waiting();
	struct wait wait = {};
	u64 regs;

	if (!turn) {
		regs = current_regs();
		wait.fd = read4(regs + REGS_ARGUMENT);
		wait.events = read8(regs + REGS_SECOND);
		wait.maxevents = read4(regs + REGS_THIRD);
		set_call(&wait, args->nr, read8(regs + REGS_FOURTH));
		turn = enter(&wait, false);
	}
	if (turn)
		leave(turn, args->ret);
	return 0;
}

/*
 * Threads sleep inside, and return to where fexit was even when it is detached meanwhile. Kernels that take that place
 * away (e21aa341785c in 5.12 mended it) get no such programs, and so the next rung.
 */
#ifdef FEXIT_MAY_SLEEP

/* The type of the function's fourth argument depends on the kernel, that of the system call's does not. */
static __always_inline void set_call_by_registers(struct wait *wait)
{
	u64 regs = current_regs();
	bool compat = load4(current_task() + COMPAT_FLAGS) & COMPAT_FLAG;

	set_call(wait, read4(regs + REGS_NUMBER), read8(regs + (compat ? REGS_FOURTH_COMPAT : REGS_FOURTH)));
}

KFUNC_PROBE(do_epoll_wait, int fd, u64 events, int maxevents)
{
	struct wait wait = { .fd = fd, .events = events, .maxevents = maxevents };

	set_call_by_registers(&wait);
	enter(&wait, true);
	return 0;
}

KRETFUNC_PROBE(do_epoll_wait, int fd, u64 events, int maxevents, u64 timeout, int ret)
{
	struct wait wait = { .fd = fd, .events = events, .maxevents = maxevents };
	struct turn *turn = waiting();

	if (!turn) {
		set_call_by_registers(&wait);
		turn = enter(&wait, false);
	}
	if (turn)
		leave(turn, ret);
	return 0;
}
#endif
