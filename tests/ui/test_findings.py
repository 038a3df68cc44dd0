"""What is wrong, on the screen: the first line, the view of findings, and what leads to and from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from rich.color import Color
from rich.style import Style

from epolltop.findings.families import RULES
from epolltop.findings.settings import Settings
from epolltop.model.batch import Batch
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.source import Probe
from epolltop.ui.dialogs.manual import page
from epolltop.ui.widgets.header import Header
from tests.support.fake_source import START, Task, batch_of, file_of
from tests.support.records import NOW_NS, SECOND_NS, loop, turn

from .app_on_screen import ALL, NGINX, Screen, on_screen
from .test_loops import MS, after

FULL = Task(61, "leaky", "/usr/bin/python3 /srv/leaky.py --port 80", open=2, fds=1010)
ALMOST = replace(FULL, fds=900)
BRIEF = "1,010 of 1,024 fds"


def full(*others: Task, task: Task = FULL) -> Batch:
    """With a process that has almost no descriptors left, whose kinds are known."""
    made = batch_of(*others, task)
    return replace(made, descriptors={task.key: Descriptors(socket=task.fds - 10, pipe=8, epoll=2)})


def late(ticks: int) -> Batch:
    """A loop that is away for 1.5 seconds by now, and computes."""
    left_ns = NOW_NS + ticks * SECOND_NS - 1500 * MS
    made = after(ticks, left_ns)
    (key,) = made.loops
    look = LateLook(left_ns, left_ns + 1500 * MS, Doing.ON_CPU, cpu_ns=1500 * MS, runq_ns=0)
    return replace(made, source=replace(made.source, sees_run_queues=True), late={key: look})


@dataclass(frozen=True)
class Child(Task):
    """Began two seconds after the first look."""

    @property
    def key(self) -> ProcessKey:
        return ProcessKey(self.pid, START + 92 * SECOND_NS // NS_PER_TICK)


PARENT = Task(42, "worker", open=1)
CHILD = Child(43, "worker", open=0, shares=(file_of(42, 0),))


def waiting(*tasks: Task) -> Batch:
    """All of them wait on the first instance of the first."""
    made = batch_of(*tasks)
    loops = {loop(file_of(42, 0), task.key): LoopCounts(10, 20, 10) for task in tasks}
    return replace(
        made,
        source=replace(made.source, probes=(*made.source.probes, Probe("epoll_wait", "four", True))),
        processes={key: facts._replace(image=7) for key, facts in made.processes.items()},
        loops=loops,
        turns={key: turn(NOW_NS, name="worker") for key in loops},
    )


def style_of(screen: Screen, text: str) -> Style:
    """Of the first segment that has this text."""
    strips = screen.app.screen._compositor.render_strips()
    return next(each.style for strip in strips for each in strip if text in each.text and each.style)


def colour(screen: Screen, component: str) -> Color | None:
    return screen.app.query_one("#header").get_component_rich_style(component).color


def story(screen: Screen) -> str:
    """The detail, its lines put together."""
    return " ".join(" ".join(screen.within("#page")).replace("│", " ").split())


# The first line.


@pytest.mark.parametrize(
    ("task", "sign", "component"), [(ALMOST, "▲", "header--warn"), (FULL, "●", "header--critical")]
)
async def test_the_first_line_is_the_worst_finding_in_its_colour(task: Task, sign: str, component: str) -> None:
    async with on_screen(full(*ALL, task=task)) as screen:
        said = f"{sign} leaky 61: {task.fds:,} of 1,024 descriptors are in use, most of them of kind socket: "
        assert screen.lines[0].startswith(f" {said}")
        assert style_of(screen, said).color == colour(screen, component)
        assert colour(screen, "header--warn") != colour(screen, "header--critical")
        assert style_of(screen, "26 instances").color not in {colour(screen, "header--warn"), colour(screen, component)}


async def test_others_are_counted() -> None:
    others = Task(62, "other", fds=1000), Task(63, "third", fds=950)
    async with on_screen(batch_of(FULL, *others), size=(150, 36)) as screen:
        assert screen.lines[0].endswith("  + 1 critical, 1 warning")


async def test_why_a_loop_was_away_fits_in_the_first_line() -> None:
    async with on_screen(late(1), late(2), late(3), size=(100, 36)) as screen:
        await screen.tick()
        await screen.until(lambda: screen.lines[0] == " ● nginx 42/4: the loop was away for 1.5s; it computes")
        await screen.press("6")
        await screen.until(lambda: "seen the loop was away for 1.5s; it computes" in story(screen))
        assert f"means {RULES['blocked-loop'].means}" in story(screen)


async def test_nothing_is_found_and_that_is_no_alarm() -> None:
    async with on_screen() as screen:
        assert screen.lines[0] == " ✓ nothing found in 3 processes for 1.0s; without a probe on waits no loop is judged"
        await screen.tick()
        assert screen.lines[0] == " ✓ nothing found in 3 processes for 2.0s; without a probe on waits no loop is judged"
        assert style_of(screen, "✓").color == style_of(screen, "24 instances").color


async def test_without_rules_nothing_is_said_to_be_well() -> None:
    async with on_screen() as screen:
        shown = screen.app.main_screen.ring.shown
        assert shown is not None
        screen.app.query_one(Header).describe(replace(shown, judged_s=None), "", "", "")
        await screen.until(lambda: screen.lines[0] == " · Rules were not applied.")


async def test_a_long_one_is_cut_at_the_width_of_the_screen() -> None:
    async with on_screen(full(), size=(60, 15)) as screen:
        assert screen.lines[0].endswith("…")
        assert len(screen.lines[0]) <= 60
        assert any(line.startswith("▸     61 ") for line in screen.within("#processes"))


# Rows that something is found about.


async def test_the_process_comes_first_and_shows_it_in_place_of_its_command() -> None:
    async with on_screen(full(*ALL), size=(200, 36)) as screen:
        assert screen.rows() == ["61", "77", "42", "99"]  # then by OPEN
        first, second = screen.within("#processes")[1:3]
        assert first.endswith(BRIEF)
        assert second.endswith("redis-server *:6379")
        assert "near-fd-limit: 1,010 of 1,024" in " ".join(screen.text.split())
        await screen.press("down")  # the cursor has colours of its own
        assert style_of(screen, BRIEF).color == screen.table("processes").get_component_rich_style("table--error").color


async def test_its_cell_asks_for_what_is_found() -> None:
    async with on_screen(full(*ALL)) as screen:
        await screen.press("f")
        assert 'filter: finding="near-fd-limit"' in screen.text
        assert screen.rows() == ["61"]
        await screen.press("escape", "slash", *"severity:critical", "enter")
        assert screen.rows() == ["61"]


async def test_copies_have_both_the_finding_and_the_whole_command() -> None:
    async with on_screen(full(*ALL)) as screen:
        await screen.press("y")
        for line in ("FINDING    near-fd-limit", "SEVERITY   critical", f"COMMAND    {FULL.command}"):
            assert line in screen.app.clipboard.splitlines()
        await screen.press("Y")
        heading, *rows = screen.app.clipboard.splitlines()[1:-1]
        at = heading.index("FINDING ")
        assert rows[0][at:].split("  ", 1)[0] == BRIEF
        assert rows[0].endswith(" python3 /srv/leaky.py --port 80")
        assert rows[1][at:].split(maxsplit=1) == ["-", "redis-server *:6379"]


async def test_a_loop_comes_first_and_its_story_begins_with_it() -> None:
    async with on_screen(late(1), late(2), late(3), size=(180, 40)) as screen:
        await screen.tick()
        await screen.press("4")
        await screen.sees("nginx 42/4", "away 1.5s: computes")
        assert story(screen).startswith("event loop nginx 42/4 critical blocked-loop: the loop was away for 1.5s")


# The view.


async def test_a_finding_is_a_row_with_its_rule_beside_it() -> None:
    async with on_screen(full(*ALL), size=(180, 60)) as screen:
        await screen.press("6")
        await screen.sees(" 6 Findings ", "1 row, by SEVERITY▼")
        heading, row = screen.within("#findings")[:2]
        assert heading.split()[:3] == ["SEVERITY▼", "FINDING", "WHO"]
        assert row.split()[:4] == ["▸critical", "near-fd-limit", "leaky", "61"]
        rule, told = RULES["near-fd-limit"], story(screen)
        assert told.startswith("critical: near-fd-limit of leaky 61 seen 1,010 of 1,024 descriptors are in use")
        for label, said in (("means", rule.means), ("cause", rule.cause), ("fix", rule.fix)):
            assert f"{label} {said}" in told
        assert f"make sure {rule.confirm}" in told
        assert f"healthy? {rule.healthy}" in told
        assert "rule fd_share 99%, at least 80%" in told
        assert "of_kind 1,000" in told
        assert "sure yes" in told
        await screen.press("v")
        assert "FINDING near-fd-limit" in story(screen)


async def test_the_worst_comes_first() -> None:
    async with on_screen(batch_of(ALMOST, Task(62, "other", fds=1010))) as screen:
        await screen.press("6")
        assert [line.split()[0] for line in screen.within("#findings")[1:3]] == ["▸critical", "warn"]
        await screen.press("slash", *"severity:warn", "enter")
        await screen.sees("1 of 2 rows")
        assert "leaky 61" in screen.within("#findings")[1]


async def test_enter_leads_to_the_process_and_esc_back() -> None:
    async with on_screen(full(*ALL)) as screen:
        await screen.press("6", "enter")
        await screen.sees("▸ leaky (61)", "2 rows")
        assert screen.app.query_one("#instances").is_on_screen
        assert "critical near-fd-limit: 1,010 of 1,024" in story(screen)
        await screen.press("escape")
        await screen.sees("by SEVERITY▼")
        assert screen.within("#findings")[1].startswith("▸critical")


async def test_enter_leads_to_the_loop() -> None:
    async with on_screen(late(1), late(2), late(3), size=(150, 40)) as screen:
        await screen.tick()
        await screen.press("6")
        await screen.sees("blocked-loop", "nginx 42/4")
        await screen.press("enter")
        await screen.sees("▸ nginx 42/4", "event loop nginx 42/4", "blocked-loop: the loop was away")


async def test_enter_leads_to_the_instance() -> None:
    both = waiting(PARENT, CHILD)
    async with on_screen(waiting(PARENT), waiting(PARENT), both, size=(150, 40)) as screen:
        await screen.tick()
        await screen.tick()
        await screen.press("6")
        await screen.sees("shared-after-fork", "worker 42")
        await screen.press("enter")
        await screen.sees("▸ fd 4", f"epoll instance {file_of(42, 0):x}@")


async def test_the_page_of_a_finding() -> None:
    async with on_screen(full(), size=(120, 60)) as screen:
        await screen.press("6", "d")
        shown = " ".join(" ".join(screen.within("#manual")).replace("│", " ").split())
        assert "near-fd-limit" in shown
        assert "Close what is not needed; raise the limit" in shown
        assert "near-watch-limit" not in shown, "the next section"
        await screen.press("escape")
        await screen.sees("by SEVERITY▼")


async def test_a_threshold_that_was_changed_stands_in_the_story_and_above_the_page() -> None:
    changed = "limit.fd_percent=50, default 80"
    async with on_screen(full(), size=(180, 60), settings=Settings({"limit.fd_percent": 50})) as screen:
        await screen.press("6")
        await screen.sees("leaky 61")
        assert f"rule fd_share 99%, at least 50% ({changed}); critical: 95%" in story(screen)
        await screen.press("d")
        assert f"Other thresholds here: {changed}." in screen.text
        await screen.press("escape")
        await screen.sees("by SEVERITY▼")
    async with on_screen(full(), size=(180, 60)) as screen:
        await screen.press("6", "d")
        assert "near-fd-limit" in screen.text
        assert "Other thresholds" not in screen.text


@pytest.mark.parametrize("id", RULES)
def test_each_rule_has_a_page(id: str) -> None:
    section = page(id)
    assert section.startswith(f"## {id}\n")
    assert section.count("\n## ") == 0
    assert len(section.splitlines()) > 5


async def test_a_finding_that_closes_stays_as_ended() -> None:
    async with on_screen(full(*ALL)) as screen:
        await screen.press("6")
        await screen.sees("leaky 61")
        assert "STATE" not in screen.within("#findings")[0]
        await screen.tick(batch_of(*ALL, replace(FULL, fds=12)))
        for _ in range(10):
            await screen.tick()
        await screen.press("1", "6")
        assert "STATE" in screen.within("#findings")[0]
        assert " ended " in screen.within("#findings")[1]
        assert screen.lines[0].startswith(" ✓ nothing found in 4 processes")
        assert ", ended " in story(screen)
        await screen.press("1")
        assert screen.rows() == ["77", "42", "61", "99"]
        assert BRIEF not in screen.text


async def test_what_it_is_about_may_be_gone_already() -> None:
    async with on_screen(full(*ALL)) as screen:
        await screen.tick(batch_of(*ALL))
        for _ in range(10):
            await screen.tick()
        await screen.press("6", "enter")  # there is only its story left
        await screen.until(lambda: not screen.app.query_one("#findings").is_on_screen)
        assert "critical: near-fd-limit of leaky 61" in screen.text


async def test_a_view_without_rows_says_that_nothing_was_found() -> None:
    async with on_screen() as screen:
        await screen.press("6")
        await screen.until(lambda: "nothing found in 3 processes" in screen.within("#findings")[1])
        await screen.press("enter", "f", "y", "d")
        assert screen.app.is_running


async def test_nothing_but_ascii() -> None:
    hostile = replace(FULL, name="日" * 15)
    async with on_screen(full(NGINX, task=hostile), ascii_only=True, size=(100, 40)) as screen:
        assert screen.lines[0].startswith(r" !! \u65e5\u65e5")
        for keys in ((), ("6",), ("d",), ("escape", "enter"), ("escape", "w"), ("escape", "1")):
            await screen.press(*keys)
            for line in screen.lines:
                assert line.isascii(), (keys, line)
        await screen.tick(batch_of(NGINX))
        await screen.tick()
        assert screen.lines[0].startswith(" ok nothing found in")
    async with on_screen(full(), ascii_only=True, size=(60, 15)) as screen:
        assert screen.lines[0].endswith("~")
        assert len(screen.lines[0]) == 59
