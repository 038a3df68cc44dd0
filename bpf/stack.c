// SPDX-License-Identifier: MIT
/*
 * The user stack of the task that creates an instance, or fails to: `submit_with_stack` in place of `submit`.
 *
 * The stack is in the event's record (bpf_get_stack), not in a stack map with an id: a collision may refuse an id, a full
 * map takes no more, and an id that user space frees may name another stack by the time it is read.
 *
 * Blind spots: 32-bit programs on arm64, whose calls look different; their stacks end after the first frame. Data that
 * happens to look like a return address (one random word in 150) passes for a frame. If the program still runs, user
 * space leaves such a frame out.
 *
 * Memory in the kernel: a record of 0.7 kB per CPU. Only existing frames go into the perf buffer, 8 bytes each.
 *
 * Without -DSTACKS and -DLATE_STACKS_NS (late.c) nothing of this is compiled.
 */
#if defined(STACKS) || defined(LATE_STACKS_NS)

/*
 * Frame pointers do not tell who called the function that enters the kernel, because libraries' wrappers of system
 * calls set up no frame; in those the return address is at the top of the stack, or on arm64 in the link register. The
 * probe reports what the code before the system call looks like: mov $number,%eax and syscall, after endbr64 or not;
 * mov x8, #number and svc #0, after bti c, a nop in its place, or neither. User space knows symbols, and finds out
 * whether a function begins there; if so, nothing was pushed before.
 */
#ifdef MACHINE_X86_64
static __always_inline void set_caller(struct stack *stack)
{
	u64 regs = current_regs();
	u64 top = read8(regs + REGS_SP);
	u8 code[11] = {};

	if (bpf_probe_read_user(code, sizeof(code), (void *)(read8(regs + REGS_IP) - sizeof(code))))
		return;
	if (code[4] != 0xb8 || code[9] != 0x0f || code[10] != 0x05)
		return;
	if (bpf_probe_read_user(&stack->caller, sizeof(stack->caller), (void *)top))
		return;
	stack->lead = code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa ? 11 : 7;
}

/* Whether the instruction before an address is a call: rel32, or opcode ff /2 with one to six bytes behind it. */
static __always_inline bool follows_call(u64 address)
{
	u64 code = 0;

	if (bpf_probe_read_user(&code, sizeof(code), (void *)(address - sizeof(code))))
		return false;
	return (code >> 24 & 0xff) == 0xe8 || (code >> 48 & 0x38ff) == 0x10ff || (code >> 40 & 0x38ff) == 0x10ff ||
	       (code >> 32 & 0x38ff) == 0x10ff || (code >> 24 & 0x38ff) == 0x10ff ||
	       (code >> 16 & 0x38ff) == 0x10ff || (code >> 8 & 0x38ff) == 0x10ff;
}
#elif defined(MACHINE_AARCH64)
static __always_inline void set_caller(struct stack *stack)
{
	u64 regs = current_regs();
	u32 code[3] = {};

	if (bpf_probe_read_user(code, sizeof(code), (void *)(read8(regs + REGS_IP) - sizeof(code))))
		return;
	if ((code[1] & 0xffe0001f) != 0xd2800008 || code[2] != 0xd4000001)
		return;
	stack->caller = read8(regs + REGS_LR);
	stack->lead = code[0] == 0xd503245f || code[0] == 0xd503201f ? 12 : 8; /* bti c, nop */
}

/* Whether the instruction before an address is a call: bl, blr, or blr that authenticates. */
static __always_inline bool follows_call(u64 address)
{
	u32 code = 0;

	if (bpf_probe_read_user(&code, sizeof(code), (void *)(address - sizeof(code))))
		return false;
	return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000 ||
	       (code & 0xfefff800) == 0xd63f0800;
}
#else
#error "no stacks for this machine"
#endif

/*
 * Code that was compiled without frame pointers uses their register for something else, and the kernel follows that into
 * the heap. A frame that follows no call is none, and neither are those behind it.
 */
static __always_inline u32 sound_frames(struct stack *stack, int taken)
{
	u32 depth, frames = taken > 0 ? taken / sizeof(u64) : 0;

	for (depth = 1; depth < STACK_FRAMES - 1; depth++)
		if (depth >= frames || !follows_call(stack->frames[depth]))
			return frames ? depth : 0;
	return frames;
}

/* Fills in the stack of the current task; returns how many frames it has. */
static __always_inline u32 take_stack(void *ctx, struct stack *stack)
{
	stack->image = read8(read8(bpf_get_current_task() + TASK_MM) + MM_START_STACK);
	stack->caller = 0;
	stack->lead = 0;
	set_caller(stack);
	return sound_frames(stack, bpf_get_stack(ctx, stack->frames, sizeof(stack->frames) - sizeof(u64),
						 BPF_F_USER_STACK));
}

#endif

#ifdef STACKS

/* The record does not fit on the BPF stack of 512 bytes. */
struct with_stack {
	struct event event;
	struct stack stack;
	u64 users;
};

BPF_PERCPU_ARRAY(with_stack, struct with_stack, 1);

/*
 * Hands over the event with the stack, or without one if another program is just filling this CPU's record: function
 * probes may be preempted. Both may then find two users; that costs two stacks and makes up none.
 */
static __always_inline void submit_with_stack(void *ctx, struct event *event, struct totals *all)
{
	int zero = 0, taken, size;
	struct with_stack *record = with_stack.lookup(&zero);

	if (!record)
		return submit(ctx, event, all);
	add_one(&record->users);
	if (*(volatile u64 *)&record->users == 1) {
		record->event = *event;
		taken = take_stack(ctx, &record->stack) * sizeof(u64);
		/* For the verifier: the frames' size is a power of two, and one frame more than was asked for. */
		size = __builtin_offsetof(struct with_stack, stack.frames) + (taken & (sizeof(record->stack.frames) - 1));
		note_delivery(events.perf_submit(ctx, record, size), all);
	} else {
		submit(ctx, event, all);
	}
	__sync_fetch_and_add(&record->users, -1);
}

#else
#define submit_with_stack submit
#endif
