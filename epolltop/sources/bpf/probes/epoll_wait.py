"""The turns of event loops: how threads wait on instances, and how long they are away in between."""

from __future__ import annotations

from epolltop.bcc.machine import Machine
from epolltop.model.limits import UNTRACED
from epolltop.sources.bpf.loop_maps import LoopMaps
from epolltop.sources.bpf.probes.spec import WITHOUT, Hook, ProbeSpec, Rung
from epolltop.sources.bpf.unprobed_waits import UnprobedWaits

_CALLS = ("epoll_pwait", "epoll_wait", "epoll_pwait2")
"""The first is on each machine."""


def ladder(_machine: Machine | None) -> dict[str, Rung]:
    """Best rung first, the same on each machine."""
    function = (Hook("fentry", "do_epoll_wait", compat=True), Hook("fexit", "do_epoll_wait", compat=True))
    tracepoint = tuple(
        Hook("tracepoint", f"syscalls:sys_{end}_{call}", f"epoll_wait_sys_{end}", optional=call != _CALLS[0])
        for call in _CALLS
        for end in ("enter", "exit")
    )
    return {"fentry": function, "tracepoint": tracepoint, WITHOUT: ()}


PROBE = ProbeSpec(
    name="epoll_wait",
    ladder=ladder,
    proof=lambda calibrate: calibrate().waited_by != 0,
    readers=(LoopMaps,),
    stand_ins=(UnprobedWaits,),
    limit=UNTRACED,
)
