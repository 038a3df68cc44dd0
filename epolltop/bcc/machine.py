"""What differs between architectures: where registers are saved, and how system calls' functions are named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture that the probes support."""

    calls: str
    """Prefix of the function of a system call, before the call's name."""
    compat_calls: str
    """The prefix for calls of 32-bit tasks; equal if they share the functions of 64-bit ones."""
    registers: Mapping[str, tuple[str, int]]
    """Members of struct pt_regs, and offsets into them, by constant."""
    compat_flags: tuple[str, str]
    """The member of task_struct that says whether a 32-bit system call is running."""
    constants: Mapping[str, int]
    """Others, by name."""


MACHINES = {
    "x86_64": Machine(
        calls="__x64_sys_",
        compat_calls="__ia32_sys_",
        registers={
            "REGS_ARGUMENT": ("di", 0),
            "REGS_ARGUMENT_COMPAT": ("bx", 0),
            "REGS_SECOND": ("si", 0),
            "REGS_SECOND_COMPAT": ("cx", 0),
            "REGS_THIRD": ("dx", 0),
            "REGS_FOURTH": ("r10", 0),
            "REGS_FOURTH_COMPAT": ("si", 0),
            "REGS_RET": ("ax", 0),
            "REGS_IP": ("ip", 0),
            "REGS_SP": ("sp", 0),
            "REGS_FP": ("bp", 0),
            "REGS_LINK": ("sp", 0),
            "REGS_NUMBER": ("orig_ax", 0),
        },
        compat_flags=("thread_info", "status"),
        constants={
            "MACHINE_X86_64": 1,
            "COMPAT_FLAG": 0x2,  # TS_COMPAT, arch/x86/include/asm/thread_info.h
            "COMPAT_EPOLL_CREATE": 254,  # arch/x86/entry/syscalls/syscall_32.tbl
            "COMPAT_EPOLL_CREATE1": 329,
            "COMPAT_EPOLL_PWAIT": 319,
            "X32_EPOLL_CREATE": 0x4000_0000 | 213,  # __X32_SYSCALL_BIT and arch/x86/entry/syscalls/syscall_64.tbl
            "X32_EPOLL_CREATE1": 0x4000_0000 | 291,
            "CALL_READ": 0,  # arch/x86/entry/syscalls/syscall_64.tbl, down to CALL_READLINK
            "CALL_PREAD64": 17,
            "CALL_GETDENTS64": 217,
            "CALL_OPENAT": 257,
            "CALL_NEWFSTATAT": 262,
            "CALL_READLINKAT": 267,
            "CALL_EPOLL_PWAIT": 281,
            "CALL_KCMP": 312,
            "CALL_STATX": 332,
            "CALL_EPOLL_PWAIT2": 441,
            "CALL_OPEN": 2,
            "CALL_STAT": 4,
            "CALL_LSTAT": 6,
            "CALL_READLINK": 89,
        },
    ),
    # At the end of a call x0 holds the result and orig_x0 still the argument, for 32-bit tasks as well.
    "aarch64": Machine(
        calls="__arm64_sys_",
        compat_calls="__arm64_sys_",
        registers={
            "REGS_ARGUMENT": ("orig_x0", 0),
            "REGS_ARGUMENT_COMPAT": ("orig_x0", 0),
            "REGS_SECOND": ("regs", 8 * 1),
            "REGS_SECOND_COMPAT": ("regs", 8 * 1),
            "REGS_THIRD": ("regs", 8 * 2),
            "REGS_FOURTH": ("regs", 8 * 3),
            "REGS_FOURTH_COMPAT": ("regs", 8 * 3),
            "REGS_RET": ("regs", 8 * 0),
            "REGS_IP": ("pc", 0),
            "REGS_LR": ("regs", 8 * 30),
            "REGS_FP": ("regs", 8 * 29),
            "REGS_LINK": ("regs", 8 * 30),
            "REGS_NUMBER": ("syscallno", 0),
        },
        compat_flags=("thread_info", "flags"),
        constants={
            "MACHINE_AARCH64": 1,
            "COMPAT_FLAG": 1 << 22,  # TIF_32BIT, arch/arm64/include/asm/thread_info.h
            "COMPAT_EPOLL_CREATE": 250,  # arch/arm/tools/syscall.tbl
            "COMPAT_EPOLL_CREATE1": 357,
            "COMPAT_EPOLL_PWAIT": 346,
            "CALL_READ": 63,  # include/uapi/asm-generic/unistd.h
            "CALL_PREAD64": 67,
            "CALL_GETDENTS64": 61,
            "CALL_OPENAT": 56,
            "CALL_NEWFSTATAT": 79,
            "CALL_READLINKAT": 78,
            "CALL_EPOLL_PWAIT": 22,
            "CALL_KCMP": 272,
            "CALL_STATX": 291,
            "CALL_EPOLL_PWAIT2": 441,
        },
    ),
}
THIS = MACHINES.get(os.uname().machine)
"""None: the probes do not support this machine."""
