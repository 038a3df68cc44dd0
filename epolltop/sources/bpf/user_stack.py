"""The user stack of a thread that does not run, read from the memory of its program by its registers.

The frames are those that bpf/stack.c takes of the current task. Of another task no helper takes a user stack.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from epolltop.sources.bpf.wire import STACK_FRAMES, Stack

ReadMemory = Callable[[int, int], bytes]
"""Takes an address and a size, and answers what is there; less or nothing if that cannot be read."""

_WORD, _PAIR = struct.Struct("=Q"), struct.Struct("=QQ")
_SYSCALL, _SVC = b"\x0f\x05", b"\x01\x00\x00\xd4"
_SEARCHED, GUESSES_MAX = 32, 3
"""Words on the stack in which return addresses are looked for, and how many of these are told."""
_ADDRESS_BITS = 48
"""Of a return address on arm64; those above may authenticate it."""


class Registers(NamedTuple):
    """With which a thread entered the kernel."""

    image: int
    """As in Stack."""
    ip: int
    fp: int
    """Frame pointer."""
    link: int
    """On x86-64 the stack pointer, on arm64 the link register."""


class UserStack(NamedTuple):
    """What was found."""

    stack: Stack
    guesses: int
    """Frames behind the first that are probable only."""


def user_stack(registers: Registers, read: ReadMemory, machine: str = os.uname().machine) -> UserStack:
    """Of a thread that has not run since its registers were read. 4 µs a frame.

    Functions of libraries that make system calls often have no frame, so that the frame pointer is that of a caller
    further up. Who called them is guessed: by words on the stack, before that frame, that look like return addresses.

    Args:
        registers: its.
        read: from the memory of its program.
        machine: as uname(2) calls it.
    """
    on = _CONVENTIONS[machine]
    back = tuple(_frames(registers.fp, read, on.follows_call))
    guesses = [each for each in on.guesses(registers, read) if each not in back[:1]][:GUESSES_MAX]
    frames = (registers.ip, *guesses, *back)[: STACK_FRAMES - 1]
    return UserStack(Stack(registers.image, 0, 0, frames), len(guesses))


def _frames(fp: int, read: ReadMemory, follows_call: Callable[[bytes], bool]) -> Iterator[int]:
    """Return addresses, up to one that follows no call: then the frame pointer was none."""
    for _ in range(STACK_FRAMES - 2):
        pair = read(fp, _PAIR.size)
        if len(pair) < _PAIR.size:
            return
        above, address = _PAIR.unpack(pair)
        address &= (1 << _ADDRESS_BITS) - 1
        if not follows_call(read(address - _WORD.size, _WORD.size)):
            return
        yield address
        if above <= fp:  # the stack grows down
            return
        fp = above


def _guesses_on_x86(registers: Registers, read: ReadMemory) -> Iterator[int]:
    """In what such functions may have on the stack."""
    if read(registers.ip - 2, 2) != _SYSCALL:
        return
    size = _WORD.size * _SEARCHED
    words = read(registers.link, min(size, registers.fp - registers.link) if registers.fp > registers.link else size)
    for (word,) in _WORD.iter_unpack(words[: len(words) // _WORD.size * _WORD.size]):
        if _follows_call_on_x86(read(word - _WORD.size, _WORD.size)):
            yield word


def _guesses_on_arm(registers: Registers, read: ReadMemory) -> Iterator[int]:
    """The link register, unless that function has called another one."""
    address = registers.link & ((1 << _ADDRESS_BITS) - 1)
    if read(registers.ip - 4, 4) == _SVC and _follows_call_on_arm(read(address - _WORD.size, _WORD.size)):
        yield address


def _follows_call_on_x86(code: bytes) -> bool:
    """A call ends here: rel32, or opcode ff /2 with one to six bytes behind it."""
    if len(code) < _WORD.size:
        return False
    return code[3] == 0xE8 or any(code[at] == 0xFF and code[at + 1] & 0x38 == 0x10 for at in range(1, 7))


def _follows_call_on_arm(code: bytes) -> bool:
    """bl, blr, or blr that authenticates."""
    if len(code) < _WORD.size:
        return False
    last = int.from_bytes(code[4:], "little")
    return last & 0xFC000000 == 0x94000000 or last & 0xFFFFFC1F == 0xD63F0000 or last & 0xFEFFF800 == 0xD63F0800


class _Convention(NamedTuple):
    guesses: Callable[[Registers, ReadMemory], Iterator[int]]
    follows_call: Callable[[bytes], bool]


_CONVENTIONS = {
    "x86_64": _Convention(_guesses_on_x86, _follows_call_on_x86),
    "aarch64": _Convention(_guesses_on_arm, _follows_call_on_arm),
}
