"""`--attach`: each hook that this kernel has, insisted on, counts; each that it has not is refused with the reason."""

from __future__ import annotations

import pytest

from epolltop.sources.bpf.ladder import ALL
from tests.workloads.client import Actor

from .observation import observed, row_of
from .program import run

pytestmark = pytest.mark.kernel

CENSUS = {
    "iterator": "iterator:task_file",
    "proc": "/proc + kcmp",
    "census": "iterator:task_file",
    "without": "not traced",
}
"""What the hooks that are none are called."""


@pytest.mark.parametrize(("probe", "hook"), [(probe, hook) for probe, hooks in ALL.names.items() for hook in hooks])
def test_what_was_insisted_on_counts(probe: str, hook: str) -> None:
    insisting = "--attach", f"{probe}={hook}"
    refused = run(*insisting, "snapshot", "-d", "0")
    if refused.returncode:
        assert (refused.returncode, refused.stdout) == (3, "")
        assert f"{hook}:" in refused.stderr
        assert "\n  remedy: " in refused.stderr
        pytest.skip(refused.stderr.splitlines()[0])
    with Actor() as actor:

        def act() -> None:
            actor.do("pairs", count=3)
            actor.do("hold", count=2)
            assert actor.do("create1", flags=1)["fd"] is None

        document = observed(act, *insisting, "-p", str(actor.pid))
        row = row_of(document, actor.pid)
    told = {each["name"]: each["attached_to"] for each in document["source"]["probes"]}
    told["census"] = document["source"]["census_by"]
    assert told[probe].startswith(CENSUS.get(hook, f"{hook}:"))
    assert (row["created"], row["create_failed"], row["released"], row["open"]) == (5, 1, 3, 2)
