/* SPDX-License-Identifier: MIT */
/*
 * How a wait, and the time away after it, are added to what their loop did. Only the thread of the loop does so, and so
 * nothing here is atomic.
 */
#ifndef EPOLLTOP_LOOP_COUNTS_H
#define EPOLLTOP_LOOP_COUNTS_H

#include "wire.h"
#include "sampling.h"

#define UNSEEN		0		/* in place of a time */
#define SLACK_NS	1000000		/* less than a timeout by that much is as good: programs have milliseconds */
#define JIFFY_NS	10000000	/* the longest that there is */
#define FULL_MIN	8		/* who takes fewer events at once does not want them all */
#define EINTR		4		/* include/uapi/asm-generic/errno-base.h */
#define EBADF		9
#define EFAULT		14
#define EINVAL		22

/* The binary logarithm from 2^9 on. */
static __always_inline u64 bucket_of(u64 ns)
{
	u64 rest = ns >> 10, bucket = 0;

	if (rest >> (TIME_BUCKETS - 2))
		return TIME_BUCKETS - 1;
	if (rest >> 16) {
		rest >>= 16;
		bucket += 16;
	}
	if (rest >> 8) {
		rest >>= 8;
		bucket += 8;
	}
	if (rest >> 4) {
		rest >>= 4;
		bucket += 4;
	}
	if (rest >> 2) {
		rest >>= 2;
		bucket += 2;
	}
	return bucket + (rest >> 1 ? 2 : rest);
}

static __always_inline void keep_longest(u64 *longest, u64 ns)
{
	if (ns > *longest)
		*longest = ns;
}

static __always_inline void count_time(u64 *histogram, u64 *longest, u64 ns)
{
	u64 bucket = bucket_of(ns);

	/*
	 * For the verifier. That of Linux 6.1 also follows branches that its own bounds exclude; what it then holds for the
	 * bounds of the bucket contradicts itself, and it refuses to add that to a pointer. The mask gives it new ones. The
	 * compiler would leave out one that is written in C.
	 */
	asm volatile("%0 &= 31" : "+r"(bucket));
	if (bucket < TIME_BUCKETS)
		histogram[bucket]++;
	keep_longest(longest, ns);
}

/* Those of a tick. The other ones, of the tick before, stay as they are for user space to read. */
static __always_inline struct maxima *maxima_of(struct loop_counts *counts, u64 tick)
{
	struct maxima *maxima = &counts->maxima[tick & 1];

	if (maxima->tick != tick) {
		maxima->tick = tick;
		maxima->waiting_ns = 0;
		maxima->away_ns = 0;
		maxima->poll_delay_ns = 0;
		maxima->own_ns = 0;
		maxima->cpu_ns = 0;
		maxima->away_runq_ns = 0;
		maxima->wake_runq_ns = 0;
	}
	return maxima;
}

static __always_inline void count_error(struct loop_counts *counts, s32 error)
{
	switch (error) {
	case -EINTR:
		counts->interrupted++;
		break;
	case -EBADF:
		counts->bad_descriptor++;
		break;
	case -EINVAL:
		counts->invalid++;
		break;
	case -EFAULT:
		counts->bad_address++;
		break;
	default:
		counts->other_errors++;
	}
}

static __always_inline void count_timeout(struct loop_counts *counts, s64 timeout_ns)
{
	if (!timeout_ns)
		counts->zero_timeouts++;
	else if (timeout_ns > 0)
		counts->finite_timeouts++;
	else if (timeout_ns == TIMEOUT_INFINITE)
		counts->infinite_timeouts++;
}

/*
 * A wait of which both ends are known returned no events although it was asked to wait for them. That of a wait which
 * is not measured may seem to be a jiffy off.
 */
static __always_inline void count_in_vain(struct loop_counts *counts, s64 timeout_ns, s64 waited, bool measured,
					  u64 tick)
{
	s64 slack = measured ? SLACK_NS : SLACK_NS + JIFFY_NS;

	if (timeout_ns == TIMEOUT_UNKNOWN)
		return;
	if (timeout_ns == TIMEOUT_INFINITE || waited < timeout_ns - slack) {
		counts->early++;
		return;
	}
	counts->timeouts_met++;
	/* The clock of probes may go back by a little when the kernel corrects it (ktime_get_boot_fast_ns). */
	if (measured)
		count_time(counts->poll_delay, &maxima_of(counts, tick)->poll_delay_ns,
			   waited < timeout_ns ? 0 : waited - timeout_ns);
}

static __always_inline void count_wait(struct loop_counts *counts, struct turn *turn, u64 now, s32 ret, u64 tick)
{
	u64 waited = now - turn->entered_ns;
	bool measured = !turn->is_sampled_out;

	counts->waits++;
	count_timeout(counts, turn->timeout_ns);
	if (turn->entered_ns != UNSEEN) {
		counts->waiting_ns += waited;
		if (measured || waited > LONG_NS)
			count_time(counts->waiting, &maxima_of(counts, tick)->waiting_ns, waited);
		else
			counts->unmeasured++;
	}
	if (ret < 0) {
		count_error(counts, ret);
	} else if (ret) {
		counts->wakes++;
		counts->events += ret;
		if (ret == turn->maxevents && ret >= FULL_MIN)
			counts->full++;
	} else if (!turn->timeout_ns) {
		counts->zero_empty++;
	} else if (turn->entered_ns != UNSEEN) {
		count_in_vain(counts, turn->timeout_ns, waited, measured, tick);
	}
}

/* A thread that slept in its wait is about to return. It may have been woken long before it got a CPU. */
static __always_inline void count_wake(struct loop_counts *counts, u64 runq, u64 tick)
{
	counts->slept++;
	counts->wake_runq_ns += runq;
	keep_longest(&maxima_of(counts, tick)->wake_runq_ns, runq);
}

/* What a time away was made of. */
static __always_inline void count_parts(struct maxima *maxima, u64 away, u64 cpu, u64 runq)
{
	u64 own = away > runq ? away - runq : 0;

	keep_longest(&maxima->own_ns, own);
	keep_longest(&maxima->cpu_ns, cpu < own ? cpu : own);
	keep_longest(&maxima->away_runq_ns, runq);
}

/*
 * The next wait begins at now, which may be UNSEEN. If the return of the last one was not seen, it returned all the same.
 * The thread has used cpu_ns by now, and waited on run queues for runq_ns.
 */
static __always_inline void count_away(struct loop_counts *counts, struct turn *turn, u64 now, u64 cpu_ns, u64 runq_ns,
				       u64 tick)
{
	u64 away = now - turn->returned_ns, cpu = 0, runq = 0;

	if (turn->thread_start_ns) {	/* else user space added it, and it has not returned yet */
		cpu = cpu_ns - turn->cpu_ns;
		counts->cpu_ns += cpu;
		/* After turns that were sampled out it is not known in which of them, nor whether in a wait. */
		if (turn->returned_ns != UNSEEN && !turn->is_sampled_out)
			runq = runq_ns - turn->runq_ns;
		counts->away_runq_ns += runq;
	}
	if (turn->returned_ns == UNSEEN) {
		counts->waits++;
		count_timeout(counts, turn->timeout_ns);
	} else if (turn->is_sampled_out && away <= LONG_NS) {
		turn->untold_ns = away;		/* there were waits in it, too */
	} else if (now != UNSEEN) {
		counts->away_ns += away;
		count_time(counts->away, &maxima_of(counts, tick)->away_ns, away);
		if (turn->thread_start_ns && !turn->is_sampled_out)
			count_parts(maxima_of(counts, tick), away, cpu, runq);
	}
}

#endif
