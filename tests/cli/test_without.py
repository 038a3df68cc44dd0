"""`--without`: a probe that is not wanted is not loaded, output says so, and what the others count stays exact."""

from __future__ import annotations

import json

import pytest

from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.probes import PROBES
from epolltop.sources.bpf.probes.spec import ProbeSpec
from tests.kernel.observing import observe
from tests.workloads.client import Actor

from .observation import observed, row_of
from .program import run

SPARE = [probe.name for probe in PROBES if probe.limit]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_a_probe_that_can_be_left_out_says_what_holds_without_it(probe: ProbeSpec) -> None:
    assert any(not rung for rung in ALL.probes[probe.name].values()) == bool(probe.limit)


@pytest.mark.parametrize("probe", SPARE)
def test_its_file_is_not_compiled(probe: str) -> None:
    beside = {"late.c"} if probe == "epoll_wait" else set()  # looks at the loops that are known by that probe
    assert set(ALL.units) - set(ALL.without(probe).units) == {f"{probe}.c", *beside}


@pytest.mark.kernel
def test_creations_stay_exact_without_the_probe_of_releases() -> None:
    with Actor() as actor:

        def act() -> None:
            actor.do("pairs", count=3)
            actor.do("hold", count=2)

        document = observed(act, "--without", "files_free", "-p", str(actor.pid))
        row = row_of(document, actor.pid)
    probes = {each["name"]: each for each in document["source"]["probes"]}
    assert probes["epoll_create"]["traces"]
    assert (probes["files_free"]["attached_to"], probes["files_free"]["traces"]) == ("not traced", False)
    assert (row["created"], row["open"]) == (5, 2)
    said = run("--without", "files_free", "-b", "-n", "1", "-d", "0.1")
    assert said.returncode == 0
    assert "files_free at not traced" in said.stdout
    totals = next(line for line in said.stdout.splitlines() if "  created " in line)
    assert "  created ≥" not in totals
    assert "  freed ≥" in totals


@pytest.mark.kernel
def test_it_is_not_attached() -> None:
    with observe(ALL.without("files_free")) as observing:
        told = observing.refresh().source.probes
    assert {probe.name: probe.traces for probe in told} == {probe.name: probe.name != "files_free" for probe in PROBES}
    assert json.loads(run("--without", "files_free", "doctor", "--json").stdout)["source"]["exact"] is False
