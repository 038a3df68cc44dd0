/* SPDX-License-Identifier: MIT */
/*
 * What a wait asks for, whichever of the three calls it is.
 */
#ifndef EPOLLTOP_WAIT_H
#define EPOLLTOP_WAIT_H

#include "wire.h"

#define NS_PER_MS	1000000
#define NS_PER_S	1000000000
#define SECONDS_MAX	9000000000	/* 285 years: about as many nanoseconds as 63 bits hold, and endless for all purposes */

struct wait {
	s32 fd;
	s32 maxevents;
	u64 events;
	s64 timeout_ns;		/* or TIMEOUT_ */
	u32 call;
};

/* include/uapi/linux/time_types.h */
struct kernel_timespec {
	s64 seconds;
	s64 nanoseconds;
};

static __always_inline s64 timeout_at(u64 address)
{
	struct kernel_timespec timeout;

	if (!address)
		return TIMEOUT_INFINITE;
	if (bpf_probe_read_user(&timeout, sizeof(timeout), (void *)address))
		return TIMEOUT_UNKNOWN;
	if (timeout.seconds < 0 || (u64)timeout.nanoseconds >= NS_PER_S)
		return TIMEOUT_UNKNOWN;
	if (timeout.seconds > SECONDS_MAX)
		return TIMEOUT_INFINITE;
	return timeout.seconds * NS_PER_S + timeout.nanoseconds;
}

/* The fourth argument is the address of a time, or a number of milliseconds. 32-bit tasks number some calls otherwise. */
static __always_inline void set_call(struct wait *wait, u32 number, u64 fourth)
{
	s32 ms = fourth;

	if (number == CALL_EPOLL_PWAIT2) {
		wait->call = WAIT_EPOLL_PWAIT2;
		wait->timeout_ns = timeout_at(fourth);
		return;
	}
	wait->call = number == CALL_EPOLL_PWAIT || number == COMPAT_EPOLL_PWAIT ? WAIT_EPOLL_PWAIT : WAIT_EPOLL_WAIT;
	wait->timeout_ns = ms < 0 ? TIMEOUT_INFINITE : (s64)ms * NS_PER_MS;
}

#endif
