"""A loop beside others that want its CPU, which asks the kernel how long it waits on the run queue.

Arguments: how many turns, how many ms of CPU time each of them takes away from the instance, for how many ms it sleeps
then, and how many competitors it has. All share one CPU. It prints what it has measured as JSON, and stays until its
standard input ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time


def _run_delay_ns(schedstat: int) -> int:
    """The second number (Documentation/scheduler/sched-stats.rst)."""
    return int(os.pread(schedstat, 64, 0).split()[1])


def _compute(ms: float) -> None:
    until_s = time.thread_time() + ms / 1e3
    while time.thread_time() < until_s:
        pass


def _competitor() -> int:
    pid = os.fork()
    if not pid:
        _compute(60_000)
        os._exit(0)
    return pid


def _measure(turns: int, cpu_ms: float, sleep_ms: float) -> None:
    schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    away, own, wakes = [], [], []
    with select.epoll() as instance:
        began_ns = _run_delay_ns(schedstat)
        for _ in range(turns):
            before_ns = _run_delay_ns(schedstat)
            instance.poll(0.002)
            began_away_ns, returned_ns = _run_delay_ns(schedstat), time.monotonic_ns()
            wakes.append(began_away_ns - before_ns)
            _compute(cpu_ms)
            time.sleep(sleep_ms / 1e3)
            took_ns = time.monotonic_ns() - returned_ns
            away.append(_run_delay_ns(schedstat) - began_away_ns)
            own.append(took_ns - away[-1])
        instance.poll(0)
        ended_ns = _run_delay_ns(schedstat)
        told = {
            "away": sum(away),
            "away_max": max(away),
            "own_max": max(own),
            "wake": sum(wakes),
            "wake_max": max(wakes),
            "all": ended_ns - began_ns,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def _in_a_new_thread(turns: int, cpu_ms: float, sleep_ms: float) -> None:
    """The kernel knows no CPU time yet of a thread that begins."""
    thread = threading.Thread(target=_measure, args=(turns, cpu_ms, sleep_ms))
    thread.start()
    thread.join()


def _main(turns: int, cpu_ms: float, sleep_ms: float, competitors: int) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    others = [_competitor() for _ in range(competitors)]
    try:
        _in_a_new_thread(turns, cpu_ms, sleep_ms)
    finally:
        for pid in others:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


_main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
