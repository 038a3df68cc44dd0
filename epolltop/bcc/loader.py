"""Finds the distribution's BCC, whatever Python runs us, and says exactly what is wrong with it.

BCC's Python module is pure ctypes over libbcc.so.0 of the same version, so a copy that belongs to another interpreter
works; a copy that belongs to another libbcc does not.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from epolltop.errors import SourceUnavailable

PLACES = (
    "/usr/lib/python3/dist-packages",  # Debian, Ubuntu
    "/usr/lib/python3.*/site-packages",  # Arch, Alpine, openSUSE
    "/usr/lib64/python3.*/site-packages",  # Fedora
)


def load_bcc(places: Sequence[str] = PLACES) -> Any:
    """Loads the module `bcc` from where distributions install it, or else imports it by its name.

    By its name alone it might be anybody's.

    Returns:
        The module; untyped, because BCC ships no types and its attributes differ between versions.

    Raises:
        SourceUnavailable: absent, the unrelated package of that name, libbcc missing, or versions mixed.
    """
    # BCC 0.26 has escapes that Python 3.12 warns about, on the user's screen. The module of a compiler's warning is
    # the path of the file.
    warnings.filterwarnings("ignore", module=".*/bcc/")
    if "bcc" in sys.modules and hasattr(sys.modules["bcc"], "BPF"):
        return sys.modules["bcc"]
    for directory in (path for place in places for path in sorted(glob.glob(place), reverse=True)):
        if os.path.exists(os.path.join(directory, "bcc", "__init__.py")):
            return _load_from(directory)
    try:
        return _import_installed()
    except _UnrelatedPackage as error:
        other = error.path
    except ImportError:
        other = None
    if other:
        raise SourceUnavailable("bcc", {"state": "unrelated", "path": other, "distribution": distribution()})
    raise SourceUnavailable("bcc", {"state": "missing", "distribution": distribution()})


def distribution(os_release: str = "/etc/os-release") -> str:
    """The id of this distribution, and after a space those that it is like; empty if not known."""
    try:
        with open(os_release, encoding="utf-8") as file:
            lines = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    except (OSError, UnicodeDecodeError):
        lines = {}
    return f"{lines.get('ID', '')} {lines.get('ID_LIKE', '')}".replace('"', "").strip()


class _UnrelatedPackage(Exception):
    def __init__(self, path: str) -> None:
        self.path = path


def _import_installed() -> ModuleType:
    with _explained():
        module = importlib.import_module("bcc")
    if hasattr(module, "BPF"):
        return module
    for name in [name for name in sys.modules if name == "bcc" or name.startswith("bcc.")]:
        del sys.modules[name]
    raise _UnrelatedPackage(str(getattr(module, "__file__", None) or list(module.__path__)))


def _load_from(directory: str) -> ModuleType:
    package = os.path.join(directory, "bcc")
    spec = importlib.util.spec_from_file_location(
        "bcc", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bcc"] = module
    try:
        with _explained():
            spec.loader.exec_module(module)
    except BaseException:
        for name in [name for name in sys.modules if name == "bcc" or name.startswith("bcc.")]:
            del sys.modules[name]
        raise
    return module


class _explained:
    """Turns ctypes' errors about a bad libbcc into refusals."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _refusal("no_library", error) from None
        if isinstance(error, AttributeError):
            raise _refusal("mixed", error) from None


def _refusal(state: str, error: BaseException) -> SourceUnavailable:
    return SourceUnavailable("bcc", {"state": state, "said": str(error), "distribution": distribution()})
