"""A page of the site in Markdown, and texts of the code as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"[^\w\s.,:;()/'\"?=%@$^ –—“”‘’…≥≤×·→-]|_")
"""Every character that could be markup."""

_LINE_START = re.compile(r"\A(\s*)([-+=:]|\d+(?=[.)]))")
"""What begins a list or a heading at the start of a line."""

_SPAN = re.compile(
    r"(?P<marks>`+)(?P<code>.+?)(?P=marks)|(?P<address>https://[\w./#?=&%~+-]*[\w/])|(?<![\w-])(?P<option>--[a-z][a-z-]*[a-z])"
)
"""A code span, the address of a page, or an option."""


@dataclass(frozen=True)
class Page:
    """One generated page: its path below docs/, and its text in Markdown."""

    path: str
    text: str


def escape(text: str) -> str:
    """Return `text` on one line, so that Markdown shows it as it is."""
    flat = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
    return _LINE_START.sub(lambda found: found[1] + "".join(f"&#{ord(each)};" for each in found[2]), flat)


def code(text: str | None) -> str:
    """Return `text` as code; '' stays ''."""
    return f"<code>{escape(text)}</code>" if text else ""


def prose(text: str) -> str:
    """Return a text of the program: its code spans stay code, options become code, addresses links."""
    flat = " ".join(text.split())
    parts, end = [], 0
    for found in _SPAN.finditer(flat):
        parts += [
            _escape_between(flat[end : found.start()]),
            code(found["code"] or found["option"]) or _link(found["address"]),
        ]
        end = found.end()
    return "".join([*parts, _escape_between(flat[end:])])


def _escape_between(text: str) -> str:
    """Return a part of a line: the blanks at its ends stay."""
    inner = text.strip()
    return text.replace(inner, escape(inner), 1) if inner else text


def _link(address: str) -> str:
    return f"<{address}>"


def paragraphs(text: str) -> str:
    """Return a docstring, or another text with blank lines, as paragraphs."""
    return "\n\n".join(prose(each) for each in re.split(r"\n\s*\n", text.strip()))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells in Markdown, '' without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *lines]) if lines else ""


def block(text: str, language: str = "text") -> str:
    """Return `text` as a block of code."""
    marks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def collapsed(title: str, content: str) -> str:
    """Return `content` in a box that a reader opens."""
    return "\n".join([f'??? note "{escape(title)}"', "", *(f"    {each}".rstrip() for each in content.splitlines())])


def join(*parts: str) -> str:
    """Return the blocks that are not empty as one text."""
    return "\n\n".join(filter(None, parts)) + "\n"
