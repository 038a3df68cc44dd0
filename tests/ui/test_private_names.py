"""What we use of Textual that it does not promise: where a release changed it, this says what is lost by that.

All of it is in epolltop/ui/terminal, and without it the screen works as Textual's own.
"""

from __future__ import annotations

import ast
import codecs
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import textual
from textual.driver import Driver
from textual.drivers import linux_driver

import epolltop.ui
from epolltop.own_process.leaving import Leaving
from epolltop.ui.terminal import private_names
from epolltop.ui.terminal.decoding import read_any_bytes
from epolltop.ui.terminal.driver import leaves_by
from epolltop.ui.terminal.private_names import LOST, NAMES, PrivateName, as_known, changed
from tests.support.fake_source import Task, batch_of

from .app_on_screen import on_screen

ROOMS = Path(epolltop.ui.__path__[0])
TERMINAL = ROOMS / "terminal"
MODULES = sorted(path for path in ROOMS.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.user}:{name.where.rpartition('.')[2]}")
def test_textual_has_it_as_we_know_it(name: PrivateName) -> None:
    how = changed(name)
    assert not how, (
        f"{name.where} {how} in Textual {textual.__version__}. The screen works, but: {LOST[name.user]}"
        f" epolltop/ui/terminal/{name.user}.py must follow, then epolltop/ui/terminal/private_names.py."
    )


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (PrivateName("none", "textual.app:App._gone_with_a_release", ("self",)), "is gone"),
        (PrivateName("none", "textual._gone_with_a_release:App"), "is gone"),
        (PrivateName("none", "textual.app:App.exit", ("self",)), "takes ('self', 'result', "),
        (PrivateName("none", "textual.app:App.exit", mentions="_gone"), "does without _gone"),
        (PrivateName("none", "textual.app:App.exit", mentions="_exit"), ""),
    ],
)
def test_a_change_is_told(name: PrivateName, how: str) -> None:
    assert changed(name).startswith(how)
    assert bool(changed(name)) == bool(how)


def test_every_module_says_what_is_lost_and_asks_before() -> None:
    assert {name.user for name in NAMES} == set(LOST)
    texts = [path.read_text(encoding="utf-8") for path in TERMINAL.glob("*.py")]
    for user in LOST:
        assert (TERMINAL / f"{user}.py").is_file()
        assert any(f'as_known("{user}")' in text for text in texts), user


# Without them.


@pytest.fixture(params=sorted(LOST), name="user")
def _changed_by_a_release(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    user: str = request.param
    gone = PrivateName(user, "textual.app:App._gone_with_a_release")
    with monkeypatch.context() as patched:
        patched.setattr(private_names, "NAMES", (*NAMES, gone))
        as_known.cache_clear()
        yield user
    as_known.cache_clear()


async def test_the_screen_works_as_textuals_own_then(user: str) -> None:
    assert not as_known(user)
    async with on_screen(batch_of(*(Task(number, open=number) for number in range(40, 90)))) as screen:
        await screen.press("down")
        assert screen.marked() == "88"
        await screen.press("r")
        assert screen.rows()[0] == "40"


@pytest.fixture(scope="module")
def leaving() -> Leaving:
    """As in a process, of which there is one way out."""
    return Leaving()


def test_textuals_own_reads_keys_then(user: str, leaving: Leaving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux_driver, "getincrementaldecoder", codecs.getincrementaldecoder)
    read_any_bytes()
    is_own = vars(linux_driver)["getincrementaldecoder"] is codecs.getincrementaldecoder
    assert is_own == (user == "decoding")
    driver: type[Driver] | None = leaves_by(leaving)
    assert (driver is None) == (user == "driver")


# Where they are.


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent != TERMINAL], ids=lambda path: path.stem)
def test_no_private_name_of_textual_stands_outside_the_terminals_room(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual"):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            assert not any(map(is_private, names)), f"imports {names}"
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            assert isinstance(node.value, ast.Name), f"{ast.unparse(node)} is another's"
            assert node.value.id in ("self", "cls"), f"{ast.unparse(node)} is another's"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_private_name_of_ours_that_textual_has_too_is_listed(path: Path) -> None:
    """A name that we only mean for ourselves might one day be one of a class of Textual's that it derives from."""
    listed = {name.where.rpartition(".")[2] for name in NAMES if name.user == path.stem}
    listed |= {name.mentions for name in NAMES if name.user == path.stem} | ALSO.get(path.stem, set())
    module = importlib.import_module(".".join(("epolltop.ui", *path.relative_to(ROOMS).with_suffix("").parts)))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name in vars(module):
            shared = private_names_of(node) & names_of_textual(vars(module)[node.name])
            assert not shared - listed, f"{node.name} shares {shared - listed} with a class of Textual's"


ALSO = {"terminal_app": {"_display"}}
"""Names that are listed with the module that they are there for."""


def is_private(name: str) -> bool:
    return bool(re.match("_[^_]", name))


def private_names_of(node: ast.ClassDef) -> set[str]:
    names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    names |= {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return set(filter(is_private, names))


def names_of_textual(cls: type) -> set[str]:
    bases = [base for base in cls.__mro__ if base.__module__.startswith("textual.")]
    set_by_itself = {name for base in bases for name in re.findall(r"\bself\.(_\w+)", inspect.getsource(base))}
    return set_by_itself.union(*map(vars, bases))
