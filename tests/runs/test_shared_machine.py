"""Test runs beside each other: who must be alone is, waits for others, and says for whom."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.program import ROOT, environment
from tests.support.shared_machine import ALONE, BESIDE, MACHINE, held, wanted

OTHER = """
import sys
from pathlib import Path
from tests.support.shared_machine import held
with held(int(sys.argv[1]), lambda what: print(what, flush=True), Path(sys.argv[2])):
    print("in", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other(how: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, that has the machine until its stdin is closed."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(how), str(folder)], text=True, cwd=ROOT, env=environment(), **pipes
    ) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def over(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_runs_beside_each_other_do_not_wait(tmp_path: Path) -> None:
    with other(BESIDE, tmp_path) as one, other(BESIDE, tmp_path) as two:
        assert (said(one), said(two)) == ("in", "in")


@pytest.mark.parametrize(("first", "second"), [(ALONE, BESIDE), (BESIDE, ALONE), (ALONE, ALONE)])
def test_who_must_be_alone_waits_and_is_waited_for(tmp_path: Path, first: int, second: int) -> None:
    with other(first, tmp_path) as one:
        assert said(one) == "in"
        with other(second, tmp_path) as two:
            waits = said(two)
            assert waits.startswith(
                "waits to be alone: " if second == ALONE else "waits for a test that must be alone:"
            )
            assert f"process {one.pid} ({sys.executable} -c " in waits
            assert waits.endswith(f"in {ROOT}")
            over(one)
            assert said(two).startswith("goes on after ")
            assert said(two) == "in"


def test_who_waits_to_be_alone_is_not_overtaken(tmp_path: Path) -> None:
    with other(BESIDE, tmp_path) as one:
        assert said(one) == "in"
        with other(ALONE, tmp_path) as two:
            assert f"process {one.pid}" in said(two)
            with other(BESIDE, tmp_path) as three:
                assert f"process {two.pid}" in said(three)
                over(one)
                assert (said(two)[:9], said(two)) == ("goes on a", "in")
                over(two)
                assert (said(three)[:9], said(three)) == ("goes on a", "in")


def test_a_run_that_was_killed_holds_up_nobody(tmp_path: Path) -> None:
    with other(ALONE, tmp_path) as one:
        assert said(one) == "in"
        one.kill()
        one.wait(20)
        with other(ALONE, tmp_path) as two:
            assert said(two) == "in"


def test_a_file_is_for_all_users_and_is_never_written_to(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with held(ALONE, pytest.fail, tmp_path):
            pass
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o444
        assert path.read_bytes() == b""


def test_what_somebody_else_put_there_is_not_touched(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / MACHINE).symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"), held(BESIDE, pytest.fail, tmp_path):
        pass
    assert not target.exists()
    (tmp_path / MACHINE).unlink()
    os.mkfifo(tmp_path / MACHINE)
    with pytest.raises(OSError, match="no plain file"), held(BESIDE, pytest.fail, tmp_path):
        pass


def test_markers_say_how_a_test_wants_the_machine(request: pytest.FixtureRequest) -> None:
    item = request.node
    assert wanted(item) is None
    item.add_marker("kernel")
    assert wanted(item) == BESIDE
    item.add_marker("alone")
    assert wanted(item) == ALONE
