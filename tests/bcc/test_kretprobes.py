"""What a killed program left in tracefs is taken out, and nothing else; on a directory in place of tracefs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from epolltop.bcc.kretprobes import left_behind, maxactive, sweep

TARGET = "__x64_sys_epoll_create1"


def _entry(pid: int, target: str = TARGET, group: str = "kprobes", kind: str = "r1024") -> str:
    return f"{kind}:{group}/r_{target}_bcc_{pid} {target}"


def _tracefs(root: Path, *entries: str, enabled: str = "0") -> Path:
    """Written to is what the kernel was told to take out: it appends, as the kernel takes lines one by one."""
    (root / "kprobe_events").write_text("".join(f"{entry}\n" for entry in entries))
    for entry in entries:
        directory = root / "events" / entry.partition(":")[2].partition(" ")[0]
        directory.mkdir(parents=True)
        (directory / "enable").write_text(f"{enabled}\n")
    return root


def _told(root: Path) -> list[str]:
    return [line for line in (root / "kprobe_events").read_text().splitlines() if line.startswith("-")]


@pytest.fixture(name="dead")
def _dead() -> int:
    with subprocess.Popen(["true"]) as child:
        pass
    return child.pid


def test_since_6_1_the_kernel_chooses_well() -> None:
    assert [maxactive(version) for version in ((5, 10), (5, 19), (6, 0))] == [1024] * 3
    assert [maxactive(version) for version in ((6, 1), (6, 18), (7, 0))] == [0] * 3


def test_entries_of_the_dead_and_of_an_earlier_bearer_of_the_own_pid_go(tmp_path: Path, dead: int) -> None:
    with subprocess.Popen(["sleep", "100"]) as alive:
        root = _tracefs(tmp_path, _entry(dead), _entry(alive.pid), _entry(os.getpid()))
        sweep([TARGET], ["/nowhere", str(root)])
        alive.kill()
    assert _told(root) == [f"-:kprobes/r_{TARGET}_bcc_{pid}" for pid in (dead, os.getpid())]


def test_what_is_enabled_stays(tmp_path: Path, dead: int) -> None:
    root = _tracefs(tmp_path, _entry(dead), enabled="1")
    sweep([TARGET], [str(root)])
    assert _told(root) == []


@pytest.mark.parametrize(
    "entry",
    [
        _entry(7, "do_sys_open"),
        _entry(7, group="mine"),
        _entry(7, kind="p"),
        f"r:kprobes/r_{TARGET}_7 {TARGET}",
        f"r:kprobes/r_{TARGET}_bcc_7/../../x {TARGET}",
        f"r:kprobes/r_{TARGET}_bcc_99999999999999999999 {TARGET}",
        f"r:kprobes/r_{TARGET}_bcc_7 {TARGET} arg1=$retval",
        "",
        "\udcff:",
    ],
)
def test_entries_of_others_are_not_ours_to_take(entry: str) -> None:
    assert left_behind([entry], [TARGET], lambda pid: True) == []


def test_a_number_of_calls_may_stand_there_or_not() -> None:
    entries = [_entry(7, kind=kind) for kind in ("r", "r10", "r1024")]
    assert left_behind(entries, [TARGET], lambda pid: True) == [f"r_{TARGET}_bcc_7"] * 3


def test_without_tracefs_there_is_nothing_to_sweep(tmp_path: Path) -> None:
    sweep([TARGET], [str(tmp_path), str(tmp_path / "nowhere")])
    assert list(tmp_path.iterdir()) == []
