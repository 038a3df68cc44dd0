"""The table of docs/kernels.md."""

from __future__ import annotations

from datetime import datetime, timezone

from tests.vm.table import Run, markdown, placed
from tests.vm.verdicts import Finding, Verdict

RUN = Run(datetime(2026, 11, 24, 1, 2, 3, tzinfo=timezone.utc), "0123abc+changes", seeds=3, took_s=125.4)
REFUSED = Finding("notrun", "too late")


def test_it_tells_what_came_of_each_test_and_has_a_note_for_all_that_did_not_pass() -> None:
    storm = Finding("failed", "1 of 1; a | b")
    some = Finding("passed", "1 of 3 skipped: too brief", 2)
    table = markdown(
        RUN,
        [
            Verdict("6.1.0", "kprobe", storm, (("test_torture", Finding("passed", passed=3)), ("test_a_storm", storm))),
            Verdict("6.1.0", "slab", REFUSED, (("test_torture", REFUSED), ("test_a_storm", REFUSED))),
            Verdict("6.1.0", "proc", some, (("test_torture", some), ("test_new", Finding("passed", passed=1)))),
            Verdict("6.12", "kprobe", REFUSED, (("test_torture", REFUSED), ("test_a_storm", REFUSED))),
            Verdict("6.12", "slab", REFUSED, (("test_torture", REFUSED), ("test_a_storm", REFUSED))),
            Verdict("6.12", "proc", some, (("test_torture", Finding("defect", "known defect: late")),)),
        ],
    )
    assert table.splitlines() == [
        "2026-11-24 01:02 UTC, commit 0123abc+changes, seeds a rung: 3, took 2 min 5 s.",
        "",
        "| rung | test | 6.1.0 | 6.12 |",
        "| --- | --- | --- | --- |",
        "| `kprobe` | torture | passed (3) | notrun [1] |",
        "| `kprobe` | a storm | failed [2] | notrun [1] |",
        "| `slab` | torture | notrun [1] | notrun [1] |",
        "| `slab` | a storm | notrun [1] | notrun [1] |",
        "| `proc` | torture | passed (2) [3] | defect [4] |",
        "| `proc` | new | passed | - |",
        "",
        "1. too late",
        "2. 1 of 1; a \\| b",
        "3. 1 of 3 skipped: too brief",
        "4. known defect: late",
    ]


def test_a_kernel_that_was_not_asked_says_why_at_every_test() -> None:
    passed = Finding("passed", passed=1)
    absent = Finding("notrun", "no mirror")
    verdicts = [
        Verdict("6.1.0", "kprobe", passed, (("test_torture", passed),)),
        Verdict("6.12", "kprobe", absent),
        Verdict("6.12", "slab", absent),
    ]
    assert markdown(RUN, verdicts).splitlines()[4:] == [
        "| `kprobe` | torture | passed | notrun [1] |",
        "| `slab` | - | - | notrun [1] |",
        "",
        "1. no mirror",
    ]


def test_it_takes_the_place_of_the_one_before() -> None:
    page = "# Kernels\n<!-- matrix -->\nold\n<!-- /matrix -->\nend\n"
    once = placed(page, "| new |\n")
    assert once == "# Kernels\n<!-- matrix -->\n\n| new |\n\n<!-- /matrix -->\nend\n"
    assert placed(once, "| new |\n") == once
