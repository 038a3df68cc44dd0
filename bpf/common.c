// SPDX-License-Identifier: MIT
/*
 * Maps and steps that the probes share. BCC rewrites only the file that it is given, so the loader passes this file and
 * the probes as one translation unit, in that order.
 *
 * Maps are preallocated, because the probes run where allocating is not safe (the release may come from inside the slab
 * allocator).
 *
 * -D: OWN_TGID (0: epolltop has no pid here), INCLUDE_SELF (leave out no process), the structure offsets FILE_F_OP ...
 * and sizes UPID_SIZE ... from BTF, and the values of sizes.py: LIVE_INSTANCES_MAX (live instances whose creation a
 * probe saw), PROCESSES_MAX (processes that acted and are not yet known to be gone), EVENT_INTERVAL_NS, EVENT_BURST_NS.
 * PID_NAMESPACE_UP, to show the pids of another PID namespace: how many levels it is above epolltop's own.
 * KERNEL_STACK_SIZE, if bpf_task_pt_regs is missing (before Linux 5.15).
 */
#include "wire.h"
#include "helpers.h"

#define NO_UID		0xffffffff	/* overflows to no valid uid, include/linux/uidgid.h */
#define PF_KTHREAD	0x00200000	/* include/linux/sched.h, unchanged since 2.6.27 */
#define ENOENT		2		/* include/uapi/asm-generic/errno-base.h */
#define ENOSYS		38		/* include/uapi/asm-generic/errno.h */
#define EOPNOTSUPP	95		/* include/uapi/asm-generic/errno.h */
#define ANON_INODE_FS_MAGIC 0x09041934	/* include/uapi/linux/magic.h */

BPF_PERF_OUTPUT(events);
BPF_TABLE("hash", u64, struct live_instance, live_instances, LIVE_INSTANCES_MAX);
BPF_TABLE("hash", struct process, struct counts, processes, PROCESSES_MAX);
BPF_PERCPU_ARRAY(totals, struct totals, 1);
BPF_ARRAY(calibration, struct calibration, 1);
BPF_ARRAY(generation, u64, 1);	/* another number after each creation and release of an instance */

static __always_inline u64 read8(u64 address)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

static __always_inline u32 read4(u64 address)
{
	u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/*
 * The current task, and members of what it leads to. Since Linux 5.11 the verifier knows their types, and lets a load be
 * a load, at a fifth of what a helper costs.
 */
#ifdef TYPED_TASK
#define load8(address) (*(u64 *)(address))
#define load4(address) (*(u32 *)(address))

static __always_inline u64 current_task(void)
{
	return (u64)typed_task();
}
#else
#define load8 read8
#define load4 read4
#define current_task bpf_get_current_task
#endif

/*
 * Pids are those that /proc shows. In the machine's own PID namespace these are the kernel's; in another one, each is
 * looked up as pid_nr_ns() does, which costs four reads.
 */
#ifdef PID_NAMESPACE_UP
/* 0 if the task is outside of the namespace: it has no number there. */
static __always_inline u32 number_of(u64 task, struct calibration *known)
{
	u64 pid = read8(task + TASK_THREAD_PID);
	u64 number = pid + PID_NUMBERS + (u64)known->pid_level * UPID_SIZE;

	if (read4(pid + PID_LEVEL) < known->pid_level || read8(number + UPID_NS) != known->pid_namespace)
		return 0;
	return read4(number + UPID_NR);
}

static __always_inline u32 tgid_of(u64 task, struct calibration *known)
{
	return number_of(read8(task + TASK_GROUP_LEADER), known);
}

static __always_inline u32 current_tgid(struct calibration *known)
{
	return tgid_of(bpf_get_current_task(), known);
}

static __always_inline u32 current_tid(struct calibration *known)
{
	return number_of(bpf_get_current_task(), known);
}

static __always_inline void set_pid_namespace(struct calibration *known)
{
	u64 pid = read8(bpf_get_current_task() + TASK_THREAD_PID);

	known->pid_level = read4(pid + PID_LEVEL) - PID_NAMESPACE_UP;
	known->pid_namespace = read8(pid + PID_NUMBERS + (u64)known->pid_level * UPID_SIZE + UPID_NS);
}
#else
static __always_inline u32 tgid_of(u64 task, struct calibration *known)
{
	return read4(task + TASK_TGID);
}

static __always_inline u32 current_tgid(struct calibration *known)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline u32 current_tid(struct calibration *known)
{
	return bpf_get_current_pid_tgid();
}

static __always_inline void set_pid_namespace(struct calibration *known)
{
}
#endif

/*
 * Where the registers of the current task's system call were saved. Before Linux 5.15 they are found as
 * task_pt_regs() finds them: at the top of the kernel stack.
 */
static __always_inline u64 current_regs(void)
{
#ifdef KERNEL_STACK_SIZE
	return read8(bpf_get_current_task() + TASK_STACK) + KERNEL_STACK_SIZE - PT_REGS_SIZE;
#else
	return task_pt_regs(bpf_get_current_task_btf());
#endif
}

/* Whether a process is epolltop itself: its instances count only if the user asks for them. */
static __always_inline bool is_left_out(u32 tgid)
{
#ifdef INCLUDE_SELF
	return false;
#else
	return OWN_TGID && tgid == OWN_TGID;
#endif
}

/* Layout of every syscalls:sys_exit_* record since 2.6.33 (kernel/trace/trace.h, struct syscall_trace_exit). */
struct sys_exit {
	u64 common;
	s64 nr;
	s64 ret;
};

/* Atomic although some are per CPU: a raw tracepoint's program may be preempted by another one on its CPU. */
static __always_inline void add_one(u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* An instance came or went. */
static __always_inline void begin_generation(void)
{
	u64 *now;
	int zero = 0;

	now = generation.lookup(&zero);
	if (now)
		add_one(now);
}

/* The struct file behind a descriptor of the current task; 0 if it is already closed again. */
static __always_inline u64 file_of(int fd)
{
	u64 fdt = load8(load8(current_task() + TASK_FILES) + FILES_FDT);

	if ((u32)fd >= load4(fdt + FDTABLE_MAX_FDS))
		return 0;
	return read8(load8(fdt + FDTABLE_FD) + sizeof(u64) * (u32)fd);
}

static __always_inline u64 leader_start_ns(u64 task)
{
	return read8(read8(task + TASK_GROUP_LEADER) + TASK_START);
}

static __always_inline struct counts *counts_of(u32 tgid, u64 start_ns, struct totals *all)
{
	struct process key = { .tgid = tgid, .start_ns = start_ns };
	struct counts none = {};
	struct counts *counts = processes.lookup_or_try_init(&key, &none);

	if (!counts) {
		add_one(&all->overflowed);
		add_one(&all->unattributed);
	}
	return counts;
}

/*
 * Whether one more instance, or failure, of a process may be told in detail: a token bucket in one number. Two CPUs may
 * both pass on the same token; that costs an event, not a count.
 */
static __always_inline bool in_detail(u64 *next_ns, u64 now)
{
	u64 due = *next_ns > now ? *next_ns : now;

	if (due - now > EVENT_BURST_NS)
		return false;
	*next_ns = due + EVENT_INTERVAL_NS;
	return true;
}

/* Writes the current task into an event as the actor. The event's process is set already. */
static __always_inline void set_actor(struct event *event, struct calibration *known)
{
	event->tid = current_tid(known);
	event->uid = bpf_get_current_uid_gid();
	event->ppid = tgid_of(read8(bpf_get_current_task() + TASK_REAL_PARENT), known);
	event->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(&event->comm, sizeof(event->comm));
}

/* Counts whether an event was handed over. Two errors mean that this CPU has no buffer: not yet, or no longer. */
static __always_inline void note_delivery(int error, struct totals *all)
{
	if (!error) {
		add_one(&all->delivered);
		return;
	}
	add_one(&all->lost);
	if (error == -ENOENT || error == -EOPNOTSUPP)
		add_one(&all->no_buffer);
}

static __always_inline void submit(void *ctx, struct event *event, struct totals *all)
{
	note_delivery(events.perf_submit(ctx, event, sizeof(*event)), all);
}
