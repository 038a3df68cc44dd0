"""What we use of Textual that it does not promise. Where a release changed it, this says which module must follow.

Otherwise the screen would fail in ways that do not tell why, or would only work less well.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
import textual

import epolltop.ui

CALLABLES = [
    ("driver", "textual.drivers.linux_driver:LinuxDriver._get_terminal_size", ("self",)),
    ("driver", "textual.drivers.linux_driver:LinuxDriver.process_message", ("self", "message")),
    ("driver", "textual.drivers.linux_driver:LinuxDriver.run_input_thread", ("self",)),
    ("lineview", "textual.app:App._start_widget", ("self", "parent", "widget")),
    ("picker", "textual.widgets:OptionList._on_click", ("self", "event")),
    ("spans", "textual._compositor:ChopsUpdate", ("chops", "spans", "chop_ends")),
    ("spans", "textual._compositor:ChopsUpdate.render_segments", ("self", "console")),
    ("terminal_app", "textual.app:App._close_messages_no_wait", ("self",)),
    ("terminal_app", "textual.app:App._display", ("self", "screen", "renderable")),
    ("terminal_app", "textual.app:App._fatal_error", ("self",)),
    ("terminal_app", "textual.app:App._handle_exception", ("self", "error")),
]
"""Module of ours, what it calls or replaces by its own, the parameters."""
MENTIONED = [
    ("driver", "textual.drivers.linux_driver:LinuxDriver._run_input_thread", "run_input_thread"),
    ("keyboard", "textual.drivers.linux_driver:LinuxDriver.run_input_thread", "getincrementaldecoder"),
    ("lineview", "textual.widget:Widget.vertical_scrollbar.fget", "_vertical_scrollbar"),
    ("run", "textual.drivers.linux_driver:LinuxDriver.__init__", "__stderr__"),
    ("stops", "textual.drivers.linux_driver:LinuxDriver.__init__", "SIGCONT"),
    ("stops", "textual.drivers.linux_driver:LinuxDriver.__init__", "SIGTSTP"),
    ("terminal_app", "textual.app:App._handle_exception", "_fatal_error"),
    ("terminal_app", "textual.app:App.exit", "_exit"),
    ("terminal_app", "textual.app:App.exit", "_return_code"),
]
"""Module of ours, a function of Textual's, and a name in it: by that name the two meet."""


def found(module: str, where: str) -> Any:
    try:
        return pkgutil.resolve_name(where)
    except (AttributeError, ImportError):
        pytest.fail(must_follow(module, where, "gone"))


def must_follow(module: str, where: str, how: str) -> str:
    return f"epolltop/ui/{module}.py must follow Textual {textual.__version__}: {where} is {how}"


@pytest.mark.parametrize(("module", "where", "parameters"), CALLABLES)
def test_what_we_call_or_replace_is_there(module: str, where: str, parameters: tuple[str, ...]) -> None:
    now = tuple(inspect.signature(found(module, where)).parameters)
    assert now == parameters, must_follow(module, where, f"called with {now}")


@pytest.mark.parametrize(("module", "where", "name"), MENTIONED)
def test_what_we_set_is_still_looked_up(module: str, where: str, name: str) -> None:
    names = found(module, where).__code__.co_names
    assert name in names, must_follow(module, where, f"without {name}")


def test_every_private_name_of_ours_that_textual_has_too_is_listed() -> None:
    """A name that we only mean for ourselves might one day be one of a class of Textual's that it derives from."""
    listed = {(module, where.rpartition(".")[2]) for module, where, _ in CALLABLES}
    listed |= {(module, name) for module, _, name in MENTIONED}
    for path in Path(epolltop.ui.__path__[0]).glob("*.py"):
        module = importlib.import_module(f"epolltop.ui.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name in vars(module):
                shared = private_names(node) & names_of_textual(vars(module)[node.name])
                unlisted = {name for name in shared if (path.stem, name) not in listed}
                assert not unlisted, must_follow(path.stem, f"a base of {node.name}", f"one that has {unlisted}, too")


def private_names(node: ast.ClassDef) -> set[str]:
    names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    names |= {each.name for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in names if re.match("_[^_]", name)}


def names_of_textual(cls: type) -> set[str]:
    bases = [base for base in cls.__mro__ if base.__module__.startswith("textual.")]
    set_by_itself = {name for base in bases for name in re.findall(r"\bself\.(_\w+)", inspect.getsource(base))}
    return set_by_itself.union(*map(vars, bases))
