"""The pages of docs/events and the program say the same: names, arguments, hooks, records, commands, statements."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from typing import Any

import pytest

from epolltop.bcc.machine import MACHINES
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.source import SEEN_BY
from epolltop.options import parse_options
from epolltop.proc.procfs import Procfs
from epolltop.proc.scan import Scan
from epolltop.query.event_fields import event_name
from epolltop.query.event_record import event_record
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.sources.bpf.census import IteratorCensus
from epolltop.sources.bpf.probes import PROBES
from epolltop.sources.bpf.probes.spec import ProbeSpec
from epolltop.ui.dialogs.manual import page
from tests.kernel import test_census_pages, test_watch_a_directory
from tests.support.records import NOW_NS, event
from tests.support.rows import snapshot

from .pages import EVENTS, UNVERIFIED, Proofs, blocks, bullets, section, text

WALK = "watch-a-directory"
PAGES = (*(probe.name for probe in PROBES if probe.tells), "epoll_found", "epoll_gone")
COUNTING = tuple(probe.name for probe in PROBES if not probe.tells)
"""Pages of probes that count and tell no events."""
EMITTED: dict[str, tuple[Event, ...]] = {
    "epoll_create": (
        event(syscall=Syscall.EPOLL_CREATE, argument=1024),
        event(),
        event(kind=Kind.CREATE_FAILED, fd=None, errno=24, file=0, created_ns=0, syscall=Syscall.EPOLL_CREATE),
        event(kind=Kind.CREATE_FAILED, fd=None, errno=24, file=0, created_ns=0),
    ),
    "files_free": (event(kind=Kind.RELEASE, time_ns=NOW_NS, created_ns=NOW_NS - 1_000_000, fd=None),),
    "epoll_found": (event(kind=Kind.FOUND, created_ns=0, tid=0, ppid=0, uid=None, cgroup=0, name="", argument=None),),
    "epoll_gone": (event(kind=Kind.GONE, created_ns=0, tid=0, ppid=0, uid=None, cgroup=0, name="", argument=None),),
}
"""By page: what a source may yield; the first is of the kind of the page's record."""
FORM = (
    "Intro", "Description", "Arguments", "Hooks", "Example Use Case", "Issues", "Related Events", "Record",
)  # fmt: skip
COUNTING_FORM = tuple("Fields" if part == "Record" else part for part in FORM)


def record(told: Event) -> dict[str, Any]:
    return event_record(told, snapshot())


def test_every_event_has_a_page_and_every_page_an_event() -> None:
    emitted = {event_name(event(kind=kind, syscall=syscall)) for kind in Kind for syscall in Syscall}
    assert emitted == {record(told)["eventName"] for events in EMITTED.values() for told in events}
    assert {path.stem for path in EVENTS.glob("*")} == {*PAGES, *COUNTING, WALK}
    assert {*PAGES} == {*EMITTED}
    for name, events in EMITTED.items():
        for told in events:
            assert page(event_name(told)) == text(name)
    for name in emitted:
        assert page(name)


@pytest.mark.parametrize("name", [*PAGES, *COUNTING])
def test_a_page_has_the_form(name: str) -> None:
    assert text(name).startswith(f"# {name}\n\n## Intro\n\n{name} - ")
    assert tuple(re.findall(r"^## (.*)$", text(name), re.MULTILINE)) == (FORM if name in PAGES else COUNTING_FORM)


@pytest.mark.parametrize("name", COUNTING)
def test_fields_of_a_probe_are_those_that_it_counts(name: str) -> None:
    counters = {counter for counter, probe in SEEN_BY.items() if probe == name}
    from_it = {field.id for field in PROCESS_FIELDS if field.observed in counters}
    assert {item.split("`")[1] for item in bullets(section(name, "Fields"))} == from_it


@pytest.mark.parametrize("name", PAGES)
def test_arguments_are_those_emitted(name: str) -> None:
    items = bullets(section(name, "Arguments").partition("\n### ")[0])
    described = [re.fullmatch(r"`(\w+):(\w+)\[(\w+)\]` - of `(\w+)`: .+", item) for item in items]
    assert all(described)
    emitted = {
        (arg["name"], arg["type"], record(told)["eventName"]) for told in EMITTED[name] for arg in record(told)["args"]
    }
    assert {(one[1], one[2], one[4]) for one in described if one} == emitted
    assert {one[3] for one in described if one} <= {"K"}
    for told in EMITTED[name]:
        assert record(told)["argsNum"] == len(record(told)["args"])
    if not items:
        assert section(name, "Arguments").strip().startswith("None: ")


def rungs(name: str) -> list[list[tuple[str, str, bool]]]:
    """Hooks on a page: (type, name, optional), by group, in order. A type stands behind the names that are of it."""
    found: list[list[tuple[str, str, bool]]] = []
    for number, kind in re.findall(r"^### (\d)\. (\w+)$", section(name, "Hooks"), re.MULTILINE):
        items = bullets(section(name, "Hooks", f"{number}. {kind}"))
        assert number == str(len(found) + 1)
        assert items[-1].startswith("Purpose: ")
        found.append([])
        named: list[tuple[str, bool]] = []
        for item in items[:-1]:
            if one := re.fullmatch(r"Name: `(.+?)`(, if it is there)?", item):
                named.append((one[1], one[2] is not None))
            else:
                types = re.findall(r"`(\w+)`", item)
                assert item == f"Type: {' and '.join(f'`{each}`' for each in types)}"
                found[-1] += [(each, target, optional) for target, optional in named for each in types]
                named = []
        assert not named
        assert kind in {how for how, _, _ in found[-1]}
    return found


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_hooks_are_those_of_the_ladder(probe: ProbeSpec) -> None:
    hooked = [rung for rung in probe.ladder(MACHINES["x86_64"]).values() if rung]
    assert rungs(probe.name) == [[(hook.how, hook.target, hook.optional) for hook in rung] for rung in hooked]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_events_of_a_probe_are_those_of_its_page(probe: ProbeSpec) -> None:
    assert {told.kind for told in EMITTED.get(probe.name, ())} == probe.tells


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_hooks_of_other_machines_are_named_too(probe: ProbeSpec) -> None:
    rungs = [rung for machine in MACHINES.values() for rung in probe.ladder(machine).values()]
    targets = {hook.target for rung in rungs for hook in rung}
    assert targets <= set(re.findall(r"`([\w:]+)`", section(probe.name, "Hooks")))


@pytest.mark.parametrize("name", ["epoll_found", "epoll_gone"])
def test_hooks_of_the_census_are_its_two_ways(name: str) -> None:
    [[(how, target, _)], [(_, scan, _)]] = rungs(name)
    assert f"{how}:{target}" == IteratorCensus.by
    walk = Scan(Procfs(), include_self=False)
    if not walk.compares:
        pytest.skip("no kcmp(2) here")
    assert scan == walk.by


@pytest.mark.parametrize("name", PAGES)
def test_the_record_is_one_that_is_emitted(name: str) -> None:
    (block, *_) = blocks(section(name, "Record"))
    shown, made = json.loads(block), record(EMITTED[name][0])
    assert _shape(shown) == _shape(made)
    assert [key for key in shown if key != "epoll"] == [key for key in made if key != "epoll"]
    for same in ("eventName", "argsNum", "args"):
        assert shown[same] == made[same]
    assert shown["epoll"]["kind"] == made["epoll"]["kind"]

    explained = [key for item in bullets(section(name, "Record")) for key in re.findall(r"`(\w+)`", item.split(":")[0])]
    assert len(set(explained)) == len(explained)
    assert set(explained) <= {*made, *made["epoll"]}
    if name == "epoll_create":
        assert {*explained, "epoll"} == {*made, *made["epoll"]}


def _shape(value: Any) -> Any:
    """Keys and types."""
    return {key: _shape(one) for key, one in value.items()} if isinstance(value, dict) else type(value)


@pytest.mark.parametrize("name", [*PAGES, *COUNTING, WALK])
def test_commands_are_understood_and_choose_what_the_page_is_about(name: str) -> None:
    lines = "".join(blocks(text(name))).splitlines()
    commands = [shlex.split(line.removeprefix("$ ").partition(" | ")[0]) for line in lines if "epolltop " in line]
    commands = [command for command in commands if command[0] == "epolltop" and not re.match(r"\d", command[1])]
    assert commands
    about = EMITTED.get(name, (event(name="python3"),))
    for command in commands:
        options = parse_options(command[1:], no_color=False)
        if options.command == "events":
            assert any(options.view.filter(told, snapshot()) for told in about), command


@pytest.mark.parametrize("name", [*PAGES, *COUNTING])
def test_related_events_are_the_other_pages(name: str) -> None:
    related = {item.split("`")[1] for item in bullets(section(name, "Related Events"))}
    assert related <= {*PAGES, *COUNTING} - {name}
    assert related


@pytest.mark.parametrize("name", [*PAGES, *COUNTING, WALK])
def test_links_lead_to_files(name: str) -> None:
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)]+)\)", text(name)):
        assert (EVENTS / target).is_file(), target


@pytest.mark.parametrize("name", [*PAGES, *COUNTING, WALK])
def test_lines_fit(name: str) -> None:
    assert [line for line in text(name).splitlines() if len(line) > 120] == []


def proofs_of(name: str) -> Proofs:
    """Those of a probe's page stand in a module of that name."""
    others = {"epoll_found": test_census_pages.FOUND, "epoll_gone": test_census_pages.GONE}
    others[WALK] = test_watch_a_directory.PROOFS
    return others.get(name) or importlib.import_module(f"tests.kernel.test_{name}_page").PROOFS


@pytest.mark.parametrize("name", [*PAGES, *COUNTING, WALK])
def test_every_statement_is_proven_and_nothing_else(name: str) -> None:
    proofs = proofs_of(name)
    assert sorted(proofs.stated()) == sorted(proofs.proven)


def test_what_is_not_verified_is_a_statement_that_says_so() -> None:
    reserved = [item for name in PAGES for item in bullets(text(name)) if UNVERIFIED in item]
    assert reserved
    assert all(item.endswith(f" {UNVERIFIED}.") for item in reserved)
