"""Signs that mean something in other tools and not here: a message gives the right form."""

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
    "in": "write a choice as {0}=A or {0}=B",
    "between": "write a range as {0}>=A {0}<=B",
    "startswith": "write {0}=A*",
    "endswith": "write {0}=*A",
}
_JOINING = {
    "xor": "write (A !B) or (B !A)",
    "where": "leave out 'where'",
    "nor": "write !A !B",
    "but": "write and",
    "unless": "write !A",
}
_UNKNOWN = ("null", "nil", "none", "undefined", "nan", "n/a")
_QUOTES = "`\u2018\u2019\u201c\u201d\xab\xbb\u201e"


def about_word(word: str) -> str | None:
    """What is wrong with a word that stands alone, without quotes; None if nothing is."""
    if set(word) <= {"*"}:
        return None
    if all(char in string.punctuation for char in word):
        return f"{word!r} is not a word; put text that contains it in quotes"
    if word[0] in "-+":
        return f"write !{word[1:]} to leave it out; put text that begins with {word[0]!r} in quotes"
    if word[0] == "^" or word[-1] == "$":
        return "a regular expression needs a field, as in command~^/usr; put text with this sign in quotes"
    return _about_text(word)


def about_value(value: str) -> str | None:
    """What is wrong with text that is compared, without quotes; None if nothing is."""
    if value.lower() in _UNKNOWN:
        return f"write ? for an unknown value; put the text {value!r} in quotes"
    if value.lower() in ("true", "false"):
        return f"write yes or no; put the text {value!r} in quotes"
    if value[0] == "%" or value[-1] == "%":
        return "* stands for any text; put text with a per cent sign at its end in quotes"
    return about_operand(value) or _about_text(value)


def about_operand(operand: str) -> str | None:
    """What is wrong with what follows an operator, a regular expression too, without quotes; None if nothing is."""
    if operand[0] in "=<>~!:":
        return f"there is no such operator; put text that begins with {operand[0]!r} in quotes"
    return _between_slashes(operand)


def about_neighbours(before: str, word: str, fields: frozenset[str]) -> str | None:
    """What is wrong with a word after another one; None if nothing is.

    Args:
        before: the word before, in lower case; empty if it is none.
        word: in lower case.
        fields: all names of fields.
    """
    if (before or word == "where") and word in _JOINING:
        return f"{_JOINING[word]}; put the word {word!r} in quotes"
    if before not in fields:
        return None
    if word in _SPELT:
        return f"write {_SPELT[word]} for {word!r}, as in {before}{_SPELT[word]}...; put words in quotes"
    return _OTHERWISE[word].format(before) + "; put words in quotes" if word in _OTHERWISE else None


def _about_text(text: str) -> str | None:
    if text[0] in _QUOTES:
        return "quotes are \" and '"
    for sign in (",", ";"):
        if sign in text:
            return f"write a choice as A or B; put text with {sign!r} in quotes"
    if ".*" in text or ".+" in text:
        return "a regular expression needs a field and ~, as in command~a.*b; put text with these signs in quotes"
    return _between_slashes(text)


def _between_slashes(text: str) -> str | None:
    """A path has more of them."""
    if len(text) > 2 and text[0] == "/" and text.count("/") == 2 and len(text) - text.rindex("/") <= 3:
        inner, flags = text[1:].rsplit("/", 1)
        if inner and flags.isalpha() + (not flags):
            return "write a regular expression without /, as in command~^a; put text between slashes in quotes"
    return None
