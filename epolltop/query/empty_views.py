"""Why a view has no rows, in a sentence."""

from __future__ import annotations

from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import grouped


def no_instance(snapshot: Snapshot) -> str:
    """Neither processes that hold one."""
    if unread := snapshot.source.unreadable:
        known = "None of the processes that could be read holds an epoll instance"
        return f"{known}; {grouped(unread)} could not be read."
    return "No process holds an epoll instance."


def no_watch(snapshot: Snapshot) -> str:
    """How many lists were read is said elsewhere."""
    lists = [each.interest for row in snapshot.processes for each in row.instances]
    if not lists:
        return no_instance(snapshot)
    if all(each is None for each in lists):
        return "What the instances watch is not known yet."
    return "The instances whose lists were read watch nothing."


def no_loop(snapshot: Snapshot) -> str:
    """No thread that waits, or waited."""
    if snapshot.source.sees("waits"):
        return "No thread has waited on an instance yet."
    return "No probe sees threads wait on instances, and /proc shows none that waits now."


def nothing_yet(snapshot: Snapshot) -> str:
    """No events."""
    if snapshot.source.exact:
        totals = snapshot.totals
        if snapshot.source.kind == "replay" and (totals.created or totals.released or totals.failed):
            return "There are no events here of what was counted: a snapshot file has them only with --events."
        return "No instance was created or released yet."
    return "No instance came or went between two scans of /proc yet. Those that live shorter are not seen."


def not_journalled(_snapshot: Snapshot) -> str:
    """No events of one instance."""
    return "The journal has nothing about this instance: its creation was not seen or is too long ago."
