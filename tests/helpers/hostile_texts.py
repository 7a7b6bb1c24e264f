"""Results in which every text comes from an enemy: markup, escapes, formulas, mentions, commands, in every place."""

from __future__ import annotations

import enum
import re
from typing import cast

import msgspec

from wsgi_gauntlet.harness.model import BaselineExpectation, BaselineStatus, Results, Verdict

from .sample_results import build

HOSTILE_TEXTS = (
    "@octocat",
    "#1",
    "GH-1",
    "owner/repo#2",
    "https://evil.example/ www.evil.example me@evil.example",
    "![i](http://evil.example/i.png)",
    "[x](javascript:alert(1))",
    "<script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "`",
    "`` ` ```",
    "\n```\n# heading\n- item\n\n> quote\n",
    "| cell | \\| cell |",
    "\u202egnp.exe\u202c \u200b\u2066",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07 \x00 \x9b \ud800",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(1)",
    "a;=1+1;b\t=1+1",
    "\uff1d1+1",
    "::error::x",
    "%0A::error::x",
    "\r\n::set-output name=a::b",
    "</details></summary><!--",
    "\n\n---\n\n=====\n",
    "0123456789abcdef0123",
    ":tada:",
    "~~x~~ **x** __x__ *x* $x$",
    "\\",
    "&lt;b&gt; &#64;octocat",
    "</testsuite>]]>",
    "{{ 7*7 }} ${7*7}",
    "- item",
    "1. item",
    "2) item",
    "+",
    "===",
    "* * *",
)
"""What a server, an app or a file of a user may put anywhere."""

SECRET = "SECRET_OF_AN_APP_EVENT"
"""A word in the app events, which no text output shows."""

_NO_TEXT = frozenset({"date", "url"})


def poisoned(texts: tuple[str, ...] = HOSTILE_TEXTS, *, names: bool = True) -> Results:
    """Return the sample with a baseline, and one of `texts` in each string.

    Without `names`, those of servers, cases and scenarios stay as they are.
    """
    results = build()
    cells = []
    statuses = list(BaselineStatus)
    for number, cell in enumerate(results.conformance):
        if cell.verdict is Verdict.FAIL or number % 40 == 0:
            mark = BaselineExpectation(
                statuses[number % len(statuses)], Verdict.WARN, "why", "https://x", where="known"
            )
            cell = msgspec.structs.replace(cell, baseline=mark)
        cells.append(cell)
    results = msgspec.structs.replace(results, conformance=tuple(cells), baseline="known.toml")
    return cast("Results", _Poison(texts, names=names).value(results))


class _Poison:
    """Takes one text after the other. Equal names get equal texts, so that cells still belong to their servers."""

    def __init__(self, texts: tuple[str, ...], *, names: bool) -> None:
        self._texts, self._count, self._known, self._change_names = texts, 0, dict[str, str](), names

    def value(self, value: object, name: str = "") -> object:
        if isinstance(value, enum.Enum):
            return value
        if isinstance(value, str):
            return self._text(value, name)
        if isinstance(value, tuple):
            return tuple(self.value(each, name) for each in value)
        if isinstance(value, list):
            return [self.value(each, name) for each in value]
        if isinstance(value, dict):
            if name == "outcomes":
                return value
            kind = {"servers": "name", "cases": "case", "scenarios": "scenario"}.get(name)
            if kind is None:
                return {key: self.value(item, str(key)) for key, item in value.items()}
            return {self.value(key, kind): self.value(item) for key, item in value.items()}
        if isinstance(value, msgspec.Struct):
            ids = {"CaseInfo": {"id": "case"}, "ScenarioInfo": {"id": "scenario"}}.get(type(value).__name__, {})
            changed = {each: self.value(getattr(value, each), ids.get(each, each)) for each in value.__struct_fields__}
            if type(value).__name__ == "Phase":
                changed["name"] = getattr(value, "name", "")
            return msgspec.structs.replace(value, **changed)
        return value

    def _text(self, value: str, name: str) -> str:
        if name in ("name", "server", "case", "scenario"):
            if value not in self._known:
                # An id must keep the number of its slashes: they say what it is.
                text = self._next().replace("/", chr(0x2215)) if self._change_names else ""
                self._known[value] = f"{value}{text}"
            return self._known[value]
        if name in _NO_TEXT or re.fullmatch("ok|timeout|error", value):
            return value
        text = self._next()
        return (f"{text}{value}", f"{value}{text}", f"{value} {text} {value}")[self._count % 3]

    def _next(self) -> str:
        self._count += 1
        return self._texts[self._count % len(self._texts)]
