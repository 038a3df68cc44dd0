"""Opens the source that was asked for, or the best that can run here."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from epolltop.errors import SourceUnavailable
from epolltop.model.late_look import LATE_NS
from epolltop.model.limits import ONLY_PROC, Limit

if TYPE_CHECKING:
    from epolltop.sources.bpf.bpf_source import BpfSource
    from epolltop.sources.proc_source import ProcSource

KINDS = ("auto", "bpf", "proc")


def open_source(
    kind: str,
    *,
    include_self: bool,
    pids: Collection[int] = (),
    stacks: bool = False,
    late_ns: int = LATE_NS,
    late_stacks_ns: int | None = None,
    compat: bool = False,
    budget: float | None = None,
    attach: Iterable[tuple[str, str]] = (),
    without: Iterable[str] = (),
) -> BpfSource | ProcSource:
    """An open source.

    Args:
        kind: bpf or proc insist on that one, auto falls back from bpf to proc and says why in every batch.
        include_self: whether epolltop's own instances count.
        pids: of these each batch tells whether they live, also if they hold nothing.
        stacks: whether the user stack of each creation is taken; where that cannot be, a limit says so.
        late_ns: from how long an absence on loops are looked at.
        late_stacks_ns: from how long an absence on their stacks are taken; None: they are not.
        compat: whether creations of 32-bit tasks are counted where only a probe on every system call sees them.
        budget: what epolltop may cost before loops are sampled, as a share of a core; None: see `sampling_policy`.
        attach: probe and the only hook it may have.
        without: probes that are neither compiled nor attached.

    Raises:
        SourceUnavailable: the one that was asked for cannot run, or none can.
    """
    only_proc = None
    if kind != "proc":
        from epolltop.sources.bpf.bpf_source import BpfSource
        from epolltop.sources.bpf.ladder import ALL, Ladders

        insisting = functools.reduce(lambda left, one: left.only(*one), attach, ALL)
        ladders = functools.reduce(Ladders.without, without, insisting)
        live = BpfSource(
            include_self=include_self,
            pids=pids,
            stacks=stacks,
            late_ns=late_ns,
            late_stacks_ns=late_stacks_ns,
            compat=compat,
            budget=budget,
            ladders=ladders,
        )
        try:
            live.open()
        except SourceUnavailable as error:
            if kind == "bpf":
                raise
            only_proc = Limit.of_refusal(ONLY_PROC, error)
        else:
            return live
    from epolltop.sources.proc_source import ProcSource

    wants_stacks = stacks or late_stacks_ns is not None
    scanning = ProcSource(include_self=include_self, pids=pids, stacks=wants_stacks, only_proc=only_proc)
    scanning.open()
    return scanning
