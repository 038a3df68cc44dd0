/* SPDX-License-Identifier: MIT */
/*
 * Which waits of a hot loop are measured, while measuring each costs too much (epolltop/sources/bpf/sampling_policy.py).
 *
 * All waits are counted. One that is sampled out does without the histograms, the read of the program's events, and
 * mostly without the clock: that is read once a jiffy, and the time since then goes to the wait or the time away in which
 * the jiffy ended, as the kernel itself charges CPU time by ticks. A measured turn in between is told by itself. So sums
 * of times stay right, and so does what goes on now, to a jiffy.
 *
 * How many waits are sampled out until the next measured one is drawn at random, because many loops wait in a rhythm.
 */
#ifndef EPOLLTOP_SAMPLING_H
#define EPOLLTOP_SAMPLING_H

#include "wire.h"
#include "helpers.h"

#define EVERY_MAX	1024		/* one wait of so many is measured at least */
#define LONG_NS		100000000	/* more than some jiffies: what takes so long is measured */

/*
 * Draws how many waits are left out until the next measured one, so that there is one every interval_ns, by the pace since
 * the last one. That may have been few waits, and quick by chance: so no more than about twice as many.
 */
static __always_inline void draw_sample(struct turn *turn, u64 interval_ns, u64 now)
{
	u64 waits = turn->drawn - turn->left + 1;
	u64 every = interval_ns * waits / (now - turn->measured_ns + 1);

	if (every > 2 * waits)
		every = 2 * waits;
	if (every > EVERY_MAX)
		every = EVERY_MAX;
	turn->drawn = every > 1 ? every / 2 + bpf_get_prandom_u32() % (u32)every : 0;
	turn->left = turn->drawn;
	turn->measured_ns = now;
}

static __always_inline void sample_out(struct turn *turn)
{
	turn->is_sampled_out = true;
	turn->left--;
}

static __always_inline void note_clock(struct turn *turn, u64 now)
{
	turn->read_ns = now;
	turn->read_jiffies = jiffies();
}

/*
 * Whether the wait that begins at now is measured. If the one before was, and more are left out, this one is the first of
 * them: the time away before it was measured, too.
 */
static __always_inline void sample(struct turn *turn, u64 interval_ns, u64 now)
{
	bool follows = !turn->is_sampled_out && turn->left && interval_ns;

	turn->is_sampled_out = false;
	if (follows) {
		note_clock(turn, now - turn->untold_ns);
		turn->untold_ns = 0;
		turn->entered_ns = turn->read_ns;
		sample_out(turn);
	} else {
		draw_sample(turn, interval_ns, now);
	}
}

/* Now, as of the last jiffy. A loop that has become slow is measured again. */
static __always_inline u64 jiffy_now(struct turn *turn)
{
	if (turn->read_jiffies != jiffies()) {
		note_clock(turn, bpf_ktime_get_boot_ns());
		if (turn->read_ns - turn->measured_ns > LONG_NS)
			turn->left = 0;
	}
	return turn->read_ns;
}

#endif
