"""How many concurrent calls a kretprobe follows (maxactive), and the entries that killed programs leave in tracefs.

A perf event cannot carry maxactive, so libbcc writes it into tracefs' `kprobe_events`, under a name that ends in its
pid, and removes the entry when it detaches. If the program is killed, its entry stays, disabled, until the next boot,
and tracefs refuses a later program with the same pid, as happens in containers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from epolltop.bcc.syscalls import TRACEFS

_CHOSEN_WELL_SINCE = (6, 1)
_MAXACTIVE = 1024
_ENTRY = re.compile(r"r\d*:kprobes/(r_\w+_bcc_(\d{1,10})) (\S+)", re.ASCII)


def maxactive(version: tuple[int, ...]) -> int:
    """The maxactive to ask a kernel for; 0 for its own choice, which since 6.1 is twice the CPUs, at least 10.

    Before, it was the number of CPUs unless the kernel was built with CONFIG_PREEMPTION: a call that begins while as
    many are preempted is lost without notice.
    """
    return 0 if version >= _CHOSEN_WELL_SINCE else _MAXACTIVE


def left_behind(entries: Iterable[str], targets: Iterable[str], has_ended: Callable[[int], bool]) -> list[str]:
    """Names of the entries at these functions that were left behind: their owners have ended.

    Args:
        entries: lines of kprobe_events.
        targets: functions that epolltop probes.
        has_ended: whether a pid is unused, or our own, because we have no entries yet.
    """
    found = (match for entry in entries if (match := _ENTRY.fullmatch(entry.strip())))
    ours = frozenset(targets)
    return [name for name, pid, target in (match.groups() for match in found) if target in ours and has_ended(int(pid))]


def sweep(targets: Iterable[str], directories: Iterable[str] = TRACEFS) -> None:
    """Removes the entries left behind. The kernel keeps those in use; without tracefs there are none."""
    for directory in map(Path, directories):
        try:
            entries = (directory / "kprobe_events").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        for name in left_behind(entries, targets, _has_ended):
            _take_out(directory, name)
        return


def _take_out(directory: Path, name: str) -> None:
    try:
        if (directory / "events" / "kprobes" / name / "enable").read_text(encoding="ascii").strip() == "0":
            with open(directory / "kprobe_events", "a", encoding="ascii") as entries:
                entries.write(f"-:kprobes/{name}\n")
    except (OSError, UnicodeDecodeError):
        pass  # in use, or gone already


def _has_ended(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
