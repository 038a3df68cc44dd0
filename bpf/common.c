// SPDX-License-Identifier: MIT
/*
 * Maps and steps that the probes share. BCC rewrites only the file it is given, so the loader hands it this file and
 * the probes as one translation unit; they are read in that order.
 *
 * Memory in the kernel: births 16 MB and processes 4 MB at most, both preallocated, because the probes run where
 * allocating is not safe (the release may come from inside the slab allocator).
 *
 * -D: OWN_TGID (0: leave nobody out), the structure offsets FILE_F_OP ... from BTF, EVENT_INTERVAL_NS, EVENT_BURST_NS.
 */
#include "wire.h"
#include "helpers.h"

#define BIRTHS_MAX	131072	/* instances that are alive and were created under our eyes */
#define PROCESSES_MAX	32768	/* processes that acted and are not yet known to be gone */
#define NO_UID		0xffffffff	/* overflows to no valid uid, include/linux/uidgid.h */
#define PF_KTHREAD	0x00200000	/* include/linux/sched.h, unchanged since 2.6.27 */

/* An instance from its creation to its release. */
struct birth {
	u64 created_ns;
	u64 start_ns;		/* of the creator's group leader */
	u32 tgid;		/* of the creator */
	u32 argument;
	u8 syscall;
	u8 sampled_out;		/* its creation was left out, so its release will be */
	u8 pad[6];
};

BPF_PERF_OUTPUT(events);
BPF_TABLE("hash", u64, struct birth, births, BIRTHS_MAX);
BPF_TABLE("hash", struct process, struct counts, processes, PROCESSES_MAX);
BPF_PERCPU_ARRAY(totals, struct totals, 1);
BPF_ARRAY(lesson, struct lesson, 1);

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

/* Atomic although some are per CPU: a raw tracepoint's program may be preempted by another one on its CPU. */
static __always_inline void add_one(u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* The struct file behind a descriptor of the current task; 0 if it is already closed again. */
static __always_inline u64 file_of(int fd)
{
	u64 fdt = read8(read8(bpf_get_current_task() + TASK_FILES) + FILES_FDT);

	if (fd < 0 || fd >= read4(fdt + FDTABLE_MAX_FDS))
		return 0;
	return read8(read8(fdt + FDTABLE_FD) + sizeof(u64) * fd);
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

	if (!counts)
		add_one(&all->overflowed);
	return counts;
}

/*
 * Whether one more instance of this process may be told in detail: a token bucket in one number. Two CPUs may both pass
 * on the same token; that costs an event, not a count.
 */
static __always_inline bool in_detail(struct counts *counts, u64 now)
{
	u64 due;

	if (!counts)
		return true;
	due = counts->next_ns > now ? counts->next_ns : now;
	if (due - now > EVENT_BURST_NS)
		return false;
	counts->next_ns = due + EVENT_INTERVAL_NS;
	return true;
}

/* The event, whose process is set, is about what the current task does. */
static __always_inline void set_actor(struct event *event)
{
	event->tid = bpf_get_current_pid_tgid();
	event->uid = bpf_get_current_uid_gid();
	event->ppid = read4(read8(bpf_get_current_task() + TASK_REAL_PARENT) + TASK_TGID);
	event->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(&event->comm, sizeof(event->comm));
}

/* Hands the event over or counts it lost. */
static __always_inline void submit(void *ctx, struct event *event, struct totals *all)
{
	if (events.perf_submit(ctx, event, sizeof(*event)))
		add_one(&all->lost);
	else
		add_one(&all->delivered);
}
