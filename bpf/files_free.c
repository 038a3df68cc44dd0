// SPDX-License-Identifier: MIT
/*
 * Probe files_free: an instance was released, because the last reference to its file went.
 *
 * Hook: ep_eventpoll_release(inode, file) by fentry, else kprobe; else raw tracepoint kmem_cache_free, where the file
 * goes back to its slab cache: an object of the filp cache whose f_op is eventpoll_fops is an instance that ends.
 *
 * Cost: see the benchmark table in README.md. The slab hook adds some 40 ns to whatever frees slab objects, the
 * function probes nothing.
 *
 * Blind spots: the actor is whoever dropped the last reference, which may be a kernel thread (descriptors in flight), or
 * epolltop itself: the iterator holds each file while it looks at it. Such a release is counted for the creator, as far
 * as that is known, because who closed the last descriptor is not.
 * The slab hook is prompt only where files are freed in place (verified on 6.18); the loader tries it on an instance of
 * its own and goes without if the file comes back late or from another task.
 */

static __always_inline int instance_released(void *ctx, u64 file)
{
	struct birth *found, birth = {};
	struct counts *counts = NULL;
	struct lesson *learnt;
	struct totals *all;
	struct event event = {};
	u32 tgid;
	int zero = 0;

	learnt = lesson.lookup(&zero);
	all = totals.lookup(&zero);
	if (!learnt || !all)
		return 0;
	if (learnt->token) {
		if (file == learnt->file)
			learnt->freed_by = bpf_get_current_pid_tgid();
		return 0;
	}
	found = births.lookup(&file);
	if (found) {
		birth = *found;
		births.delete(&file);
		if (OWN_TGID && birth.tgid == OWN_TGID)
			return 0;
	}
	tgid = current_tgid(learnt);
	/* Dropped from outside of the PID namespace: what was made there, too, is nobody's here; of what is older than the
	 * trace, that is for the census to tell. */
	if (!tgid && !birth.tgid) {
		if (!found)
			add_one(&all->untold_releases);
		return 0;
	}
	if (OWN_TGID && tgid == OWN_TGID) {
		event.flags = EVENT_BY_CENSUS;
		event.tgid = birth.tgid;
		event.start_ns = birth.start_ns;
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
	if (birth.sampled_out)
		return 0;
	if (!birth.created_ns && counts && !in_detail(&counts->next_ns, event.time_ns)) {
		add_one(&all->untold_releases);
		return 0;
	}
	if (!(event.flags & EVENT_BY_CENSUS))
		set_actor(&event, learnt);
	event.kind = KIND_RELEASE;
	event.file = file;
	event.created_ns = birth.created_ns;
	event.syscall = birth.syscall;
	event.argument = birth.argument;
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
	struct lesson *learnt;
	int zero = 0;

	learnt = lesson.lookup(&zero);
	if (!learnt)
		return 0;
	if (learnt->token && object == learnt->file)
		learnt->filp_cache = cache;
	if (!cache || cache != learnt->filp_cache || read8(object + FILE_F_OP) != learnt->f_op)
		return 0;
	return instance_released(ctx, object);
}
