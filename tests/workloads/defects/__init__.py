"""Programs that have exactly one defect each, and their healthy twins under the same load.

    python3 -m tests.workloads.defects spin-writable [--healthy]

prints a line when its state is steady: a JSON object with what a test must know, `pid` first. It ends with all of its
children when stdin ends, or with SIGTERM.

The defect `busy-polling` is HAProxy with that option.
"""

from __future__ import annotations

from collections.abc import Callable

from . import late, leaks, processes, spins, wakes, watches

DEFECTS: dict[str, Callable[[bool], None]] = {
    "instance-leak": leaks.instance_leak,
    "descriptor-leak": leaks.descriptor_leak,
    "near-fd-limit": leaks.near_fd_limit,
    "loop-per-request": leaks.loop_per_request,
    "spin-stale-watch": spins.stale_watch,
    "spin-writable": spins.writable,
    "spin-hangup": spins.hangup,
    "spin-accept": spins.accept,
    "spin-shared": spins.shared,
    "spin-unread": spins.unread,
    "spin-timer": spins.timer,
    "spin-timer-zero": spins.timer_zero,
    "spin-ctl": spins.ctl,
    "blocked-loop": late.computing,
    "blocked-loop-sleeping": late.sleeping,
    "blocked-loop-reading": late.reading,
    "late-wakeup": late.wakeup,
    "idle-wakeups": wakes.idle_wakeups,
    "ctl-churn": wakes.churn,
    "ctl-errors": wakes.ctl_errors,
    "saturated-batches": wakes.saturated_batches,
    "interrupted-waits": wakes.interrupted_waits,
    "stale-watch": watches.stale,
    "stale-watch-kept-by-child": watches.kept_by_child,
    "watch-closed-by-child": watches.closed_by_child,
    "nested": watches.nested,
    "nested-churning": watches.nested_churning,
    "near-watch-limit": watches.near_limit,
    "stalled-edge": watches.stalled_edge,
    "waits-for-nothing": watches.waits_for_nothing,
    "shared-after-fork": processes.shared_after_fork,
    "shared-after-fork-changes": processes.shared_after_fork_changes,
    "inherited-by-exec": processes.inherited_by_exec,
    "herd": processes.herd,
    "unbalanced": processes.unbalanced,
}
"""Each by the name of what it does wrong; its argument is whether it is the healthy twin."""
