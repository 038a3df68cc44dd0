"""What stands in a snapshot file about its source, and about what that cannot see. The doctor tells the same."""

from __future__ import annotations

from typing import get_args

from epolltop.model.limits import ONLY_PROC, Limit
from epolltop.model.source import Probe, Source
from epolltop.query.limit_catalogue import Gravity, remedy, severity, words
from epolltop.query.member import Member, Structure, listed, same


def _fallback(source: Source) -> str | None:
    return next((words(limit) for limit in source.limits if limit.id == ONLY_PROC), None)


def _blind_spots(source: Source) -> list[str]:
    return [words(limit) for limit in source.limits if limit.id != ONLY_PROC]


PROBE: Structure[Probe] = Structure("probe", (
    same("name", "text", "Name of the probe.", known=True),
    same("attached_to", "text", "The actual hook.", known=True),
    same("traces", "truth", "`false`: derived from the difference between two censuses.",
         known=True),
))  # fmt: skip
SOURCE: Structure[Source] = Structure("source", (
    same("kind", "text", "`bpf`, `proc`, or `replay` of a recording of either.", known=True),
    same("exact", "truth", "`false`: a probe does not trace creations or releases, so their counts and rates are "
         "lower bounds; see `source.probes`.", known=True),
    Member("fallback", "text", "Why a better source could not run, and the remedy.",
           lambda source, _: _fallback(source)),
    same("census_by", "text", "How the census finds instances.", known=True),
    same("unreadable", "integer", "Processes whose descriptors could not be read.", known=True),
    listed("probes", PROBE, "What is observed, and by which hook.", lambda source, _: source.probes, items_min=1),
    Member("blind_spots", "text", "What the source cannot see here, one sentence for each limit.",
           lambda source, _: _blind_spots(source), known=True, many=True),
    same("events", "integer", "Event records handed over.", known=True),
    same("sampled_out", "integer", "Instances above the detail rate: counted, without events.", known=True),
    same("failed_sampled_out", "integer", "Failures above the detail rate: counted, without events.", known=True,
         young=True),
    same("untold_releases", "integer", "Releases without an event, of instances older than the observation: above the "
         "detail rate, or by a process outside the PID namespace.", known=True),
    same("lost", "integer", "Event records lost because the buffer was full.", known=True),
    same("overflowed", "integer", "Entries that a full kernel map refused.", known=True),
    same("unattributed", "integer", "Creations, failures and releases that found the map of processes full: `totals` "
         "includes them, but the counts of no process do.", known=True, young=True),
    same("missed", "integer", "Runs of the probes on creations and releases that the kernel skipped because a probe "
         "was running on that CPU. At most this many creations and releases are in no count. Linux 5.12 and newer "
         "report it.", known=True, young=True),
    same("stacks_left_out", "integer", "Creations without the stack that `--stacks` asked for, because there were too "
         "many different ones.", known=True, young=True),
    same("sees_compat", "truth", "Whether creations by 32-bit programs are counted like others.", known=True,
         young=True),
    same("sees_run_queues", "truth", "Whether the kernel tells how long threads wait on run queues, for a CPU.",
         known=True, young=True),
))  # fmt: skip
LIMIT: Structure[Limit] = Structure("limit", (
    same("id", "text", "Name of the limit. Its meaning never changes; later versions may add others.", known=True),
    Member("severity", "text", "`warn`: numbers are lower bounds, or rows are missing or out of date; `info`: "
           "something is missing, but every number is right.", lambda limit, _: severity(limit), known=True,
           choices=get_args(Gravity)),
    Member("remedy", "text", "What a person can do; `null`: no remedy is known.",
           lambda limit, _: remedy(limit) or None),
    Member("evidence", "evidence", "Named numbers and texts; most limits have none.",
           lambda limit, _: dict(limit.evidence), known=True, young=True),
))  # fmt: skip
