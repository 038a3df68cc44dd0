"""Causes are told by errno and type, not by the words of a message."""

from __future__ import annotations

import errno
import os

import pytest

from epolltop.bcc import syscalls
from epolltop.bcc.printed_errno import number_in
from epolltop.bcc.program import AttachError
from epolltop.sources.bpf.ladder import NoRung, climb
from epolltop.sources.bpf.probes.spec import Hook


def test_a_number_is_found_in_what_libbcc_prints() -> None:
    for number in (errno.EPERM, errno.EMFILE):
        assert number_in(f"could not open bpf map: counts, error: {os.strerror(number)}\n") == number
    assert number_in("error: unknown type name") == 0


def test_a_refused_call_is_known_by_its_name_and_number() -> None:
    with pytest.raises(syscalls.Refused) as caught:
        syscalls.open_output(1 << 20, 1)  # no such CPU
    assert (caught.value.call, str(caught.value)) == (
        "perf_event_open",
        f"[Errno {caught.value.errno}] perf_event_open: {os.strerror(caught.value.errno or 0)}",
    )


def test_a_tracepoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(syscalls.NoTracepoint, match="no tracepoint syscalls:sys_exit_none in /sys"):
        syscalls.attach_tracepoint("syscalls:sys_exit_none", 0)
    monkeypatch.setattr(syscalls, "TRACEFS", ("/proc/self/status",))  # not even a directory
    with pytest.raises(syscalls.NoTracepoint) as caught:
        syscalls.attach_tracepoint("syscalls:sys_exit_none", 0)
    assert caught.value.errno == errno.ENOTDIR


class Refusing:
    """A program that attaches to nothing."""

    def attach(self, how: str, program: str, target: str) -> None:
        raise AttachError(f"{how}:{target}", errno.ENOENT, no_tracepoint=how == "tracepoint")


def test_only_an_absent_tracepoint_is_blamed_on_tracefs() -> None:
    for how in ("tracepoint", "raw_tracepoint"):
        with pytest.raises(NoRung) as caught:
            climb(Refusing(), "probe", {"first": (Hook(how, "one"),), "then": (Hook("kprobe", "two"),)}, bool)  # type: ignore[arg-type]
        assert caught.value.no_tracepoint == (how == "tracepoint")
        assert caught.value.refused == f"{how}:one=ENOENT kprobe:two=ENOENT"
