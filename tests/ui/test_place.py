from __future__ import annotations

import pytest

from epolltop.model.event import Kind
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.mistake import FilterError
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES, WATCHES, look
from epolltop.ui.state.navigation import Trail, root
from tests.support.records import event
from tests.support.rows import instance, process_row, snapshot

HELD = instance(1, holders=((42, (8,)),))
OTHER = instance(2, holders=((42, (9,)),))
NGINX = process_row(42, name="nginx", instances=(HELD, OTHER))
OURS = event(file=HELD.file, since_ns=HELD.since_ns)
WORLD = snapshot(NGINX, process_row(77, open=2), journal=(OURS, event(file=9, since_ns=9)))


def test_from_processes_to_an_instance_to_what_it_watches_and_back() -> None:
    trail = Trail().into(NGINX)
    assert [row.instance for row in look(WORLD, trail.here.view)] == [HELD, OTHER]
    deeper = trail.into(InstanceOf(HELD, NGINX))
    assert deeper.here.subject.id == WATCHES.id
    assert deeper.here.held(WORLD) == [HELD]
    assert [place.label for place in deeper.places] == ["Processes", "nginx (42)", "fd 8"]
    assert deeper.back() == trail
    assert trail.back() == Trail()
    assert Trail().back() == Trail()


def test_an_event_leads_to_all_events_of_its_instance_and_no_further() -> None:
    trail = Trail((root(EVENTS),)).into(OURS)
    assert list(look(WORLD, trail.here.view)) == [OURS]
    assert trail.into(OURS) is trail


def test_an_event_without_an_instance_leads_nowhere() -> None:
    trail = Trail((root(EVENTS),))
    assert trail.into(event(kind=Kind.CREATE_FAILED, file=0, since_ns=0)) is trail


def test_an_instance_in_flight_has_a_name_without_a_descriptor() -> None:
    assert Trail((root(INSTANCES),)).into(InstanceOf(HELD, None)).here.label == "instance 1"


def test_a_filter_is_about_the_fields_of_its_subject() -> None:
    place = root(INSTANCES).filtered(" age>1s  pid:42 ")
    assert place.filter_text == "age>1s  pid:42"
    assert len(look(WORLD, place.view)) == 2
    with pytest.raises(FilterError, match="no field 'watches'"):
        root(PROCESSES).filtered("watches>1")


def test_a_process_that_has_gone_holds_nothing() -> None:
    here = Trail().into(process_row(99)).here
    assert list(look(WORLD, here.view)) == []
