"""The lines above every table: the source of the numbers, their totals, and what is missing."""

from __future__ import annotations

from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from epolltop.query.derived_limits import limits_of
from epolltop.query.limit_catalogue import words
from epolltop.query.losses import loss_line, maps_full
from epolltop.query.verdict import verdict
from epolltop.text.cells import wrapped
from epolltop.text.numbers import at_least, date, duration, grouped, grouped_rate, plural, size, timestamp

STALE_S = 5.0
"""From this age on the age of the census is shown. With 100,000 descriptors there is one every two to three seconds."""


def attachment(probe: Probe) -> str:
    """What a probe is attached to, in short: the first hook and how many more."""
    first, *others = probe.attached_to.split(", ")
    return f"{first} +{len(others)}" if others else first


def _way(probe: Probe) -> str:
    """How a probe is attached, without the name of the hook."""
    return probe.attached_to.partition(":")[0]


def source_lines(snapshot: Snapshot, width: int) -> list[str]:
    """The source and the hook of each probe in one line; if that is too long, how each is attached."""
    line = ""
    for told in (attachment, _way):
        line = "  ".join([snapshot.source.kind, *(f"{probe.name}={told(probe)}" for probe in snapshot.source.probes)])
        if len(line) <= width:
            return [line]
    return wrapped(line, width)


def brief_line(snapshot: Snapshot) -> str:
    """The line for a screen of 60 columns: instances, losses."""
    return f"{_found(snapshot)}  lost {grouped(snapshot.source.lost)}{maps_full(snapshot)}"


def totals_line(snapshot: Snapshot) -> str:
    """How many instances, and what happened to them."""
    totals = snapshot.totals
    line = _found(snapshot)
    if snapshot.in_flight:
        line += f" ({grouped(snapshot.in_flight)} in flight)"
    if not snapshot.window_s:
        return line
    for what, counter, number, per_s in (
        ("created", "created", totals.created, snapshot.create_per_s),
        ("freed", "released", totals.released, snapshot.release_per_s),
    ):
        counted, often = grouped(number), grouped_rate(per_s)
        if not snapshot.is_exact(counter):
            counted, often = at_least(counted), at_least(often) if per_s else often
        line += f"  {what} {counted} ({often}/s)"
    failed = f"  failed {'≥' if snapshot.lacking else ''}{grouped(totals.failed)}"
    return f"{line}{failed}" if snapshot.source.knows("failed") else line


def _found(snapshot: Snapshot) -> str:
    """How much is listed, of how much in all, and how old the census is."""
    here, whole = snapshot.extent, snapshot.of
    holding = plural(here.holding or 0, "process")
    if snapshot.source.unreadable:
        holding = at_least(holding)
    line = f"{plural(here.instances, 'instance')} in {holding}"
    if snapshot.partly_listed:
        line = at_least(line)
    if whole is not None and (here.instances, here.holding) != (whole.instances, whole.holding):
        in_all = grouped(whole.instances)
        line += f" shown of {at_least(in_all) if snapshot.partly_listed else in_all}"
        line += "" if whole.holding is None else f" in {grouped(whole.holding)}"
    age_s = snapshot.census_age_s
    return f"{line} as of {duration(age_s)} ago" if age_s is not None and age_s > STALE_S else line


def cost_line(snapshot: Snapshot) -> str:
    """What epolltop itself uses."""
    return f"self {snapshot.cpu_share:.1%} cpu {size(snapshot.cost.rss_bytes)}"


def notes(snapshot: Snapshot) -> tuple[str, ...]:
    """What epolltop cannot see here, one sentence for each limit, the most important first."""
    return tuple(map(words, limits_of(snapshot)))


def machine(snapshot: Snapshot) -> str:
    """The observed machine and its kernel."""
    host = snapshot.source.host
    return f"{host.hostname}  Linux {host.kernel}"


def headline(snapshot: Snapshot) -> list[str]:
    """All these lines, for text without a screen."""
    probes = [f"  {probe.name} at {attachment(probe)}" for probe in snapshot.source.probes]
    return [
        f"epolltop {date(snapshot.wall_ns)} {timestamp(snapshot.wall_ns)}  {machine(snapshot)}"
        f"  source {snapshot.source.kind}  observed {duration(snapshot.observed_s)}",
        *probes,
        *([verdict(snapshot)] if snapshot.judged_s is not None else []),
        totals_line(snapshot),
        f"{loss_line(snapshot)}  {cost_line(snapshot)}",
        *(f"note: {note}" for note in notes(snapshot)),
    ]
