"""Loops that come too late."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable

from . import stage

_LONG_S, _SHORT_S = 0.2, 0.002
_TIMEOUT_S = 0.2
_COMPETITORS = 4


def computing(healthy: bool) -> None:
    """Computes for 200 ms in a callback, twice a second.

    As what Node's guide "Don't Block the Event Loop" warns of, and scylladb/seastar#1081 reports. The twin computes for
    2 ms.
    """

    def compute() -> None:
        until = time.thread_time() + (_SHORT_S if healthy else _LONG_S)
        while time.thread_time() < until:
            sum(range(20_000))  # the clock is a system call: seldom

    _call_back(compute)


def sleeping(healthy: bool) -> None:
    """Sleeps for 200 ms in a callback, twice a second.

    As what asyncio's slow_callback_duration reports. The twin sleeps for 2 ms.
    """
    _call_back(lambda: time.sleep(_SHORT_S if healthy else _LONG_S))


def reading(healthy: bool) -> None:
    """Asks another process in a callback, twice a second, and gets an answer after 200 ms.

    As a blocking request to a database or a resolver, such as child_process.spawnSync of Node. The twin gets it after
    2 ms.
    """
    here, there = socket.socketpair()

    def answer() -> None:
        here.close()
        while there.recv(1):
            time.sleep(_SHORT_S if healthy else _LONG_S)
            there.send(b".")

    child = stage.child(answer)
    there.close()

    def ask() -> None:
        here.send(b"?")
        os.read(here.fileno(), 1)

    _call_back(ask, fd=here.fileno(), inode=stage.inode(here.fileno()), children=[child])


def wakeup(healthy: bool) -> None:
    """Gets a CPU late after each timeout: other processes compute there, and its policy is SCHED_IDLE.

    As OpenResty XRay's "epoll wait overrun" and Envoy's poll_delay_us show. In the twin theirs is SCHED_IDLE. The loop
    is in a child, so that this process, which is not late, can end it.
    """
    cpu = {max(os.sched_getaffinity(0))}

    def compete(policy: int) -> None:
        os.sched_setaffinity(0, cpu)
        os.sched_setscheduler(0, policy, os.sched_param(0))

    def compute() -> None:
        compete(os.SCHED_IDLE if healthy else os.SCHED_OTHER)
        while True:
            pass

    def wait(say: Callable[[int], None]) -> None:
        with select.epoll() as loop:
            loop.register(stage.idle(), select.EPOLLIN)
            say(loop.fileno())
            compete(os.SCHED_OTHER if healthy else os.SCHED_IDLE)
            while True:
                loop.poll(_TIMEOUT_S)

    pid, epfd = stage.child_loop(wait)
    children = [pid, *(stage.child(compute) for _ in range(_COMPETITORS))]
    stage.steady(pid=pid, epfd=epfd, timeout_s=_TIMEOUT_S, children=children)
    signal.pause()


def _call_back(callback: Callable[[], object], **told: object) -> None:
    beat = stage.beat(2)
    with select.epoll() as loop:
        loop.register(beat, select.EPOLLIN)
        stage.steady(epfd=loop.fileno(), **told)
        while loop.poll():
            os.read(beat, 4096)
            callback()
