"""What is attached: the hook of each probe, and what epolltop cannot see, or did not see, because of it."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import replace

from epolltop.bcc.program import Program
from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.model.source import Probe
from epolltop.sources.bpf import preemption
from epolltop.sources.bpf.ladder import Attached, Ladders, climb
from epolltop.sources.bpf.probes import PROBES, epoll_create, files_free
from epolltop.sources.bpf.probes.spec import WITHOUT, Calibrate

_LIFECYCLE = (epoll_create.PROBE.name, files_free.PROBE.name)
_NOT_TRACED = "not traced"
"""Shown for a probe that is left out on demand. For any other probe without a hook, the census stands in."""


def attach_probes(program: Program, ladders: Ladders, calibrate: Calibrate, *, compat: bool) -> Attachments:
    """Attaches the best rung that this kernel has of each probe's ladder.

    Args:
        program: has their functions.
        ladders: what is tried.
        calibrate: tests what is attached.
        compat: attach another hook, at a cost, if the rung does not see 32-bit tasks.

    Raises:
        NoRung: a probe has none that holds.
        AttachError: the hook for 32-bit tasks was refused.
    """
    attached: dict[str, Attached] = {}
    for probe in PROBES:
        proof = functools.partial(probe.proof, calibrate)
        held = climb(program, probe.name, ladders.probes[probe.name], proof)
        if compat and probe.compat and not held.sees_compat:
            program.attach(probe.compat.how, probe.compat.program, probe.compat.target)
            held = replace(held, hooks=(*held.hooks, probe.compat), sees_compat=True)
        attached[probe.name] = held
    return Attachments(program, attached)


class Attachments:
    """The rung of each probe that holds."""

    def __init__(self, program: Program, attached: Mapping[str, Attached]) -> None:
        self._program = program
        self._attached = attached
        self._version = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
        self._preempted = [
            name
            for name, held in attached.items()
            if preemption.leaves_out((hook.how for hook in held.hooks), self._version)
        ]
        self._standing = [Limit.of(limits.PREEMPTED, probe=name) for name in self._preempted]
        self._standing += [
            Limit.of(probe.limit, probe=probe.name, refused=" ".join(attached[probe.name].refused))
            for probe in PROBES
            if not self.traces(probe.name)
        ]
        self._standing += [
            Limit.of(limits.IO_URING_UNSEEN, probe=probe.name)
            for probe in PROBES
            if probe.by_io_uring and (hooks := attached[probe.name].hooks) and not any(hook.io_uring for hook in hooks)
        ]

    def traces(self, probe: str) -> bool:
        """Whether a probe has a hook."""
        return bool(self._attached[probe].hooks)

    def hooks(self, probe: str) -> list[tuple[str, str]]:
        """Kind and target of each."""
        return [(hook.how, hook.target) for hook in self._attached[probe].hooks]

    @property
    def sees_compat(self) -> bool:
        """Whether creations by 32-bit tasks are seen, by each of their calls."""
        return self._attached[epoll_create.PROBE.name].sees_compat

    @property
    def sees_all_releases(self) -> bool:
        """Whether the kernel never skips the probe on releases without counting it."""
        return files_free.PROBE.name not in self._preempted

    def probes(self, census_by: str) -> tuple[Probe, ...]:
        """Each probe with its hooks, or with what stands in for them.

        Args:
            census_by: how a census is taken.
        """
        return tuple(
            Probe(
                name,
                held.attached_to or (_NOT_TRACED if held.rung == WITHOUT else census_by),
                traces=bool(held.hooks),
            )
            for name, held in self._attached.items()
        )

    def missed(self) -> dict[str, int]:
        """How many runs of each probe the kernel skipped so far."""
        return {name: self._missed(held) for name, held in self._attached.items()}

    def limits(self, missed: Mapping[str, int]) -> list[Limit]:
        """What the probes cannot see here, and what they missed."""
        skipped = [Limit.of(limits.PROBE_MISSED, probe=name, runs=runs) for name, runs in missed.items() if runs]
        return [*self._standing, *skipped]

    def _missed(self, held: Attached) -> int:
        """Runs of one probe.

        Before Linux 6.19 raw tracepoints are left out: only interrupts come between their runs, and these free nothing
        of epoll. Later kernels (seen on 7.2) also skip runs for tasks that create and release.
        """
        told = [each for each in held.hooks if self._version >= (6, 19) or each.how != "raw_tracepoint"]
        return sum(self._program.misses(each.how, each.target) for each in told)


def missed_of_lifecycle(missed: Mapping[str, int]) -> int:
    """The runs of the probes on creations and releases."""
    return sum(missed[name] for name in _LIFECYCLE)
