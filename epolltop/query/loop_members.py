"""The members of a loop in a snapshot file: those of the fields, and others for programs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from epolltop.model.bounds import FRAMES_MAX
from epolltop.model.finding import loop_place
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_of import LoopOf
from epolltop.model.snapshot import Snapshot
from epolltop.query.finding_members import findings_of
from epolltop.query.instant import utc
from epolltop.query.late_of import next_command
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.member import Form, Member, Structure, within


def _counter(name: str, help: str, of: str) -> Member[LoopOf]:
    def get(row: LoopOf, snapshot: Snapshot) -> int | None:
        return row.total(of) if snapshot.window_s and snapshot.source.knows(of) else None

    return Member(name, "integer", help, get, of=of)


def _poll_delay_p99_s(row: LoopOf, snapshot: Snapshot) -> float | None:
    delay_ns = row.loop.did.poll_delay.quantile(0.99)
    return None if delay_ns is None or not snapshot.window_s else delay_ns / 1e9


def _exact(row: LoopOf, snapshot: Snapshot) -> bool:
    return snapshot.source.sees("waits") and not row.process.lacking and row.loop.sampled == 1


def _late(row: LoopOf, snapshot: Snapshot) -> dict[str, Any] | None:
    return LATE.written(row, snapshot) if row.loop.late else None


def _of_look(name: str, form: Form, help: str, get: Callable[[LateLook], Any], **shape: Any) -> Member[LoopOf]:
    return Member(name, form, help, lambda row, _: get(row.loop.late) if row.loop.late else None, **shape)


LATE: Structure[LoopOf] = Structure("late", (
    Member("at", "time", "When its thread was looked at.",
           lambda row, snapshot: utc(row.loop.late and row.loop.late.at_ns, snapshot), known=True),
    _of_look("away_s", "number", "How long it had been away then.",
             lambda late: (late.at_ns - late.returned_ns) / 1e9, known=True),
    _of_look("cpu_s", "number", "How long it had been on a CPU of that, to a scheduler tick.",
             lambda late: None if late.cpu_ns is None else late.cpu_ns / 1e9, young=True),
    _of_look("runq_s", "number", "How long it had waited for a CPU of that, without a wait that lasted.",
             lambda late: None if late.runq_ns is None else late.runq_ns / 1e9, young=True),
    Member("now", "truth", "Whether it is away still, without a wait in between.",
           lambda row, _: row.loop.late_now is not None, known=True),
    _of_look("doing", "text", "What the thread did: it ran (`on_cpu`), waited for a CPU (`runnable`) or for CPU time "
             "of its control group (`throttled`), slept in a system call (`blocked`) or outside of one "
             "(`page_fault`), or was `stopped`.", lambda late: late.doing.word, known=True,
             choices=tuple(doing.word for doing in Doing)),
    _of_look("call", "text", "The system call that it was in; `null`: in none, or that is not known.",
             lambda late: late.call),
    _of_look("fd", "integer", "The descriptor that the call is about.", lambda late: late.fd, signed=True),
    _of_look("target_kind", "text", "What that is for, as `kind` of a watch; `null`: it could not be seen.",
             lambda late: late.target and late.target.kind.word),
    _of_look("target", "text", "Its name, as `target` of a watch.", lambda late: late.target and late.target.text),
    _of_look("stack", "text", "With --blocked-stacks: where in its program the thread was, innermost first; while it "
             "runs by the last sample. A frame that begins with ? is a guess. Empty: it is not known.",
             lambda late: list(late.stack), known=True, many=True, items_max=FRAMES_MAX),
    Member("command", "text", "A command that shows what the program does in its own terms; `null`: none is known.",
           lambda row, _: next_command(row)),
))  # fmt: skip
TIMEOUTS: Structure[LoopOf] = Structure("timeouts", (
    _counter("zero", "Waits that asked not to wait at all.", "zero_timeouts"),
    _counter("finite", "Waits with another timeout.", "finite_timeouts"),
    _counter("infinite", "Waits without a timeout.", "infinite_timeouts"),
    _counter("met", "Waits that returned nothing because their timeout was over.", "timeouts_met"),
    _counter("zero_empty", "Waits that asked not to wait, and returned nothing.", "zero_empty"),
    _counter("early", "Waits that returned nothing more than a millisecond before their timeout.", "early"),
))  # fmt: skip
LOOP: Structure[LoopOf] = Structure("loop", (
    *(field.member for field in LOOP_FIELDS if field.in_json),
    within("timeouts", TIMEOUTS, "What waits asked for, and how they ended.", lambda row, _: row),
    Member("poll_delay_p99_s", "number", "99th percentile of `poll_delay`.", _poll_delay_p99_s),
    Member("is_waiting", "truth", "Whether the thread waits on the instance now.", lambda row, _: row.loop.is_waiting),
    Member("waiting_since", "time", "When the present wait began; `null` also if it began before epolltop could see "
           "it. If no probe sees waits: when it was first seen in /proc, an upper bound.",
           lambda row, snapshot: utc(row.loop.waiting_since_ns, snapshot)),
    Member("away_since", "time", "When the thread came back from its last wait, if it has been away since.",
           lambda row, snapshot: utc(row.loop.turn.returned_ns if row.loop.turn else None, snapshot)),
    Member("late", LATE, "The last look at it while it was away for long; absent: there was none.", _late,
           optional=True),
    findings_of("findings", "What is wrong with it.", lambda row, snapshot: snapshot.findings.by_loop.get(
        loop_place(row.loop), ())),
    Member("exact", "truth", "Whether its counts are exact, those in histograms too. If not, they are lower bounds.",
           _exact, known=True),
    Member("sampled", "integer", "1: each wait of the window is in the histograms; n: about one of n. All are counted.",
           lambda row, snapshot: row.loop.sampled if snapshot.source.sees("waits") else None),
))  # fmt: skip


def written_loops(rows: Sequence[LoopOf], snapshot: Snapshot) -> list[dict[str, Any]] | None:
    """As JSON has them; None if there are none and no probe sees threads wait: then there may be some."""
    return [LOOP.written(row, snapshot) for row in rows] if rows or snapshot.source.sees("waits") else None
