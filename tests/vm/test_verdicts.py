"""From pytest's report to lines."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from tests import rungs
from tests.vm.boot import GuestFailed, archived, last_words
from tests.vm.kernels import KERNELS, Kernel
from tests.vm.report import RUNGS
from tests.vm.skips import EVERYWHERE, WITH_ONE_CPU, Skip
from tests.vm.verdicts import Finding, Verdict, all_rungs, exit_code, of_report

KERNEL = Kernel("6.1", "bookworm", "linux-image-cloud-amd64", (Skip(("slab", "scan-slab"), "too late"),))
(BRIEF,) = EVERYWHERE


def report(*cases: str) -> bytes:
    return (
        f'<testsuites name="pytest tests"><testsuite name="pytest">{"".join(cases)}</testsuite></testsuites>'.encode()
    )


def case(name: str, inner: str = "") -> str:
    return f'<testcase classname="tests.rungs.test_torture" name="{name}" time="1.5">{inner}</testcase>'


def skipped(why: str) -> str:
    return f'<skipped type="pytest.skip" message="{why}">/epolltop/tests/rungs/conftest.py:31: {why}</skipped>'


def expected(why: str) -> str:
    """A failure that is marked so."""
    return f'<skipped type="pytest.xfail" message="{why}" />'


def told(*cases: str, whole: bool = False) -> dict[str, str]:
    verdicts = of_report(report(*cases), KERNEL, "6.1.0", whole=whole)
    return {verdict.rung: str(verdict) for verdict in verdicts if verdict.finding.why != "no test was selected"}


def test_a_rung_passes_when_all_its_tests_do() -> None:
    assert told(case("test_torture[kprobe-0]"), case("test_torture[kprobe-1]")) == {"kprobe": "6.1.0 kprobe passed"}


def test_one_failure_is_enough_and_names_the_test() -> None:
    failure = '<failure message="AssertionError: 3 is not 4&#10;assert 3 == 4">…</failure>'
    assert told(case("test_torture[kprobe-0]"), case("test_torture[kprobe-1]", failure)) == {
        "kprobe": "6.1.0 kprobe failed 1 of 2; test_torture[kprobe-1]: AssertionError: 3 is not 4 assert 3 == 4"
    }


def test_of_a_long_message_the_end_is_told() -> None:
    long = (
        '<failure message="AssertionError: EPOLLTOP_SEED=0 repeats it:&#10;first fork() -&gt; 170&#10;'
        '[+28 more lines; full report in element text]">    raise\nE   AssertionError: EPOLLTOP_SEED=0\n'
        "E   P171: released 3, expected 4\n\ntests/rungs/test_torture.py:40: AssertionError</failure>"
    )
    assert told(case("test_torture[kprobe-0]", long))["kprobe"].endswith("… P171: released 3, expected 4")


def test_of_a_long_message_without_a_traceback_the_end_is_told() -> None:
    long = (
        '<failure message="Failed: EPOLLTOP_SEED=0&#10;&#10;[+28 more lines; full report in element '
        'text]">EPOLLTOP_SEED=0\nfirst fork() -&gt; 170\n-- look 1\n- P171: released 3, expected 4</failure>'
    )
    assert told(case("test_torture[kprobe-0]", long))["kprobe"].endswith("… - P171: released 3, expected 4")


def test_an_error_of_the_set_up_is_a_failure() -> None:
    error = '<error message="failed on setup with &quot;OSError&quot;">…</error>'
    assert told(case("test_torture[proc-0]", error))["proc"].startswith("6.1.0 proc failed 1 of 1;")


def test_names_of_rungs_that_begin_alike_are_told_apart() -> None:
    cases = [case(f"test_torture[{given}]") for given in ("scan-slab-0", "scan-fentry", "slab-1", "unheard-of")]
    assert set(told(*cases)) == {"scan-slab", "scan-fentry", "slab", "unheard"}


def test_what_a_kernel_does_not_have_is_notrun() -> None:
    assert told(
        case("test_torture[slab-0]", skipped("slab: too late")), case("test_new[slab]", skipped("too late"))
    ) == {"slab": "6.1.0 slab notrun slab: too late; too late"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("test_torture[kprobe-0]", "too late"),
        ("test_torture[slab-0]", "EPERM"),
        ("test_torture[proc-0]", BRIEF.why),
        (f"{BRIEF.test}[derived]", BRIEF.why),
        (f"{BRIEF.test}[proc]", "needs root"),
    ],
    ids=["of another rung", "for another reason", "another test", "that test, another rung", "that test, needs root"],
)
def test_any_other_skip_fails_its_rung_whatever_else_passed(name: str, why: str) -> None:
    rung = name.partition("[")[2].rstrip("]").removesuffix("-0")
    lines = told(case(f"test_other[{rung}]"), case(name, skipped(why)))
    assert lines[rung] == f"6.1.0 {rung} failed 1 of 2; {name}: skipped, which no guest may: {why}"


@pytest.mark.parametrize(("cpus", "outcome"), [(1, "notrun"), (2, "failed")])
def test_what_needs_a_second_processor_may_be_skipped_where_there_is_one(cpus: int, outcome: str) -> None:
    (alone,) = WITH_ONE_CPU
    skip = report(case(f"{alone.test}[kprobe]", skipped(alone.why)))
    verdicts = of_report(skip, replace(KERNEL, cpus=cpus), "6.1.0", whole=False)
    assert [verdict.outcome for verdict in verdicts if verdict.rung == "kprobe"] == [outcome]


def test_permitted_skips_among_what_passed_are_told() -> None:
    some = told(case("test_torture[proc-0]"), case(f"{BRIEF.test}[proc]", skipped(BRIEF.why)))
    assert some == {"proc": f"6.1.0 proc passed 1 of 2 skipped: {BRIEF.why}"}


def test_a_known_defect_has_not_passed_and_was_not_skipped() -> None:
    defect = case("test_defect[derived]", expected("as it is known"))
    assert told(defect) == {"derived": "6.1.0 derived notrun known defect: as it is known"}
    verdicts = of_report(report(defect, case("test_torture[derived-0]")), KERNEL, "6.1.0", whole=False)
    (derived,) = (verdict for verdict in verdicts if verdict.rung == "derived")
    assert derived.finding == Finding("passed", "known defect: as it is known", passed=1)
    assert derived.tests == (
        ("test_defect", Finding("defect", "known defect: as it is known")),
        ("test_torture", Finding("passed", passed=1)),
    )


def test_every_skip_that_is_permitted_is_of_a_test_that_there_is_and_says_what_it_says() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in Path(rungs.__file__).parent.glob("test_*.py")}
    for skip in (skip for kernel in KERNELS for skip in kernel.permitted() if skip.test):
        (source,) = (text for text in sources.values() if f"def {skip.test}(" in text)
        assert f'"{skip.why}"' in source


def test_a_rung_without_a_test_fails_a_whole_run() -> None:
    lines = told(case("test_torture[kprobe-0]"), whole=True)
    assert list(lines) == list(RUNGS)
    assert [rung for rung, line in lines.items() if line.endswith("failed no test is of this rung")] == [
        rung for rung in RUNGS if rung != "kprobe"
    ]


def test_what_is_of_no_rung_is_told_apart() -> None:
    error = '<error message="collection failure">…</error>'
    assert told(case("", error))["other"] == "6.1.0 other failed 1 of 1; : collection failure"


def test_a_report_cut_short_is_a_failure_of_all() -> None:
    verdicts = of_report(report(case("test_torture[kprobe-0]"))[:-20], KERNEL, "6.1.0", whole=True)
    assert [verdict.outcome for verdict in verdicts] == ["failed"] * len(RUNGS)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("passed", "notrun"), 0),
        (("passed", "failed"), 1),
        (("notrun", "notrun"), 1),
        (("defect",), 1),
        ((), 1),
    ],
)
def test_it_ends_well_if_something_passed_and_nothing_failed(
    outcomes: tuple[Literal["passed", "failed", "notrun", "defect"], ...], code: int
) -> None:
    assert exit_code(Verdict("6.1.0", "kprobe", Finding(outcome)) for outcome in outcomes) == code


def test_reasons_take_one_line_without_control_characters() -> None:
    (first, *_) = all_rungs("6.1", "notrun", f"one\n\x1b[31mtwo {'x' * 900} end")
    assert len(str(first).splitlines()) == 1
    assert "\x1b" not in str(first)
    assert str(first).endswith("x end")


def disk(path: Path, code: bytes, junit: bytes) -> Path:
    """As a guest leaves it: an archive, and zeros up to the end."""
    with tarfile.open(path, "w") as archive:
        for name, content in (("code", code), ("junit.xml", junit)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with path.open("ab") as file:
        file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize("code", [b"0\n", b"1\n"])
def test_the_report_comes_off_the_disk(tmp_path: Path, code: bytes) -> None:
    assert archived(disk(tmp_path / "disk", code, b"<testsuites/>"), "", tmp_path / "console") == b"<testsuites/>"


def test_a_run_that_pytest_gave_up_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(GuestFailed, match="pytest ended with 4"):
        archived(disk(tmp_path / "disk", b"4\n", b"<testsuites/>"), "", tmp_path / "console")


@pytest.mark.parametrize("kept", [0, 512, 1500])
def test_an_empty_or_broken_disk_is_no_result(tmp_path: Path, kept: int) -> None:
    path = disk(tmp_path / "disk", b"0\n", b"<testsuites/>" * 100)
    path.write_bytes(path.read_bytes()[:kept] + bytes(0 if kept else 4096))
    (tmp_path / "console").write_text("collected 3 items\r\n")
    with pytest.raises(GuestFailed, match="QEMU was killed by signal 9; it said last: collected 3 items"):
        archived(path, "QEMU was killed by signal 9", tmp_path / "console")


def test_a_panic_is_told_rather_than_what_comes_after(tmp_path: Path) -> None:
    console = tmp_path / "console"
    console.write_text("[    1.2] Kernel panic - not syncing: VFS\r\n[    1.3] CPU: 0 PID: 1\r\n")
    assert last_words(console) == "Kernel panic - not syncing: VFS"
    assert last_words(tmp_path / "none") == "it said nothing"
