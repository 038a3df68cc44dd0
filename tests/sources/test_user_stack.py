"""Stacks read from the memory of a program, which may be made to mislead."""

from __future__ import annotations

import struct

import pytest

from epolltop.sources.bpf.user_stack import GUESSES_MAX, ReadMemory, Registers, user_stack
from epolltop.sources.bpf.wire import STACK_FRAMES

CODE, IP, STACK = 0x400000, 0x400040, 0x7F0000000000
CALLS = {"x86_64": b"\x90\x90\x90\xe8\0\0\0\0", "aarch64": struct.pack("<II", 0, 0x94000000)}
ENTERS = {"x86_64": b"\x0f\x05", "aarch64": b"\x01\x00\x00\xd4"}


def memory(machine: str, words: dict[int, int]) -> ReadMemory:
    """Code in which a call ends at each multiple of 8, and words at addresses of the stack."""

    def read(address: int, size: int) -> bytes:
        if CODE <= address < CODE + 0x100000:
            return CALLS[machine] if size == 8 else ENTERS[machine]
        there = b"".join(struct.pack("=Q", words.get(at, 0)) for at in range(address, address + size, 8))
        return there if any(at in words for at in range(address, address + size, 8)) else b""

    return read


def chain(length: int, *, step: int = 16) -> dict[int, int]:
    """Frames above one another: where the next one is, and a return address."""
    frames = ((STACK + step * at, at) for at in range(length))
    return {at: word for begin, n in frames for at, word in ((begin, begin + step), (begin + 8, CODE + 0x100 + 8 * n))}


@pytest.mark.parametrize("machine", CALLS)
def test_frames_follow_the_frame_pointer_until_they_are_none(machine: str) -> None:
    found = user_stack(Registers(7, IP, STACK, 0), memory(machine, chain(3)), machine)
    assert found.stack == (7, 0, 0, (IP, CODE + 0x100, CODE + 0x108, CODE + 0x110))
    assert found.guesses == 0
    nowhere = user_stack(Registers(7, IP, 0x1234, 0), memory(machine, chain(3)), machine)
    assert nowhere.stack.frames == (IP,)


@pytest.mark.parametrize("machine", CALLS)
def test_a_chain_ends_however_it_was_forged(machine: str) -> None:
    found = user_stack(Registers(7, IP, STACK, 0), memory(machine, chain(1000)), machine)
    assert len(found.stack.frames) == STACK_FRAMES - 1
    ring = user_stack(Registers(7, IP, STACK, 0), memory(machine, chain(5, step=0)), machine)
    assert len(ring.stack.frames) == 2


def test_what_looks_like_a_return_address_is_a_guess() -> None:
    at = STACK - 8 * 20
    words = {at: 1, **{at + 8 * n: CODE + 0x800 + 8 * n for n in range(2, 2 + GUESSES_MAX + 3)}, **chain(1)}
    found = user_stack(Registers(7, IP, STACK, at), memory("x86_64", words), "x86_64")
    guessed = tuple(CODE + 0x800 + 8 * n for n in range(2, 2 + GUESSES_MAX))
    assert found.guesses == GUESSES_MAX
    assert found.stack.frames == (IP, *guessed, CODE + 0x100)


def test_the_link_register_is_a_guess() -> None:
    found = user_stack(Registers(7, IP, STACK, CODE + 0x800), memory("aarch64", chain(1)), "aarch64")
    assert (found.stack.frames, found.guesses) == ((IP, CODE + 0x800, CODE + 0x100), 1)
