"""Which instances exist, from events and censuses that contradict each other."""

from __future__ import annotations

import dataclasses

import pytest

from epolltop.model import past_holders
from epolltop.model.copied import copied
from epolltop.model.event import Kind, Syscall
from epolltop.model.instance import Held, Holder, Provenance, Thread
from epolltop.model.instances import Instances
from epolltop.model.past_holders import PAST, PAST_FDS
from epolltop.model.process import ProcessKey
from tests.support.records import CLOEXEC, A, B, C, P, Q, R, census, create, failed, holding, release


@pytest.fixture(name="known")
def _known() -> Instances:
    """After a first census that showed nothing."""
    known = Instances()
    assert known.apply_census(census(1), release_told=True) == []
    return known


def _ids(known: Instances) -> set[str]:
    assert {instance.file: instance for instance in known.live.by_file.values()} == known.live.by_file
    return {instance.id for instance in known.live.by_file.values()}


def test_a_creation_is_held_by_its_creator_from_the_first_moment(known: Instances) -> None:
    known.apply_event(create(A, 10, P, fd=7))
    (instance,) = known.live.of(P)
    assert instance.id == "a00@10"
    assert (instance.provenance, instance.creator, instance.created_ns) == (Provenance.TRACED, P, 10)
    assert (instance.syscall, instance.argument, instance.watches) == (Syscall.EPOLL_CREATE1, CLOEXEC, None)
    assert instance.holders == (Holder(P, (7,)),)
    assert instance.fds_of(Q) == ()


def test_the_stack_of_its_creation_stays_whoever_holds_it(known: Instances) -> None:
    stack = ("inner+0x1 (a)", "outer+0x2 (a)")
    known.apply_event(create(A, 10)._replace(stack=stack))
    assert known.live.by_file[A].stack is stack
    known.apply_census(census(20, holding(A, Q, 8, created=10)), release_told=True)
    known.apply_watches(A, 3)
    assert (known.live.by_file[A].stack, known.live.by_file[A].watches) == (stack, 3)
    known.apply_event(release(A, 30, 10))
    known.apply_event(create(A, 40))
    assert known.live.by_file[A].stack == ()


def test_a_stack_told_after_a_census_showed_the_instance_is_taken_in(known: Instances) -> None:
    known.apply_census(census(20, holding(A, created=10), holding(A, Q, 4, created=10)), release_told=True)
    known.live.changed.clear()
    known.apply_event(create(A, 10)._replace(stack=("inner+0x1 (a)",)))
    assert known.live.by_file[A].stack == ("inner+0x1 (a)",)
    assert [holder.process for holder in known.live.by_file[A].holders] == [P, Q]
    assert known.live.changed == {P, Q}


def test_a_release_ends_it(known: Instances) -> None:
    known.apply_event(create(A, 10))
    known.apply_event(release(A, 20, 10))
    assert (known.live.by_file, known.live.of(P), list(known.live.holders())) == ({}, (), [])


def test_a_failure_is_no_instance(known: Instances) -> None:
    known.apply_event(failed(10))
    known.apply_event(create(0, 11))
    assert known.live.by_file == {}


def test_a_creation_that_its_release_overtook_is_over(known: Instances) -> None:
    known.apply_event(release(A, 20, 10))
    known.apply_event(create(A, 10))
    assert known.live.by_file == {}


def test_an_address_used_again_is_another_instance(known: Instances) -> None:
    for at in (10, 30):
        known.apply_event(create(A, at))
        known.apply_event(release(A, at + 10, at))
    known.apply_event(create(A, 50))
    assert _ids(known) == {"a00@50"}
    known.apply_event(release(A, 20, 10))
    assert _ids(known) == {"a00@50"}, "a late release of a former instance"
    known.apply_event(release(A, 15))
    assert _ids(known) == {"a00@50"}, "a late release of one older than the trace"


def test_a_successor_stays_when_its_predecessor_is_told_late(known: Instances) -> None:
    known.apply_event(create(A, 30))
    known.apply_event(create(A, 10, Q))
    assert _ids(known) == {"a00@30"}
    assert known.live.of(Q) == ()


def test_a_creation_told_after_the_whole_life_of_its_successor_is_over(known: Instances) -> None:
    known.apply_event(release(A, 20, 10))
    known.apply_event(create(A, 30))
    known.apply_event(release(A, 40, 30))
    known.apply_event(create(A, 10))
    assert known.live.by_file == {}


def test_a_late_release_does_not_hide_a_later_one(known: Instances) -> None:
    known.apply_event(release(A, 40, 30))
    known.apply_event(release(A, 20, 10))
    known.apply_event(create(A, 30))
    assert known.live.by_file == {}


def test_a_creation_told_after_a_census_did_not_show_it_must_show_in_the_next(known: Instances) -> None:
    known.apply_census(census(20), release_told=False)
    known.apply_event(create(A, 10))
    known.apply_event(create(B, 11))
    assert _ids(known) == {"a00@10", "b00@11"}
    assert known.apply_census(census(30, holding(B, created=11)), release_told=True) == []
    assert _ids(known) == {"b00@11"}, "in flight for ever, else"


def test_a_census_cannot_refute_what_came_after_it_began(known: Instances) -> None:
    known.apply_event(create(A, 50))
    known.apply_census(census(40), release_told=False)
    assert _ids(known) == {"a00@50"}
    assert known.live.of(P)

    known.apply_event(release(A, 60, 50))
    known.apply_census(census(55, holding(A, created=50)), release_told=True)
    assert known.live.by_file == {}

    known.apply_event(create(A, 70))
    known.apply_census(census(65, holding(A, Q, 9, created=50)), release_told=True)
    assert _ids(known) == {"a00@70"}
    assert known.live.of(Q) == ()


def test_what_a_first_census_shows_is_found_and_no_event() -> None:
    known = Instances()
    assert known.apply_census(census(10, holding(A), holding(A, Q, 4)), release_told=True) == []
    (instance,) = known.live.of(Q)
    assert (instance.provenance, instance.created_ns, instance.creator) == (Provenance.FOUND, None, None)
    assert (instance.id, instance.syscall, instance.argument) == ("a00@10", Syscall.UNKNOWN, None)
    assert instance.holders == (Holder(P, (3,)), Holder(Q, (4,)))


def test_a_release_of_what_was_found_tells_which_it_was() -> None:
    known = Instances()
    known.apply_census(census(10, holding(A)), release_told=True)
    told = known.apply_event(release(A, 20))
    assert told.instance == "a00@10"
    assert told.lifetime_ns is None
    assert known.live.by_file == {}
    assert known.apply_event(release(B, 21)).instance is None


def test_what_a_later_census_shows_without_a_birth_is_found(known: Instances) -> None:
    (found,) = known.apply_census(census(10, holding(A, Q, 5)), release_told=True)
    assert (found.kind, found.instance, found.process, found.fd) == (Kind.FOUND, "a00@10", Q, 5)
    assert (found.uid, found.tid, found.name) == (None, 0, ""), "who did it is not known"


def test_what_was_left_out_above_the_detail_rate_is_traced_all_the_same(known: Instances) -> None:
    assert known.apply_census(census(20, holding(A, created=10)), release_told=True) == []
    (instance,) = known.live.of(P)
    assert (instance.id, instance.provenance, instance.argument) == ("a00@10", Provenance.TRACED, CLOEXEC)
    assert known.apply_census(census(30), release_told=True) == []
    assert known.live.by_file == {}, "its release is left out likewise"


def test_a_creation_told_after_a_census_showed_it_tells_no_more_than_whose_it_was(known: Instances) -> None:
    known.apply_census(census(20, holding(A, created=10), holding(A, Q, 4, created=10)), release_told=True)
    before = known.live.by_file[A]
    assert before.creator is None
    known.apply_event(create(A, 10))
    assert known.live.by_file == {A: before._replace(creator=P, thread=Thread(P.pid, f"actor {P.pid}"))}
    known.apply_census(census(30), release_told=True)
    assert _ids(known) == {"a00@10"}, "its release will be told"


def test_a_census_tells_the_creator_where_no_event_does(known: Instances) -> None:
    shown = holding(A, Q, 4, created=10)._replace(creator=P.pid, creator_start=P.start)
    known.apply_census(census(20, shown), release_told=True)
    assert (known.live.by_file[A].creator, known.live.by_file[A].holders) == (P, (Holder(Q, (4,)),))


def test_held_by_nobody_it_is_in_flight_until_its_release_is_told(known: Instances) -> None:
    known.apply_event(create(A, 10))
    known.apply_census(census(20), release_told=True)
    assert known.live.by_file[A].holders == ()
    assert (known.live.of(P), list(known.live.holders())) == ((), [])
    known.apply_census(census(30, holding(A, Q, 8, created=10)), release_told=True)
    assert [instance.id for instance in known.live.of(Q)] == ["a00@10"]
    known.apply_census(census(40), release_told=True)
    known.apply_event(release(A, 50, 10, R))
    assert known.live.by_file == {}


def test_held_by_nobody_it_is_gone_if_releases_are_missing(known: Instances) -> None:
    known.apply_event(create(A, 10))
    (gone,) = known.apply_census(census(20), release_told=False)
    assert (gone.kind, gone.instance, gone.process) == (Kind.GONE, "a00@10", P)
    assert known.live.by_file == {}


def test_in_flight_it_is_gone_if_releases_are_missing_though_no_holder_changed(known: Instances) -> None:
    known.apply_event(create(A, 10))
    unchanged = census(20, holding(B))
    known.apply_census(unchanged, release_told=True)
    known.apply_census(dataclasses.replace(unchanged, started_ns=30), release_told=True)
    assert A in known.live.by_file
    (gone,) = known.apply_census(dataclasses.replace(unchanged, started_ns=40), release_told=False)
    assert (gone.kind, gone.instance) == (Kind.GONE, "a00@10")
    assert set(known.live.by_file) == {B}


def test_what_bears_a_number_is_gone_with_its_descriptors_though_releases_are_told() -> None:
    known = Instances()
    known.apply_census(census(10, holding(1), holding(2, Q), by_address=False), release_told=True)
    gone = known.apply_census(census(20, holding(2, Q), by_address=False), release_told=True)
    assert [(event.kind, event.instance) for event in gone] == [(Kind.GONE, "1@10")]
    assert set(known.live.by_file) == {2}


def test_a_census_moves_holders_and_names_whose_rows_changed(known: Instances) -> None:
    known.apply_event(create(A, 10, P, 3))
    known.live.changed.clear()
    shared = (holding(A, P, 3, 10), holding(A, P, 9, 10), holding(A, Q, 3, 10))
    known.apply_census(census(20, *shared), release_told=True)
    assert known.live.by_file[A].holders == (Holder(P, (3, 9)), Holder(Q, (3,)))
    assert known.live.changed == {P, Q}
    known.live.changed.clear()
    known.apply_census(census(30, *reversed(shared)), release_told=True)
    assert known.live.changed == set()
    known.apply_census(census(40, holding(A, Q, 3, 10)), release_told=True)
    assert known.live.by_file[A].holders == (Holder(Q, (3,)),)
    assert known.live.changed == {P, Q}
    assert known.live.by_file[A].creator == P


def test_a_descriptor_that_threads_show_twice_is_one(known: Instances) -> None:
    known.apply_census(census(10, holding(A), holding(A), holding(A, fd=5)), release_told=True)
    assert known.live.by_file[A].holders == (Holder(P, (3, 5)),)


def test_instances_are_listed_by_lowest_descriptor(known: Instances) -> None:
    for file, fd in ((A, 9), (B, 5)):
        known.apply_event(create(file, fd, P, fd))
    assert [instance.file for instance in known.live.of(P)] == [B, A]


def test_watches_are_of_the_instance_that_has_the_address_now(known: Instances) -> None:
    known.apply_watches(A, 5)
    assert known.live.by_file == {}
    known.apply_event(create(A, 10))
    known.apply_watches(A, 5)
    assert known.live.by_file[A].watches == 5
    known.apply_event(release(A, 20, 10))
    known.apply_event(create(A, 30))
    assert known.live.by_file[A].watches is None


def test_what_a_copy_meets_the_others_do_not(known: Instances) -> None:
    known.apply_event(create(B, 10))
    known.apply_census(census(20, holding(B, created=10), holding(C, Q, created=11)), release_told=True)
    known.live.changed.clear()
    copy = copied(known)
    copy.apply_event(release(A, 20, 10))
    copy.apply_event(release(B, 25, 10))
    copy.apply_census(census(30), release_told=True)
    assert (copy.live.by_file, copy.live.changed, list(copy.live.holders())) == ({}, {P, Q}, [])
    assert (_ids(known), known.live.changed, set(known.live.holders())) == ({"b00@10", "c00@11"}, set(), {P, Q})
    known.apply_event(create(A, 10))
    assert A in known.live.by_file, "its release was told to the copy alone"
    known.apply_census(census(30), release_told=True)
    assert C not in known.live.by_file, "still one whose release may be untold"


def test_what_a_census_could_not_refute_the_next_one_can(known: Instances) -> None:
    known.apply_event(create(A, 50))
    known.apply_census(census(40), release_told=True)
    assert _ids(known) == {"a00@50"}
    (gone,) = known.apply_census(census(60), release_told=False)
    assert (gone.kind, gone.instance, known.live.by_file) == (Kind.GONE, "a00@50", {})


def test_an_heir_at_the_same_address_and_descriptor_is_found_though_no_census_differs(known: Instances) -> None:
    known.apply_census(census(20, holding(A)), release_told=True)
    known.apply_event(release(A, 25))
    (found,) = known.apply_census(census(30, holding(A)), release_told=True)
    assert (found.kind, found.instance) == (Kind.FOUND, "a00@30")


def test_a_census_that_shows_it_again_is_right_against_an_event(known: Instances) -> None:
    shown = (holding(A, Q, 9, created=50), holding(B, P, 4, created=50))
    known.apply_event(create(A, 70))
    known.apply_event(release(B, 70, 50))
    known.apply_census(census(65, *shown), release_told=True)
    assert _ids(known) == {"a00@70"}
    known.apply_census(census(80, *shown), release_told=True)
    assert _ids(known) == {"a00@50", "b00@50"}
    assert [instance.id for instance in known.live.of(Q)] == ["a00@50"]


def test_earlier_holders_are_remembered_with_the_census_that_showed_others(known: Instances) -> None:
    known.apply_event(create(A, 10, P, fd=7))
    known.apply_census(census(20, holding(A, P, 7, created=10)), release_told=True)
    assert known.live.by_file[A].past == ()
    known.apply_census(census(30, holding(A, P, 7, created=10), holding(A, Q, 4, created=10)), release_told=True)
    known.apply_census(census(40), release_told=True)
    assert known.live.by_file[A].holders == ()
    assert known.live.by_file[A].past == (
        Held(30, (Holder(P, (7,)),)),
        Held(40, (Holder(P, (7,)), Holder(Q, (4,)))),
    )


def test_of_many_changes_the_last_are_remembered(known: Instances) -> None:
    known.apply_event(create(A, 10, P, fd=7))
    for at in range(20, 20 + 2 * PAST):
        known.apply_census(census(at, holding(A, P, at, created=10)), release_told=True)
    assert [held.until_ns for held in known.live.by_file[A].past] == list(range(20 + PAST, 20 + 2 * PAST))


def test_of_many_holders_fewer_changes_are_remembered(known: Instances) -> None:
    many = [ProcessKey(pid, 1) for pid in range(100, 100 + PAST_FDS // 2)]
    known.apply_event(create(A, 10, P, fd=7))
    for at in range(20, 30):
        known.apply_census(census(at, *(holding(A, each, at, created=10) for each in many)), release_told=True)
    assert [past.until_ns for past in known.live.by_file[A].past] == [28, 29]
    for at in range(30, 40):
        held = [holding(A, each, fd, created=10) for each in many for fd in (at, at + 1, at + 2)]
        known.apply_census(census(at, *held), release_told=True)
    assert known.live.by_file[A].past == (), "one list alone is too long"


def test_of_many_instances_each_remembers_less(known: Instances, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_holders, "PAST_FDS_MAX", 50)
    files = range(1, 17)
    for at in range(20, 40):
        known.apply_census(census(at, *(holding(file, P, at + file, created=10) for file in files)), release_told=True)
    assert {len(instance.past) for instance in known.live.by_file.values()} == {50 // len(files)}
    assert {instance.past[-1].until_ns for instance in known.live.by_file.values()} == {39}


def test_a_release_without_a_birth_ends_what_the_kernel_had_no_room_to_note(known: Instances) -> None:
    known.apply_event(create(A, 10))
    known.apply_census(census(20, holding(A)), release_told=True)  # a census cannot tell its birth either
    (instance,) = known.live.by_file.values()
    assert (instance.provenance, instance.created_ns) == (Provenance.TRACED, 10)
    told = known.apply_event(release(A, 30, 0))
    assert (told.instance, told.lifetime_ns) == (instance.id, 20)
    assert not known.live.by_file
    assert known.apply_census(census(40), release_told=True) == []


def test_a_release_with_a_birth_ends_what_was_found_before_that_was_noted(known: Instances) -> None:
    known.apply_census(census(20), release_told=True)
    known.apply_census(census(25, holding(A)), release_told=True)
    told = known.apply_event(release(A, 30, 26))
    assert told.created_ns == 26
    assert not known.live.by_file


def test_a_birth_that_no_release_ended_is_not_that_of_another_one(known: Instances) -> None:
    def look(at: int, *created: int) -> list[Kind]:
        shown = [holding(A, created=each) for each in created]
        return [one.kind for one in known.apply_census(census(at, *shown), release_told=False, release_traced=False)]

    known.apply_event(create(A, 10))
    assert look(20, 10) == []
    assert known.live.by_file[A].id == "a00@10"
    assert look(30) == [Kind.GONE]
    # The kernel still notes the first one's birth: whether this is it, come back from its flight, nobody knows.
    assert look(40, 10) == [Kind.FOUND]
    assert look(50, 10) == []
    (found,) = known.live.by_file.values()
    assert (found.id, found.provenance, found.creator, found.created_ns) == ("a00@40", Provenance.FOUND, None, None)
    # One of which only the event was lost was born since the last look.
    assert look(60, 55) == [Kind.GONE]
    assert (known.live.by_file[A].id, known.live.by_file[A].provenance) == ("a00@55", Provenance.TRACED)


def test_flags_of_descriptors_change_without_another_holder(known: Instances) -> None:
    def shown(at: int, *flags: bool | None) -> None:
        of_both = ((P, 3), (Q, 4), (Q, 5))
        holdings = (holding(A, who, fd)._replace(cloexec=flag) for (who, fd), flag in zip(of_both, flags, strict=True))
        known.apply_census(census(at, *holdings), release_told=True)

    shown(20, None, None, None)
    assert known.live.by_file[A].cloexec == ()
    assert known.live.by_file[A].cloexec_of(Q) == (None, None)
    shown(30, True, False, None)
    assert known.live.by_file[A].cloexec == ((True,), (False, None))
    shown(40, True, True, False)
    assert known.live.by_file[A].cloexec_of(P) == (True,)
    assert known.live.by_file[A].cloexec_of(Q) == (True, False)
    assert known.live.by_file[A].cloexec_of(R) == ()
    assert known.live.by_file[A].past == ()
    known.apply_census(census(50, holding(A)._replace(cloexec=False)), release_told=True)
    assert (known.live.by_file[A].cloexec, len(known.live.by_file[A].past)) == (((False,),), 1)


def test_the_thread_that_created_an_instance_stays_known(known: Instances) -> None:
    known.apply_event(create(A, 10)._replace(tid=101, name="worker"))
    known.apply_census(census(20, holding(A, Q, 4, created=10)), release_told=True)
    known.apply_census(census(30), release_told=True)
    assert known.live.by_file[A].thread == Thread(101, "worker")
    known.apply_census(census(40, holding(B, created=10)), release_told=True)
    assert known.live.by_file[B].thread is None
    known.apply_census(census(50, holding(C, created=45)._replace(creator_tid=102)), release_told=True)
    assert known.live.by_file[C].thread == Thread(102, None), "no event told its name"
    known.apply_event(create(C, 45)._replace(tid=102, name="late"))
    assert known.live.by_file[C].thread == Thread(102, "late")
