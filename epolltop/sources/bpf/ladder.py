"""Which hook each logical probe gets: the first rung of its ladder that attaches, found by trying.

Predicates lie: a kernel may list fentry and refuse it, or have kprobes compiled out. What was attached is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from epolltop.sources.bpf.program import AttachError, Program


@dataclass(frozen=True, slots=True)
class Hook:
    """One program at one place."""

    how: str
    target: str
    program: str = ""
    optional: bool = False
    """Its absence does not spoil the rung: 32-bit entry points, calls that newer architectures never had."""


Rung = tuple[Hook, ...]

EPOLL_CREATE: tuple[Rung, ...] = (
    (
        Hook("fexit", "__x64_sys_epoll_create1"),
        Hook("fexit", "__x64_sys_epoll_create"),
        Hook("fexit", "__ia32_sys_epoll_create1", optional=True),
        Hook("fexit", "__ia32_sys_epoll_create", optional=True),
    ),
    (
        Hook("kretprobe", "__x64_sys_epoll_create1", "epoll_create1_return"),
        Hook("kretprobe", "__x64_sys_epoll_create", "epoll_create_return"),
        Hook("kretprobe", "__ia32_sys_epoll_create1", "epoll_create1_compat_return", optional=True),
        Hook("kretprobe", "__ia32_sys_epoll_create", "epoll_create_compat_return", optional=True),
    ),
    (
        Hook("tracepoint", "syscalls:sys_exit_epoll_create1", "epoll_create1_sys_exit"),
        Hook("tracepoint", "syscalls:sys_exit_epoll_create", "epoll_create_sys_exit", optional=True),
    ),
)

FILES_FREE: tuple[Rung, ...] = (
    (Hook("fentry", "ep_eventpoll_release"),),
    (Hook("kprobe", "ep_eventpoll_release", "ep_eventpoll_release_entry"),),
    (Hook("raw_tracepoint", "kmem_cache_free", "slab_object_freed"),),
)


@dataclass(frozen=True, slots=True)
class Attached:
    """The hooks that hold, and what each higher rung answered."""

    hooks: Rung
    refusals: tuple[str, ...]

    @property
    def attached_to(self) -> str:
        """For the screen and the snapshot; empty if nothing holds."""
        return ", ".join(f"{hook.how}:{hook.target}" for hook in self.hooks)

    @property
    def sees_compat(self) -> bool:
        """Whether 32-bit tasks are seen: function probes on their entry points."""
        return any("ia32" in hook.target for hook in self.hooks)


def climb(program: Program, ladder: tuple[Rung, ...], proof: Callable[[], bool]) -> Attached:
    """Attaches the first rung that holds as a whole and passes the proof.

    Args:
        program: has the functions that the hooks name.
        ladder: best rung first.
        proof: whether what is attached now saw an instance of epolltop's own.
    """
    refusals: list[str] = []
    for rung in ladder:
        held: list[Hook] = []
        try:
            for hook in rung:
                try:
                    program.attach(hook.how, hook.program, hook.target)
                    held.append(hook)
                except AttachError:
                    if not hook.optional:
                        raise
            if proof():
                return Attached(tuple(held), tuple(refusals))
            refusals.append(f"{rung[0].how}: attached, but it did not see an instance of epolltop's own")
        except AttachError as error:
            refusals.append(f"{rung[0].how}: {error}")
        release(program, tuple(held))
    return Attached((), tuple(refusals))


def release(program: Program, hooks: Rung) -> None:
    """Detaches a rung."""
    for hook in hooks:
        program.detach(hook.how, hook.target)
