"""Releases, when the last reference to an instance's file is dropped."""

from __future__ import annotations

from epolltop.bcc.machine import Machine
from epolltop.model.event import Kind
from epolltop.model.limits import RELEASES_DERIVED
from epolltop.sources.bpf.probes.spec import Calibrate, Hook, ProbeSpec, Rung

_CALIBRATIONS, _SEEN = 9, 7
"""Instances of epolltop's own that test whether a probe sees releases at once, about 25 us each; and how many of them
it must see, because another epolltop's census may hold the last reference of some."""


def ladder(machine: Machine | None) -> dict[str, Rung]:
    """Best rung first, the same on each machine."""
    return {
        "fentry": (Hook("fentry", "ep_eventpoll_release"),),
        "kprobe": (Hook("kprobe", "ep_eventpoll_release", "ep_eventpoll_release_entry"),),
        "raw_tracepoint": (Hook("raw_tracepoint", "kmem_cache_free", "slab_object_freed"),),
        "census": (),  # no hook: an instance is released if one census shows it and the next does not
    }


def _is_prompt(calibrate: Calibrate) -> bool:
    """Whether the probe sees releases when they happen, by the task that closed last. One test may succeed by luck."""
    return sum(calibrate().was_prompt for _ in range(_CALIBRATIONS)) >= _SEEN


PROBE = ProbeSpec(
    name="files_free",
    ladder=ladder,
    proof=_is_prompt,
    tells=frozenset({Kind.RELEASE}),
    limit=RELEASES_DERIVED,
)
