"""What the doctor says of this machine, as text and as JSON."""

from __future__ import annotations

import json
import re

from tests.workloads.client import Actor

from .program import run, sources
from .shapes import NONE, SOURCE, check


@sources
def test_doctor(source: tuple[str, ...]) -> None:
    ended = run(*source, "doctor")
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in ("privileges", "tracefs", "BTF", "lockdown", "BCC"):
        assert re.search(rf"^(ok  |FAIL)  {name} ", ended.stdout, re.MULTILINE)
    assert re.search(r"^source: (bpf, counts are exact|proc, counts are lower bounds)$", ended.stdout, re.MULTILINE)


@sources
def test_where_stacks_cannot_be_taken_it_is_said(source: tuple[str, ...]) -> None:
    for arguments in (("--stacks", *source, "doctor"), (*source, "doctor", "--stacks")):
        ended = run(*arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        taken = "source: bpf" in ended.stdout
        assert ("note: no stacks" in ended.stdout) != taken
    assert "no stacks" not in run(*source, "doctor").stdout


@sources
def test_doctor_json(source: tuple[str, ...]) -> None:
    ended = run(*source, "doctor", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    assert document["schema"] == "epolltop.doctor/1"
    for need in document["requirements"]:
        check(need, {"name": str, "met": bool, "detail": str, "remedy": (str, NONE)})
    check(document["source"], SOURCE)
    assert document["error"] is None
    check(document["unlisted"], {"in_flight": int, "sockets": int, "registered": int, "complete": bool})


@sources
def test_the_doctor_says_what_is_in_flight_now(source: tuple[str, ...], actor: Actor) -> None:
    actor.do("send", fd=actor.create())
    assert json.loads(run(*source, "doctor", "--json").stdout)["unlisted"]["in_flight"] > 0
    said = r"^  note: instances held only by [\d,]+ descriptors? in flight in [\d,]+ sockets? .*are in no census$"
    assert re.search(said, run(*source, "doctor").stdout, re.MULTILINE)
