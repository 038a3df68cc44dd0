"""Why a source cannot run: each cause has words, a remedy and a line of the page."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from epolltop.errors import Requirement, SourceUnavailable
from epolltop.query.refusal_catalogue import (
    MORE_DESCRIPTORS,
    REFUSALS,
    found,
    needed,
    refusal_remedy,
    refusal_words,
)

PAGE = Path(__file__).parents[2] / "docs" / "snapshot.md"
PACKAGE = Path(__file__).parents[2] / "epolltop"


def test_each_cause_of_a_refusal_has_words_and_a_line_of_the_page() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    raised = set(re.findall(r'SourceUnavailable\(\s*"(\w+)"', sources))
    required = {"privileges", "lockdown", "btf"}  # requirements give their name
    assert raised | required | {"tracefs"} == REFUSALS.keys()
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| cause | ")
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == raised | required


@pytest.mark.parametrize("cause", [*REFUSALS, "of_tomorrow", ""])
def test_words_need_no_evidence(cause: str) -> None:
    """A file may hold anything."""
    names = ("errno", "state", "uid", "said", "call", "path", "refused", "probe", "tracefs", "distribution")
    for told in ({}, *({name: value for name in names} for value in ("x", "=", -1.5))):
        for said in (refusal_words({"cause": cause, **told}), refusal_remedy({"cause": cause, **told})):
            assert isinstance(said, str)


@pytest.mark.parametrize(
    ("call", "number", "helps"),
    [
        ("perf_event_open", errno.EACCES, "perf_event_paranoid"),
        ("perf_event_open", errno.EPERM, "use --source proc"),
        ("perf_event_open", errno.EMFILE, MORE_DESCRIPTORS),
        ("mmap", errno.EPERM, "to let it lock memory"),
        ("", 0, "use --source proc"),
    ],
)
def test_what_helps_against_a_refused_buffer(call: str, number: int, helps: str) -> None:
    refused = SourceUnavailable("perf_buffer", {"call": call}, number=number).evidence
    assert helps in refusal_remedy(refused)
    assert "refuses bpf" not in refusal_remedy(refused)
    told = [call] * bool(call) + [os.strerror(number)] * bool(number)
    assert refusal_words(refused) == ": ".join(("the kernel refused the perf buffer", *told))


@pytest.mark.parametrize(
    ("number", "helps"),
    [
        (errno.EPERM, "; or remove the filter that refuses bpf(2)"),
        (errno.EMFILE, MORE_DESCRIPTORS),
        (errno.EINVAL, "please report this message"),
    ],
)
def test_what_helps_against_refused_programs(number: int, helps: str) -> None:
    refused = SourceUnavailable("programs", {"call": "bpf", "said": "no\nmore"}, number=number).evidence
    assert helps in refusal_remedy(refused)
    assert refusal_words(refused) == "the BPF programs do not compile or load here: no\nmore"


def test_hooks_that_failed_are_named_with_the_reason() -> None:
    refused = SourceUnavailable("no_hook", {"probe": "epoll_create", "refused": "fexit:a=EPERM tracepoint:b:c=ENOENT"})
    assert refusal_words(refused.evidence) == (
        "no hook of epoll_create works here: fexit:a: Operation not permitted; tracepoint:b:c: No such file or "
        "directory"
    )
    assert refusal_remedy(refused.evidence) == "another hook (--attach), or use --source proc"
    without = {**refused.evidence, "tracefs": "not_mounted", "path": "/sys/kernel/tracing"}
    assert refusal_remedy(without) == "sudo mount -t tracefs tracefs /sys/kernel/tracing"


def test_a_requirement_that_is_met_has_words_and_no_remedy() -> None:
    for need, words in (
        (Requirement("privileges", True, {"uid": 0, "state": "enough"}), "root, may load BPF programs"),
        (Requirement("tracefs", True, {"tracefs": "mounted", "path": "/sys/x"}), "mounted at /sys/x"),
        (Requirement("BTF", True, {"state": "readable", "path": "/sys/b"}), "/sys/b readable"),
        (Requirement("lockdown", True, {"state": "none"}), "none"),
        (Requirement("BCC", True, {"state": "found", "version": "", "path": "/p"}), "version unknown from /p"),
    ):
        assert (found(need), needed(need)) == (words, "")
