"""What puppets may do, by theme, each move with its weight in the draw.

A move is a function of the play and the thread that was drawn. It has the thread take a step, tells the oracle what
came of it by the kernel's answer, and returns whether anything was done: False if it is not possible now, or if this
kernel refuses it.
"""

from __future__ import annotations

import platform

from tests.kernel.calls import SIZED
from tests.rungs.puppets import Puppets
from tests.rungs.random_run import Move

from . import creations, descriptors, failures, interest, processes, rings, sockets, waits

MOVES: dict[Move, float] = {
    creations.create1: 8,
    creations.create: 3,
    creations.create_compat: 1,
    failures.fail: 3,
    failures.fail_for_room: 1,
    failures.refuse_creation: 0.3,
    creations.pairs: 2,
    creations.hold: 1,
    descriptors.close: 5,
    descriptors.close_range: 1.5,
    descriptors.dup: 3,
    descriptors.dup_over: 3,
    interest.change: 3,
    waits.wait: 4,
    waits.wake: 8,
    processes.fork: 2,
    processes.clone_files: 1,
    processes.same_pid_again: 1,
    processes.thread: 2,
    processes.unshare: 1,
    processes.execute: 0.5,
    processes.end: 1,
    processes.kill: 1,
    processes.end_thread: 1.5,
    sockets.sockets: 2,
    sockets.send: 6,
    sockets.send_in_circle: 2,
    sockets.receive: 10,
    rings.ring: 2,
    rings.register_files: 5,
    rings.unregister_files: 6,
    rings.close_by_ring: 1,
    descriptors.take_from: 2,
    interest.change_by_ring: 1.5,
    rings.poll_by_ring: 4,
    rings.install_from_ring: 4,
    processes.execute_with_another_table: 0.5,
    processes.leave_to_another_table: 0.5,
    processes.burst: 0.5,
    waits.turns: 4,
    interest.replace: 1,
    waits.feed: 6,
    interest.replace_target: 2,
    waits.succeed: 1,
    waits.overtake: 1,
    waits.renew: 1,
}
"""Those that need what others prepared weigh more. A new one comes last: what a seed draws depends on the order."""

PREPARED_BY: dict[Move, tuple[Move, ...]] = {
    waits.wait: (processes.thread, creations.create1),
    waits.wake: (processes.thread, creations.create1, waits.wait),
    processes.unshare: (processes.thread,),
    processes.end_thread: (processes.thread,),
    processes.execute_with_another_table: (processes.thread, processes.unshare),
    processes.leave_to_another_table: (processes.thread, processes.unshare),
    sockets.send: (creations.create1, sockets.sockets),
    sockets.send_in_circle: (creations.create1, sockets.sockets),
    sockets.receive: (sockets.sockets, sockets.send),
    rings.register_files: (creations.create1, rings.ring),
    rings.unregister_files: (creations.create1, rings.ring, rings.register_files),
    rings.install_from_ring: (creations.create1, rings.ring, rings.register_files),
    rings.poll_by_ring: (creations.create1, rings.ring),
    waits.turns: (creations.create1,),
    interest.replace: (creations.create1,),
    waits.feed: (creations.create1,),
    interest.replace_target: (creations.create1, sockets.sockets),
    waits.succeed: (creations.create1,),
    waits.overtake: (creations.create1, processes.thread),
}
"""What makes possible the moves that seldom are."""


def lacking(puppets: Puppets) -> set[Move]:
    """Those for which this machine has no system call. Any other must be possible, sooner or later."""
    version = tuple(map(int, platform.release().split(".")[:2]))
    there = {
        creations.create: SIZED,
        creations.create_compat: puppets.compat,
        rings.install_from_ring: version >= (6, 8),
    }
    return {move for move, possible in there.items() if not possible}
