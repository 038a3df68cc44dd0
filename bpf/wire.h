/* SPDX-License-Identifier: MIT */
/*
 * The layout of all data from the probes to user space, declared only here. epolltop/sources/bpf/wire.py reads it, and a
 * test compares sizes and offsets with the compiler's.
 *
 * Times are nanoseconds of the boot clock. Addresses are the kernel's, used as names only.
 */
#ifndef EPOLLTOP_WIRE_H
#define EPOLLTOP_WIRE_H

#include <linux/types.h>

enum kind {
	KIND_CREATE = 1,
	KIND_CREATE_FAILED = 2,
	KIND_RELEASE = 3,
};

enum syscall {
	SYSCALL_UNKNOWN = 0,
	SYSCALL_EPOLL_CREATE = 1,
	SYSCALL_EPOLL_CREATE1 = 2,
};

enum event_flag {
	EVENT_BY_KERNEL = 1,	/* the actor is a kernel thread */
	EVENT_BY_CENSUS = 2,	/* a task that only looked held the last reference: names the creator, no thread or name */
};

/* Of a descriptor, when its process executes another program. */
#define CLOEXEC_UNKNOWN 0
#define CLOEXEC_KEPT 1
#define CLOEXEC_CLOSED 2

#define COMM_LEN 16		/* TASK_COMM_LEN */

/* One creation, failed creation or release, through the perf buffer. */
struct event {
	u64 time_ns;
	u64 file;		/* struct file, 0 if unknown */
	u64 created_ns;		/* 0 if the instance is older than the trace */
	u64 start_ns;		/* of the actor's group leader */
	u64 cgroup;
	u32 tgid;
	u32 tid;
	u32 ppid;
	u32 uid;
	s32 ret;		/* descriptor or -errno; releases: 0 */
	u32 argument;		/* size or flags */
	u8 kind;
	u8 syscall;
	u8 flags;
	u8 pad[5];
	char comm[COMM_LEN];
};

#define STACK_FRAMES 64		/* a power of two; the last one stays free */

/* The user stack of an event's actor, right behind the event and cut off behind the last frame there is. */
struct stack {
	u64 image;		/* where the stack of the program began, another address after each exec */
	u64 caller;		/* the word on top of the stack */
	u32 lead;		/* if a function begins so many bytes before frames[0], caller has called it; 0: no such */
	u32 pad;
	u64 frames[STACK_FRAMES];	/* innermost first: where the system call returns to, then return addresses */
};

/* What one process did since the probes were attached. */
struct counts {
	u64 created;
	u64 failed;
	u64 released;
	u64 sampled_out;
	u64 failed_sampled_out;
	u64 next_ns;		/* the token bucket: when the next event is due at the full detail rate */
	u64 failed_next_ns;	/* that of failures, which come without end where a program tries again */
};

/* A process, safe against reuse of its pid. */
struct process {
	u32 tgid;
	u32 pad;
	u64 start_ns;
};

/* A loop: a thread, and an instance that it waits on. The starts are rounded down to clock ticks, as /proc tells them. */
struct loop {
	u64 file;		/* 0: the descriptor names no instance */
	u64 created_ns;		/* of the instance; 0 if it is older than the trace */
	u64 start_ns;		/* of the thread's group leader */
	u64 thread_start_ns;
	u32 tgid;
	u32 tid;
};

/* Which of the calls a wait is. */
enum wait_call {
	WAIT_UNKNOWN = 0,
	WAIT_EPOLL_WAIT = 1,
	WAIT_EPOLL_PWAIT = 2,
	WAIT_EPOLL_PWAIT2 = 3,
};

#define TIMEOUT_INFINITE -1
#define TIMEOUT_UNKNOWN -2	/* it could not be read, or the kernel takes none like it */

/* Where a thread is now: in a wait, or away after one. User space adds it for a thread that waits since before the trace. */
struct turn {
	struct loop loop;
	u64 thread_start_ns;	/* to the nanosecond; 0 if user space added it */
	u64 entered_ns;		/* 0: that was not seen, so the wait is counted and not timed */
	u64 returned_ns;	/* 0: it waits */
	s64 timeout_ns;		/* asked for, or TIMEOUT_ */
	u64 events;		/* where the program wants them */
	u64 cpu_ns;		/* used by the thread until it entered */
	u64 runq_ns;		/* for how long it had waited on run queues when it entered, or returned if it slept */
	u64 generation;		/* when the instance was looked up */
	u64 hot_data;		/* of the first event of the last wait, in a run of immediate returns */
	u32 hot_mask;
	u32 hot_run;		/* waits in a row that returned it first */
	u32 run;		/* immediate returns in a row */
	s32 maxevents;
	u32 call;
	u32 task;		/* lowest bits of the thread's address: who executes a program gets the first one's number and start */
	u64 measured_ns;	/* when the last measured wait began */
	u64 read_ns;		/* while waits are sampled: when the clock was read last */
	u64 read_jiffies;
	u64 untold_ns;		/* time between then and the measured turn that is in between */
	u32 left;		/* waits from here on that will not be measured */
	u32 drawn;		/* how many that was to be */
	u32 is_sampled_out;	/* the present or last wait is counted, but not measured (sampling.h) */
	u32 pad;
	char comm[COMM_LEN];	/* after the last wait that was no immediate return */
};

/* A thread that is away from its instance for long, through an iterator. */
struct late {
	struct loop loop;
	u64 returned_ns;	/* since when it is away */
	u64 time_ns;		/* when it was looked at */
	u64 cpu_ns;		/* used since then, to a tick */
	s64 runq_ns;		/* on run queues since then, without what lasts; -1: the kernel does not tell */
	u64 argument;		/* of its system call, the first one */
	u64 image;		/* as in struct stack */
	u64 ip;			/* registers of the program */
	u64 fp;			/* frame pointer */
	u64 link;		/* x86-64: stack pointer; arm64: link register */
	s32 number;		/* of its system call; below 0: it is in none */
	u32 state;		/* as the kernel has it; 0: it can run */
	u8 on_cpu;
	u8 throttled;
	u8 compat;		/* the number is one of 32-bit calls */
	u8 pad[5];
};

/* The user stack of a thread that runs while it is away from its instance for long. */
struct late_sample {
	struct loop loop;
	u64 returned_ns;
	u64 time_ns;
	u64 depth;		/* frames that there are */
	struct stack stack;
};

/* The longest times of one tick of user space. */
struct maxima {
	u64 tick;
	u64 waiting_ns;
	u64 away_ns;
	u64 poll_delay_ns;
	u64 own_ns;		/* away without waiting for a CPU */
	u64 cpu_ns;		/* of that on a CPU */
	u64 away_runq_ns;	/* as in struct loop_counts, like the next one */
	u64 wake_runq_ns;
};

/* A histogram of times: below 1,024 ns, then each bucket up to twice as much, the last one all from 2^36 ns (69 s) on. */
#define TIME_BUCKETS 28

/* What a loop did since the probes were attached. */
struct loop_counts {
	u64 waits;		/* that returned */
	u64 events;		/* that they returned */
	u64 wakes;		/* waits that returned events */
	u64 full;		/* waits that returned as many events as they asked for */
	u64 zero_timeouts;	/* waits by the timeout that they asked for */
	u64 finite_timeouts;
	u64 infinite_timeouts;
	u64 timeouts_met;	/* waits that returned no events: a finite timeout was over */
	u64 zero_empty;		/* it was zero */
	u64 early;		/* it was not over */
	u64 interrupted;	/* EINTR */
	u64 bad_descriptor;	/* EBADF */
	u64 invalid;		/* EINVAL */
	u64 bad_address;	/* EFAULT */
	u64 other_errors;
	u64 waiting_ns;
	u64 away_ns;		/* from each return until the thread's next wait on whatever instance */
	u64 cpu_ns;		/* used by the thread from each entry until the next one */
	u64 unmeasured;		/* waits that are in no histogram, because the loop is sampled */
	u64 slept;		/* waits that were long enough to sleep in */
	u64 away_runq_ns;	/* of the time away the thread could run, and waited for a CPU; 0 where the kernel does not tell */
	u64 wake_runq_ns;	/* of the time in those waits the same, after events or the timeout had woken it */
	struct maxima maxima[2];	/* of the present tick and the one before, at the number's last bit */
	u64 waiting[TIME_BUCKETS];
	u64 away[TIME_BUCKETS];
	u64 poll_delay[TIME_BUCKETS];	/* how long after its timeout a wait returned */
};

/* Operations of epoll_ctl(2), as the kernel numbers them. */
#define CTL_ADD 1
#define CTL_DEL 2
#define CTL_MOD 3

/* Who changed which interest list. */
struct ctl {
	u64 file;
	u64 created_ns;		/* of the instance; 0 if it is older than the trace */
	u64 start_ns;		/* of the process' group leader */
	u32 tgid;
	u32 pad;
};

#define CTL_REMOVALS 8

/* The calls of one process for one instance since the probes were attached, and requests for io_uring. */
struct ctl_counts {
	u64 add;
	u64 mod;
	u64 del;
	u64 via_io_uring;	/* of these */
	u64 readd;		/* additions within a second of the removal of that watch */
	struct {
		u64 time_ns;	/* 0: none, or it was added again */
		u32 fd;
		u32 inode;
	} removed[CTL_REMOVALS];	/* the last ones, by the lowest bits of fd; not for user space */
};

/* The calls of these that failed in one way. */
struct ctl_error {
	u64 file;
	u64 created_ns;
	u64 start_ns;
	u32 tgid;
	u16 op;			/* CTL_, else 0 */
	u16 number;		/* errno */
};

struct ctl_errors {
	u64 errors;
};

/* Of all processes, including kernel threads and calls that no map had room for. */
struct totals {
	u64 created;
	u64 failed;
	u64 released;
	u64 released_by_kernel;
	u64 sampled_out;	/* instances without events */
	u64 failed_sampled_out;	/* failures without events */
	u64 untold_releases;	/* releases without an event, of instances older than the trace */
	u64 delivered;		/* events handed to the perf buffer */
	u64 lost;		/* events that found the buffer full, or no buffer for their CPU */
	u64 no_buffer;		/* of these: no buffer, because the CPU came online after the buffers were made */
	u64 overflowed;		/* entries that found a map full */
	u64 unattributed;	/* of created, failed and released: counted for no process, because the map was full */
};

/* An instance from its creation to its release. */
struct live_instance {
	u64 created_ns;
	u64 start_ns;		/* of the creator's group leader */
	u32 tgid;		/* of the creator */
	u32 tid;
	u32 argument;
	u8 syscall;
	u8 sampled_out;		/* its creation was left out, so its release will be */
	u8 pad[2];
};

/* One descriptor of one process, through the iterator. */
struct holding {
	u64 file;		/* 0: no descriptor; this process holds more than was reported */
	u64 created_ns;		/* 0 if the instance is older than the trace; its creator is unknown then */
	u64 creator_start_ns;
	u64 start_ns;
	u32 tgid;
	u32 fd;
	u32 creator;
	u32 creator_tid;
	u32 argument;
	u8 syscall;
	u8 cloexec;		/* CLOEXEC_ */
	u8 pad[2];
};

/*
 * The kinds of files behind descriptors, as the links in /proc/PID/fd tell them apart. What is opened by a path is one
 * kind, whether it is a regular file, a directory, a device or a FIFO.
 */
enum file_kind {
	FILE_SOCKET,
	FILE_PIPE,
	FILE_PATH,
	FILE_EPOLL,
	FILE_EVENTFD,
	FILE_TIMERFD,
	FILE_INOTIFY,
	FILE_IO_URING,
	FILE_OTHER,
	FILE_KINDS,
};

/* The descriptors of one process, in all of its tables. */
struct descriptors {
	u64 pass;		/* that counted them */
	u32 of[FILE_KINDS];	/* by kind */
	u32 pad;
};

/* One pass of the census. Before it begins, user space writes the bounds, and 0 into all other members. */
struct pass {
	u64 number;		/* another one for each */
	u64 room;		/* holdings that may still be reported */
	u64 each;		/* holdings of one table that may be reported */
	u64 all;		/* holdings so far, reported or not */
	u64 most;		/* of one table */
	u64 most_start_ns;	/* start of its process */
	u64 task;		/* whose table is reported now */
	u64 start_ns;		/* of its process */
	u64 held;		/* in it, so far */
	u64 told;		/* of these */
	u32 most_tgid;
	u32 kernel_tgid;	/* of the present process, as the kernel counts */
	u32 tgid;		/* as /proc shows it; 0 if it does not */
	u32 of[FILE_KINDS];	/* descriptors in the present table, by kind */
	u32 refused;		/* tables whose counts found the map descriptors full */
	u8 skips;		/* another thread has reported it already, or nobody may know of it */
	u8 cut;			/* it was reported that there are more */
	u8 pad[2];
};

/*
 * What the probes must know of this kernel, found out at start with one instance of epolltop's own. User space writes a
 * token that is not a valid flag, and calls epoll_create1(token). The thread that makes this call is the caller, whatever
 * number the kernel has for it; finding it also proves that arguments are read from the right place. The caller then
 * creates an instance, calls epoll_ctl(2) and epoll_wait(2) for it, and closes it.
 */
struct calibration {
	u64 f_op;		/* eventpoll_fops */
	u64 file;		/* of the instance used */
	u64 filp_cache;		/* slab cache of struct file */
	u64 pid_namespace;	/* whose numbers are shown; 0 if these are the kernel's own */
	u32 pid_level;		/* of that namespace */
	u32 token;		/* during calibration, else 0 */
	u32 caller;		/* thread */
	u32 freed_by;		/* thread that freed the file; if it is not the caller, the slab hook is too late here */
	u32 registered_by;	/* thread that called epoll_ctl(2) for file */
	u32 entered_by;		/* thread that entered a wait on file */
	u32 waited_by;		/* and returned */
	u32 priced;		/* thread of epolltop's own whose waits count all the same, to learn what that costs */
};

#endif
