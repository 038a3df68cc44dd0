"""What text comparisons ask of the watches of a row: one of them must pass.

watch:tcp:8080      one is a TCP socket with that port, at either end; so with udp
watch:unix:/run/x   one is of that kind, and its name contains the text
watch:fd=7          one was added under that descriptor
watch:text          kind and name of one contain the text; likewise with = and ~
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from epolltop.model.watch import InterestList, TargetKind, Watch

_Test: TypeAlias = Callable[[str], bool]
Found: TypeAlias = Callable[[Any, Any], bool | None]
"""Of a row and a snapshot: None if it is not known, because not all watches are."""

WATCH_FORMS = "watch:tcp:8080, watch:unix:/run/x and watch:fd=7 find one by its port, its kind and name, or its number."
"""For the help of a field."""
_FD = re.compile(r"fd=(\d{1,10})")
_KIND = re.compile(rf"({'|'.join(kind.word for kind in TargetKind)}):([^*?]+)")
_WITH_PORTS = (TargetKind.TCP, TargetKind.UDP)


def watch_finder(lists_of: Callable[[Any], Iterable[InterestList | None]]) -> Callable[[str, _Test], Found]:
    """Makes the test of a comparison with an operand, which also says what it asks of any text.

    Args:
        lists_of: the interest lists of a row; None: it was not read.
    """

    def finds(operand: str, test: _Test) -> Found:
        passes = _own_form(operand.casefold()) or (lambda watch: test(watch.target.title))

        def found(row: Any, _snapshot: Any) -> bool | None:
            are_whole = True
            for each in lists_of(row):
                if each is not None and any(map(passes, each.watches)):
                    return True
                are_whole = are_whole and each is not None and each.is_whole
            return False if are_whole else None

        return found

    return finds


def _own_form(operand: str) -> Callable[[Watch], bool] | None:
    if descriptor := _FD.fullmatch(operand):
        fd = int(descriptor[1])
        return lambda watch: watch.fd == fd
    if of_kind := _KIND.fullmatch(operand):
        kind, name = TargetKind[of_kind[1].upper()], of_kind[2]
        if kind in _WITH_PORTS and name.isdecimal():
            return lambda watch: watch.target.kind is kind and name in _ports(watch)
        return lambda watch: watch.target.kind is kind and name in watch.target.text.casefold()
    return None


def _ports(watch: Watch) -> set[str]:
    """Of both ends."""
    return {end.rpartition(":")[2] for end in watch.target.text.split()}
