"""System calls in which a thread may stay: their numbers, and which of them are about a descriptor."""

from __future__ import annotations

import os
from typing import NamedTuple

_ABOUT_DESCRIPTOR = """
    read:0:63 write:1:64 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69 pwritev:296:70
    preadv2:327:286 pwritev2:328:287 recvfrom:45:207 recvmsg:47:212 recvmmsg:299:243 sendto:44:206 sendmsg:46:211
    sendmmsg:307:269 sendfile:40:71 splice:275:76 connect:42:203 accept:43:202 accept4:288:242 close:3:57 fsync:74:82
    fdatasync:75:83 sync_file_range:277:84 syncfs:306:267 ftruncate:77:46 fallocate:285:47 flock:73:32 fcntl:72:25
    ioctl:16:29 getdents64:217:61 copy_file_range:326:285 io_uring_enter:426:426 epoll_wait:232:- epoll_pwait:281:22
    epoll_pwait2:441:441 epoll_ctl:233:21
"""
"""Their first argument is one. A name, and its numbers for 64-bit programs on x86-64 and on arm64 (arch/x86/entry/
syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h); a dash where there is no such call."""
_OTHERS = """
    open:2:- openat:257:56 openat2:437:437 newfstatat:262:79 statx:332:291 stat:4:- lstat:6:- access:21:-
    faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 unlink:87:- unlinkat:263:35 rename:82:-
    renameat:264:38 renameat2:316:276 mkdir:83:- mkdirat:258:34 rmdir:84:- poll:7:- ppoll:271:73 select:23:-
    pselect6:270:72 nanosleep:35:101 clock_nanosleep:230:115 futex:202:98 futex_wait:455:455 futex_waitv:449:449
    wait4:61:260 waitid:247:95 pause:34:- rt_sigtimedwait:128:137 rt_sigsuspend:130:133 msgsnd:69:189 msgrcv:70:188
    semop:65:193 semtimedop:220:192 mmap:9:222 munmap:11:215 mprotect:10:226 madvise:28:233 msync:26:227 mremap:25:216
    brk:12:214 clone:56:220 clone3:435:435 fork:57:- vfork:58:- execve:59:221 execveat:322:281 exit:60:93
    exit_group:231:94 sched_yield:24:124 sync:162:81 mount:165:40 umount2:166:39 ptrace:101:117
    process_vm_readv:310:270 io_getevents:208:4 io_pgetevents:333:292 mq_timedreceive:243:183 mq_timedsend:242:182
    membarrier:324:283 getrandom:318:278 clock_gettime:228:113
"""
_MACHINES = ("x86_64", "aarch64")


class SystemCall(NamedTuple):
    """One that a thread is in."""

    name: str
    """The number, if it is not known here."""
    about_descriptor: bool = False
    """Its first argument is one."""


def _numbered(machine: str) -> dict[int, SystemCall]:
    if machine not in _MACHINES:
        return {}
    column = _MACHINES.index(machine) + 1
    tables = ((_ABOUT_DESCRIPTOR, True), (_OTHERS, False))
    rows = ((row.split(":"), about) for table, about in tables for row in table.split())
    return {int(row[column]): SystemCall(row[0], about) for row, about in rows if row[column] != "-"}


_CALLS = _numbered(os.uname().machine)


def system_call(number: int, *, compat: bool) -> SystemCall:
    """By its number.

    Args:
        number: as the kernel has it.
        compat: it is one of those that 32-bit programs have.
    """
    known = None if compat else _CALLS.get(number)
    return known or SystemCall(f"call {number}{' of 32 bits' if compat else ''}")


def number_of(name: str) -> int | None:
    """Of 64-bit programs here; None if they have no such call."""
    return next((number for number, call in _CALLS.items() if call.name == name), None)
