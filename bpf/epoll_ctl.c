// SPDX-License-Identifier: MIT
/*
 * Probe epoll_ctl: a task asked for a change of an interest list.
 *
 * Hook: the return of epoll_ctl(2) and of io_epoll_ctl, which is that call by io_uring, by fexit; else the syscall
 * tracepoint at the return of epoll_ctl(2), and the raw tracepoint where a request is handed to io_uring. Operation and
 * descriptor come from the registers saved at system call entry, and of a request from the request, so no enter probe is
 * needed. No kretprobe: a thread sleeps inside for the instance's mutex, and kretprobes of sleepers run out.
 *
 * The probe sums calls by instance and process, and failed calls also by operation and errno. It sends no events.
 * The sums do not tell how many watches there are: the kernel removes those of a closed file without a call.
 *
 * Cost: see the benchmark table in README.md. The syscall tracepoint adds some 50 ns to every system call of the machine,
 * unless another tracepoint on system calls already does, and the raw one as much to every request for io_uring; the
 * function probes add nothing to others.
 *
 * Blind spots: as a tracepoint, 32-bit calls, and what came of a request for io_uring. Requests for io_uring before
 * Linux 6.0, where the compiler keeps no function and no tracepoint tells the request. If another thread closes or
 * replaces the descriptor before the call returns, the call counts for the file that the descriptor refers to then.
 *
 * A watch that is added again within a second of its removal counts in `readd`, if descriptor and inode are the same.
 * If the descriptor was closed and its number now refers to another file, it does not count. Each instance and process
 * has eight places for the last removals, by the lowest bits of the descriptor, so that a removal is forgotten when one
 * with the same bits follows. Eventfds, timers and the like share one inode, so one that replaces another counts.
 * Removals by calls and additions by io_uring are matched, too.
 *
 * -D: CTLS_MAX, CTL_ERRORS_MAX, and where io_uring's requests have their own form, the offsets IO_KIOCB_CMD ... into them.
 */

#define OPERATIONS 3		/* EPOLL_CTL_ADD and following, include/uapi/linux/eventpoll.h */
#define READD_NS 1000000000

BPF_TABLE("hash", struct ctl, struct ctl_counts, ctls, CTLS_MAX);
BPF_ARRAY(ctls_refused, u64, 1);
BPF_TABLE("hash", struct ctl_error, struct ctl_errors, ctl_errors, CTL_ERRORS_MAX);
BPF_ARRAY(ctl_errors_refused, u64, 1);
BPF_ARRAY(io_uring_waits, u64, 1);	/* requests, of the whole machine */

static __always_inline void note_refusal(u64 *refused)
{
	if (refused)
		add_one(refused);
}

/* Notes a removal, or counts the addition that follows it. */
static __always_inline void note_watch(struct ctl_counts *counts, u32 op, u32 fd)
{
	typeof(counts->removed[0]) *removed = &counts->removed[fd % CTL_REMOVALS];
	u64 now = bpf_ktime_get_boot_ns();
	u32 inode = read4(read8(file_of(fd) + FILE_F_INODE) + INODE_INO);

	if (op == CTL_DEL) {
		removed->time_ns = now;
		removed->fd = fd;
		removed->inode = inode;
	} else if (removed->time_ns && removed->fd == fd && removed->inode == inode) {
		if (now - removed->time_ns <= READD_NS)
			add_one(&counts->readd);
		removed->time_ns = 0;
	}
}

static __always_inline void note_error(struct ctl *by, u32 op, int ret)
{
	struct ctl_error key = {
		.file = by->file, .created_ns = by->created_ns, .start_ns = by->start_ns, .tgid = by->tgid,
		.op = op > OPERATIONS ? 0 : op, .number = -ret,
	};
	struct ctl_errors *errors, none = {};
	int zero = 0;

	errors = ctl_errors.lookup_or_try_init(&key, &none);
	if (errors)
		add_one(&errors->errors);
	else
		note_refusal(ctl_errors_refused.lookup(&zero));
}

static __always_inline int interest_changed(int epfd, u32 op, int fd, int ret, bool by_io_uring)
{
	struct ctl_counts *counts, none = {};
	struct live_instance *instance;
	struct calibration *known;
	struct ctl key = {};
	int zero = 0;

	known = calibration.lookup(&zero);
	if (!known)
		return 0;
	key.file = file_of(epfd);
	if (!key.file || read8(key.file + FILE_F_OP) != known->f_op)
		return 0;
	if (known->token) {
		if (key.file == known->file && op == CTL_ADD && file_of(fd) == known->file)
			known->registered_by = bpf_get_current_pid_tgid();
		return 0;
	}
	key.tgid = current_tgid(known);
	/* Outside of the PID namespace it is nobody's here. */
	if (!key.tgid || is_left_out(key.tgid))
		return 0;
	key.start_ns = leader_start_ns(bpf_get_current_task());
	instance = live_instances.lookup(&key.file);
	if (instance)
		key.created_ns = instance->created_ns;
	if (ret < 0)
		note_error(&key, op, ret);
	counts = ctls.lookup_or_try_init(&key, &none);
	if (!counts) {
		note_refusal(ctls_refused.lookup(&zero));
		return 0;
	}
	if (op == CTL_ADD)
		add_one(&counts->add);
	else if (op == CTL_MOD)
		add_one(&counts->mod);
	else if (op == CTL_DEL)
		add_one(&counts->del);
	if (by_io_uring)
		add_one(&counts->via_io_uring);
	if (ret >= 0 && (op == CTL_ADD || op == CTL_DEL))
		note_watch(counts, op, fd);
	return 0;
}

static __always_inline int call_returned(u64 first_register, u64 second_register, u64 third_register, int ret)
{
	u64 regs = current_regs();

	return interest_changed(read4(regs + first_register), read4(regs + second_register),
				read4(regs + third_register), ret, false);
}

int epoll_ctl_sys_exit(struct sys_exit *args)
{
	return call_returned(REGS_ARGUMENT, REGS_SECOND, REGS_THIRD, args->ret);
}

#ifdef MACHINE_X86_64
KRETFUNC_PROBE(__x64_sys_epoll_ctl, struct pt_regs *regs, long ret)
{
	return call_returned(REGS_ARGUMENT, REGS_SECOND, REGS_THIRD, ret);
}

KRETFUNC_PROBE(__ia32_sys_epoll_ctl, struct pt_regs *regs, long ret)
{
	return call_returned(REGS_ARGUMENT_COMPAT, REGS_SECOND_COMPAT, REGS_THIRD, ret);
}
#elif defined(MACHINE_AARCH64)
KRETFUNC_PROBE(__arm64_sys_epoll_ctl, struct pt_regs *regs, long ret)
{
	return call_returned(REGS_ARGUMENT, REGS_SECOND, REGS_THIRD, ret);
}
#endif

/* Requests have a form of their own since Linux 6.0. */
#ifdef IO_KIOCB_CMD
#define IORING_OP_EPOLL_CTL	29	/* include/uapi/linux/io_uring.h */
#define IORING_OP_EPOLL_WAIT	59	/* since Linux 6.15; before, the kernel refuses the number untold */
#define EAGAIN			11	/* include/uapi/asm-generic/errno-base.h */

static __always_inline int request_served(u64 request, int ret)
{
	u64 command = request + IO_KIOCB_CMD;

	return interest_changed(read4(command + IO_EPOLL_EPFD), read4(command + IO_EPOLL_OP),
				read4(command + IO_EPOLL_FD), ret, true);
}

/*
 * What comes of it is not known yet. No thread waits in a request to wait: when there are events, whoever enters the ring
 * next takes them. So it is no turn of a loop, and such requests are only counted.
 */
int io_uring_submitted(struct bpf_raw_tracepoint_args *ctx)
{
	u64 request = ctx->args[0], *waits;
	u8 operation = read4(request + IO_KIOCB_OPCODE);
	int zero = 0;

	if (operation == IORING_OP_EPOLL_CTL)
		return request_served(request, 0);
	waits = io_uring_waits.lookup(&zero);
	if (operation == IORING_OP_EPOLL_WAIT && waits)
		add_one(waits);
	return 0;
}

KRETFUNC_PROBE(io_epoll_ctl, void *request, unsigned int flags, int ret)
{
	/* It would have to wait, so it is tried again by another thread. */
	if (ret == -EAGAIN)
		return 0;
	return request_served((u64)request, read4((u64)request + IO_KIOCB_CQE + IO_CQE_RES));
}
#endif
