"""Names are drawn as they are, in the signs and colours that were asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_source import Task, batch_of, file_of
from tests.support.records import NOW_NS, event

from .app_on_screen import crumbs, on_screen

pytestmark = pytest.mark.usefixtures("order_not_held")


HOSTILE = Task(7, r"[bold]ev\x1bil[/]", "[red]rm -rf[/red] \u65e5\u672c")


async def test_hostile_names_are_drawn_literally() -> None:
    async with on_screen(batch_of(HOSTILE), size=(250, 40)) as screen:
        await screen.sees(HOSTILE.name, HOSTILE.command, f"instances of {HOSTILE.name} (7)")
        await screen.tick(batch_of(HOSTILE, events=[event(pid=7, name=HOSTILE.name)]))
        await screen.sees(f"{HOSTILE.name} (7) created an epoll")


async def test_a_filter_of_markup_is_shown_as_typed() -> None:
    async with on_screen(batch_of(HOSTILE)) as screen:
        await screen.press("slash", *"[bold]")
        await screen.sees("filter: [bold]", "[bold]ev")
        await screen.press(*"zz")
        await screen.sees("None of 1 processes matches the filter '[bold]zz'.")


SHARED = [Task(pid, f"worker{pid}", open=0, shares=(file_of(1, 0),)) for pid in range(100, 112)]


async def test_ascii_only_paints_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    events = [event(time_ns=NOW_NS + n, fd=n, name="\u65e5") for n in range(50)]
    owner = Task(1, "µ…→", "▁█ " * 50, open=60, created=50)
    script = batch_of(HOSTILE, owner, *SHARED, events=events, exact=False, fallback="≥ " * 200)
    async with on_screen(script, ascii_only=True) as screen:
        await screen.tick(batch_of(HOSTILE, owner, *SHARED, Task(3, created=70), exact=False))

        def check(what: str) -> None:
            for line in screen.lines:
                assert line.isascii(), (what, line)

        await screen.sees(r"\u65e5", "u~Right", "13: 1,1", ">=")
        check("tables")
        for keys in (("end",), ("e",), ("space",), ("slash", "é"), ("escape",), ("question_mark",)):
            await screen.press(*keys)
            await screen.tick()
            check(str(keys))
        await screen.press("end")
        check("end of the help")
        await screen.press("escape", "colon")
        await screen.tick()
        check("command palette")
        for size in ((60, 15), (20, 5), (250, 70)):
            await screen.pilot.resize_terminal(*size)
            await screen.tick()
            check(str(size))


async def test_ascii_spells_its_own_signs() -> None:
    async with on_screen(ascii_only=True) as screen:
        await screen.press("enter")
        assert "> redis-server (77)" in crumbs(screen)
        assert "by AGEv" in crumbs(screen)
        assert screen.text.isascii()
        assert "\\u" not in screen.text


async def test_no_color_paints_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with on_screen() as screen:
        for strip in screen.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    red, green, blue = colour.get_truecolor() if colour else (0, 0, 0)
                    assert red == green == blue, segment


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "gruvbox"])
async def test_themes(theme: str) -> None:
    async with on_screen() as screen:
        screen.app.theme = theme
        await screen.press("down")
        assert screen.rows() == ["77", "42", "99"]
        assert screen.marked() == "42"
