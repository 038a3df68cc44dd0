"""Signs that mean something in other tools and not here: the right form is said, where a search would find nothing."""

from __future__ import annotations

import string

SAME = {
    "==": "=",
    "===": "=",
    "!==": "!=",
    "<>": "!=",
    "=~": "~",
    "=>": ">=",
    "=<": "<=",
}
"""Operators that are taken as others."""

_SPELT = {
    "eq": "=",
    "is": "=",
    "equals": "=",
    "ne": "!=",
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "contains": ":",
    "includes": ":",
    "has": ":",
    "like": ":",
    "ilike": ":",
    "matches": "~",
    "match": "~",
    "regex": "~",
    "regexp": "~",
    "rlike": "~",
}
_OTHERWISE = {
    "in": "a choice is written {0}=A or {0}=B",
    "between": "a range is written {0}>=A {0}<=B",
    "startswith": "that is written {0}=A*",
    "endswith": "that is written {0}=*A",
}
_JOINING = {
    "xor": "one of two is written (A !B) or (B !A)",
    "where": "what is to be shown is written alone, without 'where'",
    "nor": "neither of two is written !A !B",
    "but": "but is written and",
    "unless": "that is written !A",
}
_UNKNOWN = ("null", "nil", "none", "undefined", "nan", "n/a")
_QUOTES = "`\u2018\u2019\u201c\u201d\xab\xbb\u201e"


def about_word(word: str) -> str | None:
    """What is wrong with a word that stands alone, without quotes; None if nothing is."""
    if set(word) <= {"*"}:
        return None
    if all(char in string.punctuation for char in word):
        return f"{word!r} is no word: text that contains it goes in quotes"
    if word[0] in "-+":
        return f"what is not wanted is written !{word[1:]}; text that begins with {word[0]!r} goes in quotes"
    if word[0] == "^" or word[-1] == "$":
        return "a regular expression goes with a field, as in command~^/usr; text with this sign goes in quotes"
    return _about_text(word)


def about_value(value: str) -> str | None:
    """What is wrong with text that is compared, without quotes; None if nothing is."""
    if value.lower() in _UNKNOWN:
        return f"what is not known is written ?, as it is shown; the text {value!r} goes in quotes"
    if value.lower() in ("true", "false"):
        return f"yes and no are written so; the text {value!r} goes in quotes"
    if value[0] == "%" or value[-1] == "%":
        return "* stands for any text; text with a per cent sign at its end goes in quotes"
    return about_operand(value) or _about_text(value)


def about_operand(operand: str) -> str | None:
    """What is wrong with what follows an operator, a regular expression too, without quotes; None if nothing is."""
    if operand[0] in "=<>~!:":
        return f"there is no such operator; text that begins with {operand[0]!r} goes in quotes"
    return _between_slashes(operand)


def about_neighbours(before: str, word: str, fields: frozenset[str]) -> str | None:
    """What is wrong with a word after another one; None if nothing is.

    Args:
        before: the word before, in lower case; empty if it is none.
        word: in lower case.
        fields: all names of fields.
    """
    if (before or word == "where") and word in _JOINING:
        return f"{_JOINING[word]}; the word {word!r} goes in quotes"
    if before not in fields:
        return None
    if word in _SPELT:
        return f"{word!r} is written {_SPELT[word]}, as in {before}{_SPELT[word]}...; words go in quotes"
    return _OTHERWISE[word].format(before) + "; words go in quotes" if word in _OTHERWISE else None


def _about_text(text: str) -> str | None:
    if text[0] in _QUOTES:
        return "quotes are \" and '"
    for sign in (",", ";"):
        if sign in text:
            return f"a choice is written A or B; text with {sign!r} goes in quotes"
    if ".*" in text or ".+" in text:
        return "a regular expression goes with a field and ~, as in command~a.*b; text with these signs goes in quotes"
    return _between_slashes(text)


def _between_slashes(text: str) -> str | None:
    """A path has more of them."""
    if len(text) > 2 and text[0] == "/" and text.count("/") == 2 and len(text) - text.rindex("/") <= 3:
        inner, flags = text[1:].rsplit("/", 1)
        if inner and flags.isalpha() + (not flags):
            return "a regular expression is written without /, as in command~^a; text between slashes goes in quotes"
    return None
