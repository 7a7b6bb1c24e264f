"""Put text into Markdown so that it stays text: no markup, link, image, mention or issue reference.

A backslash before `@` or `#` is not enough: GitHub looks for mentions and references after Markdown is rendered. It
does not look into code spans. So text from servers is always in a code span, and so is each word of a sentence that a
renderer could change.
"""

from __future__ import annotations

import re

from wsgi_gauntlet.reports.text.escaping import line

_PLAIN_WORD = re.compile(r"[(“]*[\w.,;:()%·→≥≤≈–×µ’'“”…/+=?✓✗!*-]*", re.ASCII)
_EMPHASIS = re.compile(r"([*_])")
_LINE_MARK = re.compile(r"^(\d*)([-+=.)]+)$")
_REFERENCE = re.compile(
    r"(?i)gh-\d|www\.|:[\w+-]+:|\b[0-9a-f]{7,}\b|\w/\w.*#"  # issue, link, emoji, commit, issue of another repository
)
_PUNCTUATED = re.compile(r"([(“]*)(.*?)([,;:.!?)”…]*)", re.DOTALL)
_BACKTICKS = re.compile(r"`+")


def code(text: str, limit: int = 300) -> str:
    """Return `text` on one line as a code span; '' stays ''."""
    flat = line(text, limit)
    if not flat:
        return ""
    backticks = "`" * (max(map(len, _BACKTICKS.findall(flat)), default=0) + 1)
    padding = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{backticks}{padding}{flat}{padding}{backticks}"


def table_code(text: str, limit: int = 300) -> str:
    """Return `text` as a code span for a table cell, where a bar would end the cell."""
    return code(line(text).replace("|", "¦"), limit)


def prose(text: str, limit: int = 600) -> str:
    """Return a sentence of this program. Words that are more than plain text, for example names, become code spans."""
    return " ".join(_word(each) for each in line(text, limit).split(" "))


def table_prose(text: str, limit: int = 600) -> str:
    """Return a sentence for a table cell."""
    return prose(line(text).replace("|", "¦"), limit)


def _word(word: str) -> str:
    if not _PLAIN_WORD.fullmatch(word.replace("\u00a0", "")) or _REFERENCE.search(word) or "://" in word:
        before, name, after = _punctuated(word)
        return f"{before}{code(name)}{after}"
    # A dash, a plus, an equals sign or a number with a point may begin a list or a heading at the start of a line.
    return _LINE_MARK.sub(r"\1\\\2", _EMPHASIS.sub(r"\\\1", word))


def _punctuated(word: str) -> tuple[str, str, str]:
    """Return `word` without the punctuation of the sentence around it, and that before and after it."""
    found = _PUNCTUATED.fullmatch(word)
    assert found is not None, "every part may be empty"
    before, name, after = found.groups()
    return (before, name, after) if name else ("", word, "")
