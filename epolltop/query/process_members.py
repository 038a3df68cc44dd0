"""The members of a process and of an instance in a snapshot file: those of the fields, and others for programs only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from epolltop.model.bounds import FIRST_HOLDERS, HOLDERS_MAX
from epolltop.model.event import Syscall
from epolltop.model.loop_of import LoopOf, loops_of, unattended_s
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import flag_names, signed
from epolltop.query.creation_stacks import CODE_FILES, CREATION_STACKS
from epolltop.query.ctl_members import CTL_OF_INSTANCE
from epolltop.query.descriptor_fields import DESCRIPTORS_OF_PROCESS
from epolltop.query.field import Field
from epolltop.query.finding_members import findings_of
from epolltop.query.instance_fields import HELD_FIELDS, InstanceOf
from epolltop.query.instant import utc
from epolltop.query.loop_members import LOOP, written_loops
from epolltop.query.member import Member, Row, Structure, long_list, same
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.runtime_members import RUNTIME_OF_PROCESS
from epolltop.query.watch_members import INTEREST, INTEREST_UNNAMED


def _flags(row: InstanceOf) -> list[str] | None:
    instance = row.instance
    known = instance.syscall is Syscall.EPOLL_CREATE1 and instance.argument is not None
    return list(flag_names(instance.argument or 0)) if known else None


def _shared(row: InstanceOf, snapshot: Snapshot) -> bool | None:
    if row.process is None:
        return None
    return any(each.loop.shared for each in row.loops) or (False if snapshot.source.sees("waits") else None)


def _unattended_s(row: InstanceOf, snapshot: Snapshot) -> float | None:
    alone = [unattended_s(each.loop, snapshot) for each in row.loops if each.loop.shared]
    return max(alone) if alone and snapshot.source.sees("waits") else None


def _holders(most: int | None) -> Member[InstanceOf]:
    return Member(
        "holders", "integer", f"Process ids of all holders; of the first {FIRST_HOLDERS} if all lists of the file "
        f"together would have more than {HOLDERS_MAX:,} entries.",
        lambda row, _: [holder.process.pid for holder in row.instance.holders[:most]], known=True, many=True,
    )  # fmt: skip


_OF_PROCESS: tuple[Member[ProcessRow], ...] = (
    Member("command_bytes", "integer", "Length of the whole command line.", lambda row, _: row.facts.command_bytes),
    Member("command_truncated", "truth", "Whether `command` is only its beginning.",
           lambda row, _: row.facts.command_truncated, known=True),
    Member("started_at", "time", "When the process started.", lambda row, snapshot: utc(row.started_ns, snapshot)),
    Member("exact", "truth", "Whether its counts and rates are exact. If not, they are lower bounds, or unknown if "
           "nothing was counted. They are not exact if `source.exact` is false, if some of `source.unattributed` may "
           "belong to this process, or if it makes 32-bit calls or others that are not counted.",
           lambda row, snapshot: snapshot.source.exact and not row.lacking, known=True),
    Member("compat", "truth", "Whether it is a 32-bit program on a 64-bit kernel.", lambda row, _: row.facts.compat,
           known=True),
    same("partly_listed", "truth", "Whether it may hold more instances than epolltop knows one by one: `open` is a "
         "lower bound then. Counts are not affected.", known=True),
    findings_of("findings", "What is wrong with the process itself; instances and loops have their own.",
                lambda row, snapshot: [each for each in snapshot.findings.by_process.get(row.key, ())
                                       if not each.about.file]),
    *RUNTIME_OF_PROCESS,
    *DESCRIPTORS_OF_PROCESS,
    CREATION_STACKS,
    CODE_FILES,
)  # fmt: skip
_OF_INSTANCE: tuple[Member[InstanceOf], ...] = (
    Member("size", "integer", "Argument of epoll_create.",
           lambda row, _: signed(row.instance.argument) if row.instance.syscall is Syscall.EPOLL_CREATE else None,
           signed=True),
    Member("flags", "text", "Flags given to epoll_create1.", lambda row, _: _flags(row), many=True,
           pattern="EPOLL_CLOEXEC|0x[0-9a-f]{1,8}"),
    Member("loops", LOOP, "Its event loops: threads of this process that wait on it. See below; `null`: none is "
           "known, and no probe sees threads wait.", lambda row, snapshot: written_loops(row.loops, snapshot),
           many=True),
    Member("shared", "truth", "Whether several threads wait on it.", _shared),
    Member("unattended_max_s", "number", "If several threads wait on it, for how long none of them has; a lower bound "
           "of the longest such time.", _unattended_s),
    findings_of("findings", "What is wrong with it; its loops have their own.",
                lambda row, snapshot: [each for each in snapshot.findings.by_instance.get(
                    row.instance.key, ()) if not each.about.tid]),
    CTL_OF_INSTANCE,
    INTEREST,
    INTEREST_UNNAMED,
)  # fmt: skip

_PROCESS_ORDER = """
pid ppid name command command_bytes? command_truncated? uid user cgroup container? ns_pid? started_at ended fds fd_limit
open created released create_failed sampled_out failed_sampled_out? create_per_s release_per_s net? net_per_min?
net_per_hour? growth_over_s? fd_limit_in_s? history? exact? compat? partly_listed?
"""
"""The order in files of schema 1; ? marks members that early files lack. Newer members follow."""
_INSTANCE_ORDER = """
id fds cloexec? holders holder_count? provenance created_at age_s creator creator_tid? creator_thread? size flags
watches stack?
"""

LEFT_OUT = ("creator_tid", "creator_thread", "stack")
"""What a file with very many holders leaves out where it is unknown."""


def _ordered(fields: Iterable[Field[Row]], others: Iterable[Member[Row]], order: str) -> tuple[Member[Row], ...]:
    there = {member.name: member for member in (*(field.member for field in fields if field.in_json), *others)}
    first = [there.pop(name) for name in order.replace("?", "").split()]
    lacking = {name.removesuffix("?") for name in order.split() if name.endswith("?")} | there.keys()
    return tuple(replace(member, young=member.name in lacking) for member in (*first, *there.values()))


def _instance(most_holders: int | None) -> Structure[InstanceOf]:
    """An instance in the list of one holder, with at most `most_holders` entries in `holders`."""
    return Structure("instance", _ordered(HELD_FIELDS, (_holders(most_holders), *_OF_INSTANCE), _INSTANCE_ORDER))


def brief() -> Structure[InstanceOf]:
    """An instance in a file with very many holders: a sixth shorter."""
    members = _instance(FIRST_HOLDERS).members
    absent = tuple(replace(each, optional=each.optional or each.name in LEFT_OUT) for each in members)
    return Structure("instance", absent)


def process(held: Structure[InstanceOf]) -> Structure[ProcessRow]:
    """With its instances, which stand last."""
    instances: Member[ProcessRow] = long_list(
        "instances",
        held,
        "Instances that the process holds; in the view `instances`, those that are shown, in the order of the view.",
        lambda row, _: _held(row),
    )
    others: Member[ProcessRow] = Member(
        "other_loops",
        LOOP,
        "Event loops of the process whose instance is not among them; absent if there are none.",
        lambda row, snapshot: (
            written_loops([each for each in loops_of(row) if each.instance is None], snapshot) or None
        ),
        many=True,
        optional=True,
    )
    return Structure("process", (*_ordered(PROCESS_FIELDS, _OF_PROCESS, _PROCESS_ORDER), instances, others))


def _held(row: ProcessRow) -> Iterator[InstanceOf]:
    """Each with its loops."""
    loops: dict[str | None, list[LoopOf]] = {}
    for loop in loops_of(row):
        loops.setdefault(loop.loop.instance, []).append(loop)
    return (InstanceOf(each, row, loops.get(each.id, ())) for each in row.instances)


INSTANCE = _instance(None)
PROCESS = process(INSTANCE)
