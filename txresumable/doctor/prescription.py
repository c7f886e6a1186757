"""
What was found, written down: for people, and as options to paste.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable

from .diagnosis import Diagnosis, Finding

__all__ = ["FORMATS", "prescription"]

_WIDTH = 100
_INDENT = 12


def prescription(diagnosis: Diagnosis, format: str = "text") -> str:
    """
    Write down what was found.

    :param diagnosis: what was found.
    :param format: one of :data:`FORMATS`: ``text`` for people; ``toml`` or ``python``, the options
        only, with what was found as comments; or ``json``, all of it.
    :returns: lines, without the last line's end.
    """
    return FORMATS[format](diagnosis)


def _as_text(diagnosis: Diagnosis) -> str:
    lines = []
    for finding in diagnosis.findings:
        value = "cannot be seen from here" if finding.value is None else finding.value
        lines += [f"{finding.name + ':':<{_INDENT}} {value}", *_wrapped(finding.how, " " * 13)]
    lines.append("")
    if not diagnosis.is_receiver:
        lines.append(f"{diagnosis.target} is no receiver, as far as can be seen.")
        return "\n".join([*lines, *_left(diagnosis, "")])
    lines += ["Options:", "", textwrap.indent(_call(diagnosis), "    ")]
    return "\n".join([*lines, *_left(diagnosis, "")])


def _as_python(diagnosis: Diagnosis) -> str:
    call = [_call(diagnosis)] if diagnosis.is_receiver else []
    return "\n".join([*_comments(diagnosis), *call, *_left(diagnosis, "# ")])


def _as_toml(diagnosis: Diagnosis) -> str:
    # What options have here, text, numbers, booleans and lists of numbers, TOML writes as JSON.
    options = [f"{name} = {json.dumps(value)}" for name, value in diagnosis.options.items()]
    return "\n".join([*_comments(diagnosis), *options, *_left(diagnosis, "# ")])


def _as_json(diagnosis: Diagnosis) -> str:
    findings = [
        {"name": each.name, "value": each.value, "how": each.how, "options": dict(each.options)}
        for each in diagnosis.findings
    ]
    content = {
        "target": diagnosis.target,
        "receiver": diagnosis.is_receiver,
        "options": diagnosis.options,
        "given": diagnosis.given,
        "findings": findings,
        "left": diagnosis.left,
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Diagnosis], str]] = {
    "text": _as_text,
    "toml": _as_toml,
    "python": _as_python,
    "json": _as_json,
}
"""The formats by name."""


def _comments(diagnosis: Diagnosis) -> list[str]:
    lines = [f"# {diagnosis.target}"]
    for finding in diagnosis.findings:
        lines += _wrapped(f"{finding.name}: {_shown(finding)}", "# ")
    return lines


def _shown(finding: Finding) -> str:
    value = "cannot be seen from here" if finding.value is None else finding.value
    return f"{value} ({finding.how})"


def _call(diagnosis: Diagnosis) -> str:
    lines = [f'"{diagnosis.target}",']
    lines += [f"{name}={value!r}," for name, value in diagnosis.options.items()]
    if diagnosis.given:
        lines.append(f"# and what was given: {', '.join(diagnosis.given)}")
    return "\n".join(["Resumable(", *(f"    {line}" for line in lines), ")"])


def _left(diagnosis: Diagnosis, mark: str) -> list[str]:
    if not diagnosis.left:
        return []
    first, last = diagnosis.left[0], diagnosis.left[-1]
    how = f"{len(diagnosis.left)} files, whole or in parts, may be left there: {first} to {last}"
    return ["", *_wrapped(how, mark)]


def _wrapped(text: str, indent: str) -> list[str]:
    wrapper = textwrap.TextWrapper(_WIDTH, indent, indent, break_on_hyphens=False)
    return wrapper.wrap(text)
