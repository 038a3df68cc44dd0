/* SPDX-License-Identifier: MIT */
/*
 * Helpers that older BCCs do not declare. Their numbers are the kernel's (include/uapi/linux/bpf.h), whatever BCC knows.
 * Under names of our own, because newer BCCs declare them.
 */
#ifndef EPOLLTOP_HELPERS_H
#define EPOLLTOP_HELPERS_H

/* Linux 5.15; unknown to BCC 0.18. Takes what bpf_get_current_task_btf() answers. */
static u64 (*task_pt_regs)(void *task) = (void *)175;

/* Linux 5.11: the current task, of which the verifier knows the type. */
static void *(*typed_task)(void) = (void *)158;

/* Linux 5.6. The kernel makes it a load, where reading the clock takes 30 ns. */
static u64 (*jiffies)(void) = (void *)118;

#endif
