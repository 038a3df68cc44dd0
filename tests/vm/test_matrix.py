"""The command where kernels cannot be had, and guests that do not end as they should."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.debian import Mirrors, Unavailable
from tests.offline import offline
from tests.vm import kernels
from tests.vm.boot import ended
from tests.vm.kernels import Image, Kernel, obtain
from tests.vm.machines import X86_64
from tests.vm.report import RUNGS

ROOT = Path(__file__).parents[2]
needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt-get")
KERNEL = Kernel("old", "bullseye", "linux-image-cloud-amd64")


def lines(*arguments: str, environment: dict[str, str]) -> list[str]:
    """What it prints. Nothing passed."""
    command = [sys.executable, "-m", "tests.vm", *arguments]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=100
    )
    assert done.returncode == 1
    return done.stdout.splitlines()


@needs_apt
def test_a_kernel_that_cannot_be_had_is_notrun_and_says_why(tmp_path: Path) -> None:
    (tmp_path / X86_64.qemu).touch(mode=0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    told = lines("6.1", "newest", environment=offline(tmp_path) | {"PATH": path})
    why = "notrun no mirror of Debian is among this machine's package sources"
    assert told == [f"{name} {rung} {why}" for name in ("newest", "6.1") for rung in RUNGS]


def test_without_a_machine_for_it_no_kernel_is_asked_for(tmp_path: Path) -> None:
    told = lines("6.12-arm64", environment=offline(tmp_path) | {"PATH": str(tmp_path)})
    assert told == [
        f"6.12-arm64 {rung} notrun there is no qemu-system-aarch64 (package qemu-system-arm)" for rung in RUNGS
    ]


@pytest.fixture(name="cached")
def _cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel that was fetched before, where none can be fetched now."""

    def mirrors() -> Mirrors:
        raise Unavailable("no mirror")

    monkeypatch.setattr(kernels, "CACHE", tmp_path)
    monkeypatch.setattr(kernels, "mirrors", mirrors)
    folder = KERNEL.files
    (folder / "modules").mkdir(parents=True)
    (folder / "release").write_text("5.10.0-1", encoding="utf-8")
    (folder / "packages").write_text("linux-image-5.10.0-1_5.10.1_amd64.deb", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (6, []),
        (
            8,
            ["asking for linux-image-cloud-amd64 of bullseye", "no newer one can be had, the one from before is taken"],
        ),
    ],
)
def test_after_a_week_a_newer_kernel_is_asked_for_and_without_an_answer_the_old_one_serves(
    cached: Path, days: int, told: list[str]
) -> None:
    os.utime(cached / "packages", (0, time.time() - days * 24 * 3600))
    said: list[str] = []
    assert obtain(KERNEL, said.append) == Image("5.10.0-1", cached / "vmlinuz", ())
    assert [line.split(": ")[1] for line in said] == told


@pytest.mark.parametrize(
    ("script", "timeout_s", "how"),
    [
        ("exit 0", 60.0, ""),
        ("echo no such disk >&2; exit 1", 60.0, "QEMU: no such disk"),
        ("kill -9 $$", 60.0, "QEMU was killed by signal 9"),
        ("exec sleep 100", 1.0, "no end within 1 s"),
    ],
)
def test_it_is_told_how_a_guest_ended(script: str, timeout_s: float, how: str) -> None:
    assert ended(["sh", "-c", script], timeout_s) == how
