"""What stands above every table: where the numbers come from, what they add up to, what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.batch import Probe, Source
from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import at_least, date, duration, grouped, grouped_rate, plural, size, timestamp

STALE_S = 5.0
"""From then on the age of the census is shown: among 100,000 descriptors one is taken every two to three seconds."""


def attachment(probe: Probe) -> str:
    """What a probe is attached to, in short: the first hook and how many more."""
    first, *others = probe.attached_to.split(", ")
    return f"{first} +{len(others)}" if others else first


def source_lines(snapshot: Snapshot, width: int) -> list[str]:
    """The source and what each probe is really attached to: one line, or one a probe where that is too long."""
    kind = snapshot.source.kind
    probes = [f"{probe.name}={attachment(probe)}" for probe in snapshot.source.probes]
    line = "  ".join([kind, *probes])
    return [line] if len(line) <= width else [f"{kind}  {probes[0]}", *(f"{'':{len(kind)}}  {p}" for p in probes[1:])]


def brief_lines(snapshot: Snapshot) -> list[str]:
    """The least that a screen of 60 columns says: source, probes by kind of hook, what there is, what is lost."""
    probes = [f"{probe.name}={probe.attached_to.split(':', 1)[0]}" for probe in snapshot.source.probes]
    return [
        " ".join([snapshot.source.kind, *probes]),
        f"{_found(snapshot)}  lost {grouped(snapshot.source.lost)}{_full(snapshot)}",
    ]


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
    return f"{line}{failed}" if snapshot.source.sees_failures else line


def _found(snapshot: Snapshot) -> str:
    """What is listed, of how much it is a part, and how old that is."""
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


def loss_line(snapshot: Snapshot) -> str:
    """How complete the detail is: loss and sampling are told apart."""
    source = snapshot.source
    left_out = grouped(source.sampled_out)
    if source.failed_sampled_out:
        left_out += f" and {plural(source.failed_sampled_out, 'failure')}"
    return f"events {grouped(source.events)}  sampled out {left_out}  lost {grouped(source.lost)}{_full(snapshot)}"


def _full(snapshot: Snapshot) -> str:
    return f"  maps full {grouped(snapshot.source.overflowed)}" if snapshot.source.overflowed else ""


def missing(snapshot: Snapshot) -> str:
    """What there is no event of, for output that has no such line; empty if nothing is missing."""
    source = snapshot.source
    parts = (
        (source.lost, plural(source.lost, "event") + " lost"),
        (source.sampled_out, plural(source.sampled_out, "instance") + " sampled out"),
        (source.failed_sampled_out, plural(source.failed_sampled_out, "failure") + " sampled out"),
        (source.untold_releases, plural(source.untold_releases, "release") + " of older instances"),
        (source.overflowed, plural(source.overflowed, "refusal") + " by full maps"),
        (source.missed, plural(source.missed, "run") + " of probes left out"),
        (source.stacks_left_out, plural(source.stacks_left_out, "stack") + " left out"),
    )
    return ", ".join(text for number, text in parts if number)


def cost_line(snapshot: Snapshot) -> str:
    """What epolltop itself uses."""
    return f"self {snapshot.cpu_share:.1%} cpu {size(snapshot.cost.rss_bytes)}"


def is_lossy(snapshot: Snapshot) -> bool:
    """Whether something is missing that was not left out on purpose."""
    return bool(snapshot.source.lost or snapshot.source.overflowed or snapshot.source.missed)


_ABSENT = 8
"""Pids that a note names."""


def notes(snapshot: Snapshot) -> tuple[str, ...]:
    """What cannot be seen here, a sentence each; the most important first."""
    return (*_absent(snapshot), *_no_room(snapshot.source), *_uncounted(snapshot), *unseen(snapshot.source))


def _absent(snapshot: Snapshot) -> Iterator[str]:
    """Who was asked for in vain."""
    if snapshot.absent:
        few = ", ".join(map(str, snapshot.absent[:_ABSENT]))
        more = f" and {grouped(len(snapshot.absent) - _ABSENT)} more" if len(snapshot.absent) > _ABSENT else ""
        saved = snapshot.source.kind == "replay"
        yield f"{'nothing is recorded of' if saved else 'there is no'} process {few}{more}"


def unseen(source: Source) -> Iterator[str]:
    """What a source does not see of this machine, whatever happens on it."""
    if source.fallback:
        yield source.fallback
    if source.unreadable:
        yield f"{plural(source.unreadable, 'process')} could not be read"
    yield from source.blind_spots


def _no_room(source: Source) -> Iterator[str]:
    """What had no room, and what that means for what is shown."""
    unnoted = source.overflowed - source.unattributed
    if source.unattributed:
        acts = grouped(source.unattributed)
        yield f"no room to count for all processes: {acts} calls and releases are in the totals only (≥, ?)"
    if unnoted > 0:
        yield f"no room to note {plural(unnoted, 'creation')}: instances without a create event show as found"
    if source.stacks_left_out:
        yield f"no room for the stacks of {plural(source.stacks_left_out, 'creation')}: too many different ones"


def _uncounted(snapshot: Snapshot) -> Iterator[str]:
    """What is in no count, although the probes are there."""
    source, programs = snapshot.source, sum(row.facts.compat for row in snapshot.processes)
    if source.missed:
        yield f"the kernel left out {plural(source.missed, 'run')} of probes: up to so much is in no count (≥)"
    if programs and not source.sees_compat:
        yield f"creations by {plural(programs, '32-bit process')} are not counted (≥, ?) without --compat"
    if snapshot.unseen:
        counts = "" if source.sees_compat else ", which --compat counts"
        yield (
            f"no probe saw {plural(snapshot.unseen, 'instance')} being created (≥, ?): they are from 32-bit calls "
            f"(int $0x80, x32){counts}, or were in flight when counting began"
        )


def machine(snapshot: Snapshot) -> str:
    """Which one is watched, and its kernel."""
    host = snapshot.source.host
    return f"{host.hostname}  Linux {host.kernel}"


def headline(snapshot: Snapshot) -> list[str]:
    """All of it, a line each, for text without a screen."""
    probes = [f"  {probe.name} at {attachment(probe)}" for probe in snapshot.source.probes]
    return [
        f"epolltop {date(snapshot.wall_ns)} {timestamp(snapshot.wall_ns)}  {machine(snapshot)}"
        f"  source {snapshot.source.kind}  observed {duration(snapshot.observed_s)}",
        *probes,
        totals_line(snapshot),
        f"{loss_line(snapshot)}  {cost_line(snapshot)}",
        *(f"note: {note}" for note in notes(snapshot)),
    ]
