"""What is written grows with instances and their holders, not with their product, and is never whole in memory."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from epolltop.model.bounds import EVENTS_MAX, FIRST_HOLDERS, HOLDERS_MAX, SNAPSHOT_BYTES_MAX
from epolltop.model.instance import Instance, Thread
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Extent, Snapshot
from epolltop.output import formats
from epolltop.output.files import write_whole
from epolltop.output.parts import blocks, within
from epolltop.output.report import Report
from epolltop.query.filter import parse
from epolltop.query.instance_fields import HELD_FIELDS, InstanceOf
from epolltop.query.process_members import LEFT_OUT
from epolltop.query.story import instance_story
from epolltop.query.view import INSTANCES, PROCESSES, SUBJECTS, View, look
from epolltop.saved.snapshot_reader import reopened
from tests.support.examples import exact
from tests.support.formats import FORMATS, document_of
from tests.support.records import event
from tests.support.rows import instance, process_row, snapshot


def shared(processes: int, instances: int) -> Snapshot:
    """Processes that all hold the same instances."""
    pids = range(1000, 1000 + processes)
    held = tuple(
        instance(0xFFFF888100000000 + 256 * number, holders=tuple((pid, (number + 3,)) for pid in pids), found=True)
        for number in range(instances)
    )
    return replace(snapshot(*(process_row(pid, instances=held) for pid in pids)), open=instances)


def report(made: Snapshot, subject: str = "processes") -> Report:  # type: ignore[type-arg]
    view = View(SUBJECTS[subject])
    return Report(made, view, look(made, view))


def again(made: Snapshot) -> Snapshot:
    return reopened(FORMATS["json"](report(made)).encode(), Selection())


def test_all_holders_are_listed_where_they_are_not_very_many() -> None:
    document = document_of(report(shared(40, 3)))
    for row in document["processes"]:
        assert {len(each["holders"]) for each in row["instances"]} == {40}
        assert {each["holder_count"] for each in row["instances"]} == {40}


def test_of_very_many_holders_the_first_are_listed_and_how_many_there_are() -> None:
    processes, instances = 100, HOLDERS_MAX // 100**2 + 1
    made = shared(processes, instances)
    document = document_of(report(made))
    for row in document["processes"]:
        for each in row["instances"]:
            assert each["holders"] == list(range(1000, 1000 + FIRST_HOLDERS))
            assert each["holder_count"] == processes
            assert not each.keys() & set(LEFT_OUT)
    recalled = again(made)
    assert recalled.extent == made.extent
    assert {each.holder_count for row in recalled.processes for each in row.instances} == {processes}
    assert len({id(each) for row in recalled.processes for each in row.instances}) == instances
    assert document_of(report(recalled))["processes"] == document["processes"]


def test_what_is_known_of_an_instance_is_told_among_very_many_holders_too() -> None:
    bare, stack = shared(100, 11), ("main", "start")
    held = [each._replace(thread=Thread(7, "maker"), stack=stack) for each in bare.processes[0].instances]
    made = snapshot(*(replace(row, instances=tuple(held)) for row in bare.processes))
    (told, *_) = document_of(report(made))["processes"][0]["instances"]
    assert [told[name] for name in LEFT_OUT] == [7, "maker", list(stack)]


def test_holders_whose_processes_are_not_in_the_file_are_counted() -> None:
    made = shared(100, 11)
    rows = made.processes[-2:]
    written = "".join(formats.as_json(Report(made, View(PROCESSES), rows)))
    recalled = reopened(written.encode(), Selection())
    (first,) = {each for row in recalled.processes for each in row.instances[:1]}
    assert first.holder_count == 100
    holders = next(field for field in HELD_FIELDS if field.id == "holder_count")
    shown = InstanceOf(first, recalled.processes[0])
    assert (holders.value(shown, recalled), holders.show(shown, recalled).split(":")[0].strip()) == (100, "100")
    said = dict(instance_story(first.key, recalled))["now"]
    assert said.count(" as descriptor") == 8
    assert said.endswith("; 92 more")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("subject", ["processes", "instances"])
def test_more_holders_are_as_much_more_work_and_no_more_memory(format: str, subject: str) -> None:
    def cost(made: Snapshot) -> tuple[float, int]:
        about = report(made, subject)
        began = time.process_time()
        written = sum(map(len, blocks(formats.FORMATS[format](about))))
        return time.process_time() - began, written

    few, many = shared(50, 20), shared(200, 20)
    cost(few)
    (once, _), (again, written) = (min(cost(made) for _ in range(2)) for made in (few, many))
    assert again < 12 * once + 0.05  # four times the rows; with each holder under each it were sixteen times the time
    about = report(many, subject)
    tracemalloc.start()
    for _ in blocks(formats.FORMATS[format](about)):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < max(1 << 20, written / 3)


def test_descriptors_of_a_holder_are_found_wherever_it_stands() -> None:
    made = shared(50, 1)
    (held,) = made.processes[0].instances
    assert [held.fds_of(row.key) for row in made.processes] == [(3,)] * 50
    assert held.fds_of(process_row(7).key) == held.fds_of(process_row(5000).key) == ()
    assert Instance.fds_of(held._replace(holders=()), made.processes[0].key) == ()


def test_what_would_be_too_long_to_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "".join(formats.as_json(report(exact())))
    monkeypatch.setattr(formats, "SNAPSHOT_BYTES_MAX", len(whole.encode()))
    assert "".join(formats.as_json(report(exact()))) == whole
    monkeypatch.setattr(formats, "SNAPSHOT_BYTES_MAX", len(whole.encode()) - 1)
    with pytest.raises(OSError, match=r"more than .*; a filter, or fewer rows \(--rows\), make it shorter") as caught:
        write_whole(tmp_path / "file", formats.as_json(report(exact())))
    assert caught.value.filename == str(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_bytes_are_counted_not_characters() -> None:
    assert list(within(6, ["ä", "日", "a"], "", "")) == ["ä", "日", "a"]
    with pytest.raises(OSError, match="more than"):
        list(within(5, ["ä", "日", "a"], "", ""))


def test_the_limits_are_far_enough_apart() -> None:
    row = len(json.dumps(document_of(report(shared(1, 1)))["processes"][0]["instances"][0]))
    assert HOLDERS_MAX * FIRST_HOLDERS < SNAPSHOT_BYTES_MAX
    assert 200 * 1000 * (row + 9 * FIRST_HOLDERS) < SNAPSHOT_BYTES_MAX


# What a filter leaves out.


def filtered(made: Snapshot, text: str, subject: str = "processes") -> Snapshot:
    view = View(SUBJECTS[subject], parse(text) if subject == "processes" else _least(2))
    about = Report(made, view, look(made, view), text, events=made.journal)
    return reopened("".join(formats.as_json(about)).encode(), Selection())


def _least(holders: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return lambda row, _: row.instance.holder_count >= holders


def test_a_filtered_snapshot_says_of_how_much_it_is_a_part() -> None:
    mine, theirs = process_row(42, open=60), process_row(77, open=59)
    theirs = process_row(77, instances=tuple(each._replace(file=each.file + 4096) for each in theirs.instances))
    made = snapshot(mine, theirs)
    recalled = filtered(made, "pid=42")
    assert recalled.extent == Extent(1, 1, 60, 0)
    assert recalled.of == Extent(2, 2, 119, 0)
    for format in ("txt", "md"):
        assert "60 instances in 1 process shown of 119 in 2" in FORMATS[format](report(recalled)).replace("\\", "")
    totals = document_of(report(recalled))["totals"]
    assert (totals["instances"], totals["processes"], totals["holding"], totals["shown"]) == (119, 2, 2, 1)


def test_it_says_so_again_when_it_is_written_and_read_again() -> None:
    made = exact()
    once = filtered(made, "pid=42")
    twice = again(once)
    assert (twice.extent, twice.of, twice.source.limits) == (once.extent, once.of, once.source.limits)


def test_a_process_of_whose_instances_some_are_listed_holds_all_the_same() -> None:
    recalled = filtered(exact(), "", "instances")
    assert [(row.pid, row.open, len(row.instances)) for row in recalled.processes] == [(42, 2, 1), (77, 2, 1)]
    assert recalled.of is not None
    assert recalled.of.instances == 4


def test_only_events_about_what_was_chosen_go_along() -> None:
    key = {"start": 7000}
    other = event(pid=99, name="other", file=1, **key)
    handed_on = event(pid=99, name="other", file=0xFFFF888101234600, since_ns=987_700_000_000, **key)
    made = exact()
    made = snapshot(*made.processes, journal=(event(**key), other, handed_on))
    recalled = filtered(made, "pid=42")
    assert [told.pid for told in recalled.journal] == [42, 99]
    assert recalled.journal_end == 3
    everything = Report(made, View(PROCESSES), made.processes, events=made.journal)
    assert len(document_of(everything)["events"]) == 3


def test_the_last_events_alone_are_told() -> None:
    many = tuple(itertools.repeat(event(), EVENTS_MAX + 7))
    made = snapshot(process_row(42), journal=many)
    document = document_of(Report(made, View(PROCESSES), made.processes, events=many))
    assert (len(document["events"]), document["events_left_out"]) == (EVENTS_MAX, 7)


def test_the_number_of_instances_is_that_of_a_view_of_instances() -> None:
    made = exact()
    view = View(INSTANCES)
    recalled = reopened("".join(formats.as_json(Report(made, view, look(made, view)))).encode(), Selection())
    assert recalled.extent._replace(processes=3) == recalled.of == made.extent
    assert "shown of" not in FORMATS["txt"](report(recalled))
