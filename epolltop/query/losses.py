"""What the detail lacks: events that were lost, and those that were left out on purpose."""

from __future__ import annotations

from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import grouped, plural


def is_lossy(snapshot: Snapshot) -> bool:
    """Whether something is missing that was not left out on purpose."""
    return bool(snapshot.source.lost or snapshot.source.overflowed or snapshot.source.missed)


def loss_line(snapshot: Snapshot) -> str:
    """How complete the detail is: loss and sampling are told apart."""
    source = snapshot.source
    left_out = grouped(source.sampled_out)
    if source.failed_sampled_out:
        left_out += f" and {plural(source.failed_sampled_out, 'failure')}"
    return f"events {grouped(source.events)}  sampled out {left_out}  lost {grouped(source.lost)}{maps_full(snapshot)}"


def maps_full(snapshot: Snapshot) -> str:
    """The end of such a line; empty if no map was full."""
    return f"  maps full {grouped(snapshot.source.overflowed)}" if snapshot.source.overflowed else ""


def missing(snapshot: Snapshot) -> str:
    """Everything without an event, for output that has no such line; empty if nothing is missing."""
    source = snapshot.source
    parts = (
        (source.lost, plural(source.lost, "event") + " lost"),
        (snapshot.dropped, plural(snapshot.dropped, "event") + " dropped, because they were not taken in time"),
        (source.sampled_out, plural(source.sampled_out, "instance") + " sampled out"),
        (source.failed_sampled_out, plural(source.failed_sampled_out, "failure") + " sampled out"),
        (source.untold_releases, plural(source.untold_releases, "release") + " of older instances"),
        (source.overflowed, plural(source.overflowed, "refusal") + " by full maps"),
        (source.missed, plural(source.missed, "run") + " of probes skipped"),
        (source.stacks_left_out, plural(source.stacks_left_out, "stack") + " left out"),
    )
    return ", ".join(text for number, text in parts if number)
