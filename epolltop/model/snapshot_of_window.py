"""The snapshot of a state, for one window. Unchanged parts are the same objects as in the window's last one."""

from __future__ import annotations

import operator

from epolltop.model.judge import Judge
from epolltop.model.observed_state import ObservedState
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import NO_LOOPS, ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.rates import rate
from epolltop.model.rows import Evidence, row_of
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Mark, Window


def snapshot_of(state: ObservedState, window: Window, since: Mark, judge: Judge) -> Snapshot:
    """The present state.

    Args:
        state: what is known; its `held` is gathered anew.
        window: of the caller; it notes what it is shown, and its news are taken.
        since: start of the rates.
        judge: knows what is wrong.
    """
    batch, processes, instances = state.batch, state.processes, state.instances
    window_s = since.elapsed_s(batch.now_ns)
    state.gather()
    listed = _listed(state, since)
    live = instances.live.by_file
    loops = state.loops.rows(listed, window.loops, since.loops, live, is_complete=instances.is_complete)
    window.shown = {key: _row(state, key, window, since, loops.get(key, NO_LOOPS)) for key in listed}
    rows = tuple(row for _, row in window.shown.values())
    if len(rows) == len(window.rows) and all(map(operator.is_, rows, window.rows)):
        rows = window.rows
    window.rows = rows
    totals = state.totals
    everything = processes.selection.is_all
    unseen = state.unseen.number(processes.covers)
    beside = processes.named_beside(window.shown)
    return Snapshot(
        now_ns=batch.now_ns,
        wall_ns=batch.wall_ns,
        observed_s=(batch.now_ns - batch.since_ns) / 1e9,
        window_s=window_s,
        source=batch.source,
        totals=totals,
        open=len(live) if everything else len({instance.file for row in rows for instance in row.instances}),
        unheld=instances.live.unheld_instances() if everything else (),
        create_per_s=rate(totals.created - since.totals.created, window_s),
        release_per_s=rate(totals.released - since.totals.released, window_s),
        processes=rows,
        journal=state.journal,
        journal_end=state.journal_end,
        news=window.take_news(),
        dropped=window.dropped,
        cost=batch.cost,
        cpu_share=rate(batch.cost.cpu_ns - (since.cpu_ns or 0), window_s) / 1e9 if since.cpu_ns else 0.0,
        lacking=state.completeness.totals_lack or unseen > 0 or (bool(batch.source.unattributed) and not everything),
        unseen=unseen,
        partly_listed=bool(instances.cut or instances.crowded or batch.source.unreadable),
        absent=processes.absent(row.key for row in rows),
        without_instance=tuple(_row(state, key, window, since, NO_LOOPS)[1] for key in beside),
        ctl=state.ctl,
        ctl_errors=state.ctl_errors,
        file_calls=batch.file_calls,
        looked_ns=instances.looked_ns,
        findings=judge.findings,
        ended_findings=judge.ended,
        findings_left_out=judge.left_out,
        judged_s=(batch.now_ns - judge.began_ns) / 1e9 if judge.began_ns else None,
        thresholds=judge.thresholds,
    )


def _listed(state: ObservedState, since: Mark) -> list[ProcessKey]:
    """Selected processes that hold an instance, or did something since."""
    acted = state.tallies.acted(since.counts)
    return sorted(key for key in {*state.instances.live.holders(), *acted} if state.processes.covers(key))


def _row(
    state: ObservedState, key: ProcessKey, window: Window, since: Mark, loops: ProcessLoops
) -> tuple[Evidence, ProcessRow]:
    batch, processes = state.batch, state.processes
    counted = state.tallies.counted(key, since.counts, since.elapsed_s(batch.now_ns))
    partly_listed = key in state.instances.cut or state.instances.crowded
    known = Evidence(
        processes.facts.get(key),
        processes.exited_actors.get(key),
        processes.uid(key),
        processes.user(key),
        key not in processes.alive,
        counted,
        window.history.of(key, counted),
        state.held.get(key, ()),
        state.completeness.may_lack(key) or state.unseen.of(key),
        partly_listed,
        None if partly_listed else state.levelled.of(key, batch.now_ns, state.levels(key)),
        loops,
        batch.descriptors.get(key),
        batch.thread_waits.get(key),
    )
    shown = window.shown.get(key)
    # Comparing others' loops would make their rows.
    same = shown and shown[0].loops is loops and shown[0] == known
    return shown if shown and same else (known, row_of(key, known))
