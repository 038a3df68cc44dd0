"""The filter language: text to a predicate over rows, the same on the command line, on screen and in replay.

    nginx                      PID, USER, NAME or COMMAND contains it, in whatever case
    nginx worker               both words
    ngin*er                    * is any text, ? any character
    "worker process"           words with blanks, operators or commas in quotes, ' or "
    user:www  user=www-data    text contains, text is; != is not, !: contains not
    name~^ng  name!~^ng        matches a regular expression, does not
    open>10  new/s>=1k  age<5m numbers, with k, M, G for counts and ms, s, m, h, d for times
    created>freed              a number and another one of the same unit
    watches=?  watches!=?      what is not known, what is
    !nginx  not nginx          negation
    a or b and (c or d)        and binds tighter than or, and may be left out; also && and ||, & and |

An unknown value matches only a comparison with ?, so a negated comparison matches it. A lower bound matches > and >=.
foreign_operators.py refuses operators of other tools that have no meaning here.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query import foreign_operators
from epolltop.query.field import Field, UnknownField, Value, as_text, lookup
from epolltop.query.grammar import tree_of
from epolltop.query.member import Row
from epolltop.query.mistake import FilterError
from epolltop.query.pattern import APART, Matches, expression, glob, remembered
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.quantity import number

if TYPE_CHECKING:
    from lark import Token, Tree

Predicate: TypeAlias = Callable[[Row, Snapshot], bool]
_Get: TypeAlias = Callable[[Any, Snapshot], Value]

MAX_LENGTH = 4000
"""Characters of a filter: one of a cell (filter_of_cell.MAX_QUOTED), and more that is typed."""
MAX_TERMS = 100
"""Words and comparisons of a filter. Each is tested on each row: 10,000 rows take some milliseconds."""
MAX_PATTERNS = 10
"""Regular expressions of a filter, and words with *: each takes memory, see pattern.MAX_MEMORY."""
MAX_DEPTH = 30
"""Levels of not, and, or within each other: predicates call each other that deep."""

WORD_FIELDS = ("pid", "user", "name", "command")
"""The fields that a bare word searches, if the rows have them."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "!:": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def everything(_row: object, _snapshot: Snapshot) -> bool:
    """The predicate of an empty filter."""
    return True


def parse(text: str) -> Predicate[ProcessRow]:
    """The predicate over processes for the text; FilterError if it is not a filter."""
    return parse_over(PROCESS_FIELDS, text)


def parse_over(fields: Sequence[Field[Row]], text: str) -> Predicate[Row]:
    """The predicate over rows with these fields for the text; FilterError if it is not a filter."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters", MAX_LENGTH)
    if not text.strip():
        return everything
    return _Reading(fields).predicate(tree_of(text))


def has_alternatives(text: str) -> bool:
    """Whether a filter is a choice (or), which needs parentheses before another part; FilterError if not a filter."""
    top = tree_of(text).children[0] if text.strip() else ""
    return not isinstance(top, str) and top.data == "any"


class _Reading(Generic[Row]):
    """The state that words and comparisons of one filter share."""

    def __init__(self, fields: Sequence[Field[Row]]) -> None:
        self._fields = fields
        self._names = frozenset(name for field in fields for name in field.names)
        # 10,000 rows of four values: a call less for each is felt
        self._words: list[Callable[[Any, Snapshot], Any]] = [
            field.value if field.observed else field.get for field in fields if field.id in WORD_FIELDS
        ]
        self._folded: tuple[object, str] = (None, "")  # of the last row
        self._terms = self._patterns = 0

    def predicate(self, node: Tree[Token], depth: int = 0) -> Predicate[Row]:
        """The predicate for a part of the tree."""
        if depth > MAX_DEPTH:
            raise FilterError(f"more than {MAX_DEPTH} levels of not, and, or", node.meta.start_pos)
        tokens = [child for child in node.children if isinstance(child, str)]
        if tokens:
            self._terms += 1
            if self._terms > MAX_TERMS:
                raise FilterError(f"a filter has at most {MAX_TERMS} words and comparisons", _position(tokens[0]))
        if node.data == "all":
            self._check_neighbours(node)
        parts = [self.predicate(child, depth + 1) for child in node.children if not isinstance(child, str)]
        match node.data, tokens, parts:
            case "comparison", [name, operation, operand], _:
                return self._comparison(name, operation, operand)
            case "word", [token], _:
                return self._word(token)
            case "negation", _, [part]:
                return lambda row, snapshot: not part(row, snapshot)
            case "start", _, [part]:
                return part
            case _:
                return _combined(parts, decisive=node.data == "any")

    def _check_neighbours(self, node: Tree[Token]) -> None:
        before = ""
        for child in node.children:
            word = _bare(child)
            if word is not None:
                wrong = foreign_operators.about_neighbours(before, word.lower(), self._names)
                if wrong:
                    raise FilterError(wrong, _position(word))
            before = word.lower() if word is not None else " "

    def _word(self, token: Token) -> Predicate[Row]:
        needle = _unquoted(token).casefold()
        matches = self._finder(token, foreign_operators.about_word) or (lambda text: needle in text)

        def any_matches(row: Row, snapshot: Snapshot) -> bool:
            last, folded = self._folded
            if last is not row:  # once for all words
                texts = []
                for get in self._words:
                    value = get(row, snapshot)
                    if value is not None:
                        texts.append(value if isinstance(value, str) else as_text(value))
                folded = APART.join(texts).casefold()
                self._folded = row, folded
            return matches(folded)

        return any_matches

    def _finder(self, token: Token, complaint: Callable[[str], str | None], *, whole: bool = False) -> Matches | None:
        """For text without quotes: a pattern if it has * or ?; FilterError if it looks like something else."""
        if token.type == "STRING":
            return None
        wrong = complaint(str(token))
        if wrong:
            raise FilterError(wrong, _position(token))
        if set(token).isdisjoint("*?"):
            return None
        self._count_pattern(token)
        return glob(str(token).casefold(), _position(token), whole=whole)

    def _count_pattern(self, token: Token) -> None:
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            raise FilterError(f"a filter has at most {MAX_PATTERNS} patterns", _position(token))

    def _comparison(self, name: Token, operation: Token, operand: Token) -> Predicate[Row]:
        try:
            field = lookup(self._fields, str(name))
        except UnknownField as error:
            hint = "" if error.suggestions else f"; put text that contains {str(operation)!r} in quotes"
            raise FilterError(f"{error}{hint}", _position(name)) from None
        sign = foreign_operators.SAME.get(operation, str(operation))
        if sign in (":", "=", "!=", "!:") and operand.type == "VALUE" and operand == "?":
            return _unknown(field.value, is_so="!" not in sign)
        get = field.least if field.least and sign in (">", ">=") else field.value
        if field.unit == "text":
            test = self._text_test(field, sign, operation, operand)
            if field.finds is not None:
                found = field.finds(_unquoted(operand) if ":" in sign else "", test)
                return _found(found, opposite="!" in sign)
            return _tested(get, test, opposite="!" in sign)
        compare = _COMPARE.get(sign)
        if compare is None:
            raise FilterError(f"{field.id} is a number: it goes with : = != < <= > or >=", _position(operation))
        other = self._field_named(field, operand)
        if other is not None:
            return _compared(get, compare, other.value)
        wanted = number(field, _unquoted(operand), _position(operand))
        return lambda row, snapshot: (value := get(row, snapshot)) is not None and compare(float(value), wanted)

    def _field_named(self, field: Field[Row], operand: Token) -> Field[Row] | None:
        """The field to compare a number with, if the value names one."""
        if operand.type == "STRING" or str(operand).lower() not in self._names:
            return None
        other = lookup(self._fields, str(operand))
        if other.unit != field.unit:
            differ = f"{field.id} is {_WHAT[field.unit]}, {other.id} is {_WHAT[other.unit]}"
            raise FilterError(f"these do not compare: {differ}", _position(operand))
        return other

    def _text_test(self, field: Field[Row], sign: str, operation: Token, operand: Token) -> Matches:
        """Whether text contains, is or matches the operand, whatever the sign says about the opposite."""
        text = _unquoted(operand)
        wanted = text.casefold()
        match sign.removeprefix("!"):
            case "~":
                wrong = foreign_operators.about_operand(text) if operand.type == "REGEX" else None
                if wrong:
                    raise FilterError(wrong, _position(operand))
                self._count_pattern(operand)
                return remembered(expression(text, _position(operand) + (operand.type == "STRING")))
            case ":":
                finds = self._finder(operand, foreign_operators.about_value)
                return finds or (lambda value: wanted in value.casefold())
            case "=":
                finds = self._finder(operand, foreign_operators.about_value, whole=True)
                return finds or (lambda value: wanted == value.casefold())
        raise FilterError(f"{field.id} is text: it goes with : = != or ~", _position(operation))


_WHAT = {
    "id": "a number that names something",
    "count": "a number of things",
    "per_s": "a rate per second",
    "per_min": "a rate per minute",
    "per_h": "a rate per hour",
    "seconds": "a time",
    "share": "a share",
    "text": "text",
}


def _combined(parts: Sequence[Predicate[Row]], decisive: bool) -> Predicate[Row]:
    """Any of the parts if True decides, all of them if False does."""

    def matches(row: Row, snapshot: Snapshot) -> bool:
        for part in parts:  # here and elsewhere: any() over a generator takes half as long again, for each row
            if part(row, snapshot) is decisive:
                return decisive
        return not decisive

    return matches


def _unknown(get: _Get, *, is_so: bool) -> Predicate[Any]:
    return lambda row, snapshot: (get(row, snapshot) is None) is is_so


def _tested(get: _Get, test: Matches, *, opposite: bool) -> Predicate[Any]:
    def matches(row: Any, snapshot: Snapshot) -> bool:
        value = get(row, snapshot)
        return value is not None and test(as_text(value)) is not opposite

    return matches


def _found(found: Callable[[Any, Snapshot], bool | None], *, opposite: bool) -> Predicate[Any]:
    def matches(row: Any, snapshot: Snapshot) -> bool:
        is_so = found(row, snapshot)
        return is_so is not None and is_so is not opposite

    return matches


def _compared(get: _Get, compare: Callable[[Any, Any], bool], get_other: _Get) -> Predicate[Any]:
    def matches(row: Any, snapshot: Snapshot) -> bool:
        value, other = get(row, snapshot), get_other(row, snapshot)
        return value is not None and other is not None and compare(value, other)

    return matches


def _bare(node: Tree[Token] | Token) -> Token | None:
    """The word that a part of the tree is, if it is one without quotes; also of a negated one."""
    while not isinstance(node, str) and node.data == "negation":
        node = node.children[-1]
    if isinstance(node, str) or node.data != "word":
        return None
    token = node.children[0]
    return token if isinstance(token, str) and token.type == "WORD" else None


def _unquoted(token: Token) -> str:
    return re.sub(r"""\\(["'\\])""", r"\1", token[1:-1]) if token.type == "STRING" else str(token)


def _position(token: Token) -> int:
    return token.start_pos or 0
