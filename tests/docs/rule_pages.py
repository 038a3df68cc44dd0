"""What docs/findings.md says of each rule, from its declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from epolltop.findings.families import FAMILIES, THRESHOLDS
from epolltop.findings.rule import AnyFamily, Condition, Rule, Threshold
from epolltop.model.finding import Severity

_UNITS = {"us": "us", "ms": "ms", "percent": "%"}


def rules() -> Iterator[str]:
    """All rules in one table."""
    yield from ("| id | severity | about | what is seen |", "| --- | --- | --- | --- |")
    for family in FAMILIES:
        for id, alike in _by_id(family).items():
            severities = {rule.severity for rule in alike}
            if any(_graver(family, rule) for rule in alike):
                severities.add(Severity.CRITICAL)
            severity = " or ".join(each.word for each in sorted(severities))
            yield f"| [`{id}`](#{id}) | {severity} | {family.of} | {_cell(alike[0].sentence)} |"


def thresholds() -> Iterator[str]:
    """All thresholds in one table."""
    yield from ("| threshold | default | why |", "| --- | ---: | --- |")
    for threshold in THRESHOLDS.values():
        yield f"| `{threshold.name}` | {_number(threshold)} | {_cell(threshold.help)} |"


def pages_of_rules() -> Iterator[str]:
    """A section for each rule. The first line is the marker of the place."""
    yield "| |"
    for family in FAMILIES:
        for alike in _by_id(family).values():
            yield from _page(family, alike)


def _by_id(family: AnyFamily) -> dict[str, list[Rule[Any]]]:
    """Rules with the same words."""
    found: dict[str, list[Rule[Any]]] = {}
    for rule in family.rules:
        found.setdefault(rule.id, []).append(rule)
    return found


def _page(family: AnyFamily, alike: list[Rule[Any]]) -> Iterator[str]:
    first = alike[0]
    yield from ("", f"## {first.id}", "", f"{_sentence(first.sentence)} {_plain(first.means)}")
    for rule in alike:
        lasts = f"for {rule.lasts_s:g} s of the last ten" if rule.lasts_s else "at once"
        severity = f"; {rule.severity.word}" if len(alike) > 1 else ""
        yield from ("", f"**{'Rule' if rule is first else 'Or'}** ({family.of}), {lasts}{severity}:", "")
        for condition in (*family.gate, *rule.conditions):
            yield f"- {_compared(condition)}"
        for condition in rule.graver:
            yield f"- critical, if also {_compared(condition)}"
    compared = {each.value.name for rule in alike for each in (*family.gate, *rule.conditions, *rule.graver)}
    told = {each.name: each for rule in alike for each in rule.evidence if each.name not in compared}
    if told:
        yield from (
            "",
            "Told beside that: " + "; ".join(f"`{name}`, {_lower(each.help)}" for name, each in told.items()) + ".",
        )
    yield from ("", f"**Looks alike, and is healthy.** {first.healthy}", "", f"**Cause.** {_plain(first.cause)}", "")
    yield f"**Fix.** {_plain(first.fix)}"
    for runtime, what in first.fixes:
        yield from ("", f"- {runtime}: {what}")
    yield from ("", f"**Make sure.** {first.confirm}")
    if any(rule.certain is not True for rule in alike):
        yield from ("", "**How sure.** Not always certain: the evidence may have another explanation (`certain`).")
    if first.reports:
        yield from ("", f"**Reports.** {', '.join(first.reports)}.")


def _graver(family: AnyFamily, rule: Rule[Any]) -> bool:
    return bool(rule.graver) or any(condition.critical for condition in (*family.gate, *rule.conditions))


def _compared(condition: Condition[Any]) -> str:
    what = f"`{condition.value.name}`: {_lower(condition.value.help)}"
    if condition.threshold is None:
        return what
    sign = "at least" if condition.at_least else "at most"
    told = f"{what}, {sign} {_number(condition.threshold)} (`{condition.threshold.name}`)"
    if condition.critical:
        told += f"; critical: {_number(condition.critical)} (`{condition.critical.name}`)"
    return told


def _number(threshold: Threshold) -> str:
    unit = _UNITS.get(threshold.name.rpartition("_")[2], "")
    return f"{threshold.default:,g}{'' if unit == '%' else ' ' * bool(unit)}{unit}"


def _sentence(template: str) -> str:
    plain = _plain(template)
    return f"{plain[0].upper()}{plain[1:]}."


def _plain(template: str) -> str:
    """Evidence by name."""
    return re.sub(r"\{(\w+)\}", r"`\1`", template)


def _lower(text: str) -> str:
    text = text.rstrip(".")
    return text if text[:2].isupper() else text[0].lower() + text[1:]


def _cell(text: str) -> str:
    return re.sub(r"[|<>*]", r"\\\g<0>", _plain(text))
