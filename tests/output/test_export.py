from __future__ import annotations

import concurrent.futures
import csv
import html
import json
import os
import re
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from textual.app import App, ComposeResult
from textual.widgets import Static

from epolltop.output.delimited import comma_separated, literal
from epolltop.output.export import export, export_screen, self_contained
from epolltop.output.files import write_new
from epolltop.output.formats import FORMATS
from epolltop.query.filter import parse_over
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES, SUBJECTS, View, look
from tests.support.examples import HOSTILE, exact

SVG = (
    '<svg class="rich" viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg">\n<style>\n\n'
    '    @font-face {\n        font-family: "Fira Code";\n        src: local("FiraCode"),\n'
    '                url("https://example.net/a.woff2") format("woff2");\n    }\n'
    "    .r1 { fill: #fff }\n</style>\n<text>  日本 ▔</text></svg>\n"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where exports go; nobody called sudo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUDO_UID", raising=False)
    return tmp_path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_any_view_in_any_format(here: Path, subject: str, format: str) -> None:
    made, view = exact(), View(SUBJECTS[subject])
    path = export(made, view, look(made, view), "", format)
    assert path.parent == here
    assert re.fullmatch(rf"epolltop-\d{{8}}-\d{{6}}\.{format}", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(here) == [path.name]
    assert path.read_text()


def test_a_document_says_what_was_asked_and_has_the_journal() -> None:
    made = exact()
    view = View(INSTANCES, parse_over(INSTANCES.fields, "pid=77"), sort="pid")
    document = json.loads(export(made, view, look(made, view), "pid=77", "json").read_text())
    assert (document["view"]["of"], document["view"]["filter"]) == ("instances", "pid=77")
    assert [process["pid"] for process in document["processes"]] == [77]
    assert {event["epoll"]["id"] for event in document["events"]} <= {"ffff888101234500@987700000000"}
    assert len(document["events"]) + document["events_left_out"] == len(made.journal)
    assert "in_flight" not in document


def test_marked_rows_alone_are_written() -> None:
    made, view = exact(), View(PROCESSES)
    assert [row["pid"] for row in _rows(export(made, view, [HOSTILE], "", "csv"))] == ["77", "77"]
    document = json.loads(export(made, View(EVENTS), made.journal[:2], "", "json").read_text())
    assert [event["epoll"]["kind"] for event in document["events"]] == ["create", "create_failed"]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@given(st.text("abc @#<>|`\\\\*_[]()&~:;/.-w1!", max_size=30))
def test_markdown_shows_what_a_stranger_wrote_and_makes_nothing_of_it(text: str) -> None:
    parser = MarkdownIt("gfm-like")
    (cell,) = re.findall("<td>(.*)</td>", parser.render(f"| A |\n| --- |\n| {literal(text.strip())} |\n"))
    assert not re.search("<(?!/?code>)", cell)
    assert html.unescape(re.sub("</?code>", "", cell)).split() == text.split()
    outside = html.unescape(re.sub("<code>.*?</code>", " ", cell))
    assert re.fullmatch("[a-z |-]*|[0-9.:, |]*", outside)  # neither a mention nor a reference


@pytest.mark.parametrize("text", ["@team", "https://example.org/?a|b", "www.example.org", "a@b.example", "<b>", "#12"])
def test_markdown_links_and_mentions_nothing(text: str) -> None:
    cells = MarkdownIt("gfm-like").render(f"| A |\n| --- |\n| {literal(text)} |\n")
    assert "<a" not in cells
    assert "<code>" in cells


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\u2212"


@given(st.text(SIGNS + "a1; ,|\t\"'", max_size=12), st.sampled_from(",;|\t"), st.booleans())
def test_no_cell_of_csv_is_a_formula_whatever_separates_cells_there(text: str, separator: str, quoting: bool) -> None:
    _, line = comma_separated(["a"], [[1, text, 2]])
    dialect = csv.reader([line], delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)
    for cell in next(dialect):
        assert cell.strip(' "')[:1] not in {*SIGNS}
    (read,) = csv.reader([line])
    assert re.sub("'", "", read[1]) == re.sub("'", "", text)


def test_in_ascii() -> None:
    made, view = exact(), View(PROCESSES)
    for format in FORMATS:
        export(made, view, look(made, view), "日", format, ascii_only=True).read_bytes().decode("ascii")
    picture = export_screen(SVG, ascii_only=True).read_bytes().decode("ascii")
    assert "".join(ET.fromstring(picture).itertext()).endswith("  日本 ▔")


def test_a_picture_fetches_nothing_and_keeps_its_blanks() -> None:
    path = export_screen(SVG)
    assert path.suffix == ".svg"
    picture = path.read_text()
    assert "url(" not in picture
    assert "@font-face" not in picture
    assert ".r1 { fill: #fff }" in picture
    assert ET.fromstring(picture).get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    assert picture == self_contained(SVG)


async def test_a_real_picture_fetches_nothing_and_is_well_formed() -> None:
    class Screen(App[None]):
        def compose(self) -> ComposeResult:
            yield Static(f"{HOSTILE.command} & ]]> ☃", markup=False)

    app = Screen()
    async with app.run_test(size=(80, 5)):
        picture = export_screen(app.export_screenshot()).read_text()
    assert "url(" not in picture.replace("url(#", "")
    said = "".join(ET.fromstring(picture).itertext()).replace("\xa0", " ")
    assert r"|<b>| \x1b[31m `日本語の長い名前` éé & ]]> ☃" in said


def test_many_in_one_second_are_as_many_files(here: Path) -> None:
    made, view = exact(), View(EVENTS)
    paths = [export(made, view, made.journal[:number], "", "csv") for number in range(8)]
    assert [len(_rows(path)) for path in paths] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert sorted(os.listdir(here)) == sorted(path.name for path in paths)


def test_a_name_that_is_taken_gets_a_number(here: Path) -> None:
    paths = [write_new(here / "epolltop-20260131-120000.csv", content) for content in "abc"]
    assert {path.name: path.read_text() for path in paths} == {
        "epolltop-20260131-120000.csv": "a",
        "epolltop-20260131-120000-2.csv": "b",
        "epolltop-20260131-120000-3.csv": "c",
    }


def test_many_at_once_do_not_meet(here: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda number: write_new(here / "a.txt", str(number)), range(40)))
    assert [path.read_text() for path in paths] == [str(number) for number in range(40)]
    assert len(os.listdir(here)) == 40


@pytest.mark.parametrize("target", ["precious", "missing"])
def test_a_link_is_left_alone(here: Path, target: str) -> None:
    (here / "precious").write_text("precious")
    (here / "a.txt").symlink_to(here / target)
    assert write_new(here / "a.txt", "new") == here / "a-2.txt"
    assert sorted(os.listdir(here)) == ["a-2.txt", "a.txt", "precious"]
    assert (here / "a.txt").is_symlink()
    assert (here / "precious").read_text() == "precious"


def test_nothing_is_left_of_what_cannot_be_written(here: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_new(here / "a.txt", "\ud800")
    assert os.listdir(here) == []


def test_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    with pytest.raises(OSError) as caught:  # noqa: PT011  which one is the kernel's choice
        export(exact(), View(PROCESSES), [], "", "json")
    assert str(caught.value.filename).startswith("epolltop-")
