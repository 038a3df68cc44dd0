"""Which hook each logical probe gets: the first rung of its ladder that attaches, found by trying.

Predicates lie: a kernel may list fentry and refuse it, or have kprobes compiled out. What was attached is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from epolltop.bcc.machine import THIS, Machine
from epolltop.bcc.program import AttachError, Program
from epolltop.sources.bpf.census import CENSUS, CensusTaker


@dataclass(frozen=True, slots=True)
class Hook:
    """One program at one place."""

    how: str
    target: str
    program: str = ""
    optional: bool = False
    """Its absence does not spoil the rung: 32-bit entry points, calls that newer architectures never had."""
    compat: bool = False
    """It sees 32-bit tasks."""


Rung = tuple[Hook, ...]


def epoll_create(machine: Machine | None) -> dict[str, Rung]:
    """Best rung first; those at functions only of an architecture that is known."""
    tracepoint = (
        Hook("tracepoint", "syscalls:sys_exit_epoll_create1", "epoll_create1_sys_exit"),
        Hook("tracepoint", "syscalls:sys_exit_epoll_create", "epoll_create_sys_exit", optional=True),
    )
    if machine is None:
        return {"tracepoint": tracepoint}
    kretprobe = _kretprobe(machine)
    fexit = tuple(replace(hook, how="fexit", program="") for hook in kretprobe)
    return {"fexit": fexit, "kretprobe": kretprobe, "tracepoint": tracepoint}


def _kretprobe(machine: Machine) -> Rung:
    names, shared = ("epoll_create1", "epoll_create"), machine.calls == machine.compat_calls
    own = (Hook("kretprobe", machine.calls + name, f"{name}_return", compat=shared) for name in names)
    compat = (
        Hook("kretprobe", machine.compat_calls + name, f"{name}_compat_return", optional=True, compat=True)
        for name in names
    )
    return tuple(own) if shared else (*own, *compat)


EPOLL_CREATE = epoll_create(THIS)

FILES_FREE: dict[str, Rung] = {
    "fentry": (Hook("fentry", "ep_eventpoll_release"),),
    "kprobe": (Hook("kprobe", "ep_eventpoll_release", "ep_eventpoll_release_entry"),),
    "raw_tracepoint": (Hook("raw_tracepoint", "kmem_cache_free", "slab_object_freed"),),
    "census": (),  # no hook: releases are derived from what one census shows and the next does not
}

COMPAT = Hook("raw_tracepoint", "sys_exit", "compat_sys_exit", compat=True)
"""Sees the 32-bit tasks that syscall tracepoints leave out, at a cost to every system call of the machine."""


@dataclass(frozen=True, slots=True)
class Ladders:
    """What is tried for each probe and for the census, by name, best first."""

    epoll_create: Mapping[str, Rung] = field(default_factory=lambda: EPOLL_CREATE)
    files_free: Mapping[str, Rung] = field(default_factory=lambda: FILES_FREE)
    census: Mapping[str, Callable[[Program, bool], CensusTaker]] = field(default_factory=lambda: CENSUS)

    def only(self, probe: str, rung: str) -> Ladders:
        """The same, but with a single rung in one of the ladders.

        Raises:
            LookupError: there is no such ladder or rung; the message names those there are.
        """
        ladders = {each.name: getattr(self, each.name) for each in fields(self)}
        if probe not in ladders:
            raise LookupError(f"there is no probe {probe!r}, but {', '.join(ladders)}")
        if rung not in ladders[probe]:
            raise LookupError(f"{probe} has no hook {rung!r}, but {', '.join(ladders[probe])}")
        return replace(self, **{probe: {rung: ladders[probe][rung]}})


ALL = Ladders()


@dataclass(frozen=True, slots=True)
class Attached:
    """The hooks that hold."""

    hooks: Rung
    sees_compat: bool
    """Whether 32-bit tasks are seen, by each of their calls."""

    @property
    def attached_to(self) -> str:
        """For the screen and the snapshot; empty for the rung without a hook."""
        return ", ".join(f"{hook.how}:{hook.target}" for hook in self.hooks)


def climb(program: Program, ladder: Mapping[str, Rung], proof: Callable[[], bool]) -> Attached:
    """Attaches the first rung that holds as a whole and passes the proof; one without hooks always does.

    Args:
        program: has the functions that the hooks name.
        ladder: best rung first, by name.
        proof: whether what is attached now saw an instance of epolltop's own.

    Raises:
        AttachError: no rung holds; the message is what each of them answered.
    """
    refusals: list[str] = []
    no_tracepoint = False
    for name, rung in ladder.items():
        held: list[Hook] = []
        try:
            for hook in rung:
                try:
                    program.attach(hook.how, hook.program, hook.target)
                    held.append(hook)
                except AttachError:
                    if not hook.optional:
                        raise
            if not rung or proof():
                compat = [hook for hook in rung if hook.compat]
                return Attached(tuple(held), bool(compat) and set(compat) <= set(held))
            refusals.append(f"{name}: attached, but it did not see an instance of epolltop's own")
        except AttachError as error:
            refusals.append(f"{name}: {error}")
            no_tracepoint |= error.no_tracepoint
        release(program, tuple(held))
    raise AttachError("; ".join(refusals), no_tracepoint=no_tracepoint)


def first_census(
    program: Program, ladder: Mapping[str, Callable[[Program, bool], CensusTaker]], *, include_self: bool
) -> CensusTaker:
    """The first way to take a census that works.

    Raises:
        AttachError: none does.
    """
    refusals: list[str] = []
    for name, take in ladder.items():
        try:
            return take(program, include_self)
        except AttachError as error:
            refusals.append(f"{name}: {error}")
    raise AttachError("; ".join(refusals))


def release(program: Program, hooks: Rung) -> None:
    """Detaches a rung."""
    for hook in hooks:
        program.detach(hook.how, hook.target)
