"""Calls of a 32-bit program, through the 32-bit entry."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable

from tests.workloads.steps import Reply

# push rbx; mov eax, 329; xor ebx, ebx; int 0x80; pop rbx; ret
_EPOLL_CREATE1_0 = b"\x53\xb8\x49\x01\x00\x00\x31\xdb\xcd\x80\x5b\xc3"
# push rbx; mov ebx, edi; mov eax, 256; xor ecx, ecx; xor edx, edx; xor esi, esi; int 0x80; pop rbx; ret
_EPOLL_WAIT_NONE = b"\x53\x89\xfb\xb8\x00\x01\x00\x00\x31\xc9\x31\xd2\x31\xf6\xcd\x80\x5b\xc3"
# push rbx; mov ebx, edi; mov eax, 255; mov ecx, 2; xor edx, edx; xor esi, esi; int 0x80; pop rbx; ret
_EPOLL_CTL_DEL_0 = b"\x53\x89\xfb\xb8\xff\x00\x00\x00\xb9\x02\x00\x00\x00\x31\xd2\x31\xf6\xcd\x80\x5b\xc3"


def _compat_call(instructions: bytes) -> Callable[[int], int]:
    """A function that makes a system call through the 32-bit entry."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(instructions)
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return lambda argument: function(argument) if code else -1  # which keeps the code


def _has_compat_calls() -> bool:
    """Whether a child can make one: the kernel may have no such entry."""
    trial = os.fork()
    if not trial:
        os._exit(0 if _compat_call(_EPOLL_CREATE1_0)(0) >= 0 else 1)
    return os.waitpid(trial, 0)[1] == 0


def create_compat() -> Reply:
    """One instance by a 32-bit call of epoll_create1(0), if there are such calls."""
    return {"fd": _compat_call(_EPOLL_CREATE1_0)(0) if _has_compat_calls() else None}


def pairs_compat(count: int) -> Reply:
    """The same as pairs, by 32-bit calls."""
    call = _compat_call(_EPOLL_CREATE1_0)
    for _ in range(count):
        os.close(call(0))
    return {}


def wait_compat(fd: int, count: int) -> Reply:
    """32-bit calls of epoll_wait for no events, which are refused; how many there were."""
    waited = count if _has_compat_calls() else 0
    call = _compat_call(_EPOLL_WAIT_NONE)
    for _ in range(waited):
        call(fd)
    return {"waited": waited}


def ctl_compat(fd: int, count: int) -> Reply:
    """32-bit calls of epoll_ctl to remove stdin, which is not watched; how many there were."""
    called = count if _has_compat_calls() else 0
    call = _compat_call(_EPOLL_CTL_DEL_0)
    for _ in range(called):
        call(fd)
    return {"called": called}


STEPS = (create_compat, pairs_compat, wait_compat, ctl_compat)
