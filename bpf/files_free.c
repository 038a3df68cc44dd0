// SPDX-License-Identifier: MIT
/*
 * Probe files_free: an instance was released, because the last reference to its file was dropped.
 *
 * Hook: ep_eventpoll_release(inode, file) by fentry, else kprobe; else raw tracepoint kmem_cache_free, where the file
 * returns to its slab cache: an object of the filp cache with the f_op eventpoll_fops is an instance that ends.
 *
 * Cost: see the benchmark table in README.md. The slab hook adds about 40 ns to every free of a slab object; the
 * function probes add nothing.
 *
 * Blind spots: the actor is the task that dropped the last reference. It may be a kernel thread (descriptors in flight)
 * or a task that only looks: the iterator, and each call about /proc/PID/fd, holds a file while it looks at it. In that
 * case nobody knows who closed the last descriptor, and the release counts for the creator, if the creator is known.
 * The slab hook is prompt only if files are freed in place (verified on 6.18). The loader tries it on an instance of its
 * own, and does not use it if the file comes back late or from another task.
 */

#define PF_EXITING		0x00000004	/* include/linux/sched.h, unchanged since 2.6 */
#define PROC_SUPER_MAGIC	0x9fa0		/* include/uapi/linux/magic.h */

/* Reads on these file systems return lines of /proc/PID/fdinfo or of a BPF iterator. They do not receive descriptors. */
static __always_inline bool shows_files(u64 file)
{
	u64 magic = read8(read8(read8(file + FILE_F_INODE) + INODE_SB) + SB_MAGIC);

	return magic == PROC_SUPER_MAGIC || magic == ANON_INODE_FS_MAGIC;
}

/*
 * Whether the current task is in a call that looks at the files of others and closes none: references are dropped at the
 * end of the call that took them. A killed task closes its own descriptors, whatever call it was in.
 */
static __always_inline bool is_looking(void)
{
	u32 flags = read4(bpf_get_current_task() + TASK_FLAGS);
	u64 regs;

	if (flags & (PF_EXITING | PF_KTHREAD))
		return false;
	regs = current_regs();
	switch (read4(regs + REGS_NUMBER)) {
	case CALL_READ:
	case CALL_PREAD64:
		return shows_files(file_of(read4(regs + REGS_ARGUMENT)));
	case CALL_GETDENTS64:
	case CALL_OPENAT:
	case CALL_NEWFSTATAT:
	case CALL_READLINKAT:
	case CALL_KCMP:
	case CALL_STATX:
#ifdef CALL_OPEN
	case CALL_OPEN:
	case CALL_STAT:
	case CALL_LSTAT:
	case CALL_READLINK:
#endif
		return true;
	}
	return false;
}

static __always_inline int instance_released(void *ctx, u64 file)
{
	struct live_instance *found, instance = {};
	struct counts *counts = NULL;
	struct calibration *known;
	struct totals *all;
	struct event event = {};
	u32 tgid;
	int zero = 0;

	known = calibration.lookup(&zero);
	all = totals.lookup(&zero);
	if (!known || !all)
		return 0;
	if (known->token) {
		if (file == known->file)
			known->freed_by = bpf_get_current_pid_tgid();
		return 0;
	}
	found = live_instances.lookup(&file);
	if (found) {
		instance = *found;
		live_instances.delete(&file);
	}
	begin_generation();
	if (found && is_left_out(instance.tgid))
		return 0;
	tgid = current_tgid(known);
	/* A task outside the PID namespace dropped it. If it was also created outside, it belongs to no process here.
	 * For an instance older than the trace, only a census can tell. */
	if (!tgid && !instance.tgid) {
		if (!found)
			add_one(&all->untold_releases);
		return 0;
	}
	if (tgid != instance.tgid && ((OWN_TGID && tgid == OWN_TGID) || is_looking())) {
		event.flags = EVENT_BY_CENSUS;
		event.tgid = instance.tgid;
		event.start_ns = instance.start_ns;
		event.uid = NO_UID;
	} else {
		event.tgid = tgid;
		event.start_ns = leader_start_ns(bpf_get_current_task());
		if (read4(bpf_get_current_task() + TASK_FLAGS) & PF_KTHREAD)
			event.flags = EVENT_BY_KERNEL;
	}

	event.time_ns = bpf_ktime_get_boot_ns();
	add_one(&all->released);
	if (event.flags & EVENT_BY_KERNEL)
		add_one(&all->released_by_kernel);
	else if (event.tgid)
		counts = counts_of(event.tgid, event.start_ns, all);
	if (counts)
		add_one(&counts->released);
	if (instance.sampled_out)
		return 0;
	if (!instance.created_ns && counts && !in_detail(&counts->next_ns, event.time_ns)) {
		add_one(&all->untold_releases);
		return 0;
	}
	if (!(event.flags & EVENT_BY_CENSUS))
		set_actor(&event, known);
	event.kind = KIND_RELEASE;
	event.file = file;
	event.created_ns = instance.created_ns;
	event.syscall = instance.syscall;
	event.argument = instance.argument;
	submit(ctx, &event, all);
	return 0;
}

int ep_eventpoll_release_entry(struct pt_regs *regs)
{
	return instance_released(regs, read8((u64)regs + REGS_SECOND));
}

KFUNC_PROBE(ep_eventpoll_release, void *inode, void *file)
{
	return instance_released(ctx, (u64)file);
}

/* Arguments: call site, object, cache. */
int slab_object_freed(struct bpf_raw_tracepoint_args *ctx)
{
	u64 object = ctx->args[1], cache = ctx->args[2];
	struct calibration *known;
	int zero = 0;

	known = calibration.lookup(&zero);
	if (!known)
		return 0;
	if (known->token && object == known->file)
		known->filp_cache = cache;
	if (!cache || cache != known->filp_cache || read8(object + FILE_F_OP) != known->f_op)
		return 0;
	return instance_released(ctx, object);
}
