"""The file of `--env-file`: environment variables of the user app. Pure.

    # a comment
    DEBUG=0
    export DATABASE_URL="sqlite:///shop.db"     # in double quotes: \\n, \\t, \\", \\\\ and \\$
    SECRET='$ and \\ are letters here'
    MEDIA=${HOME}/media                          # an earlier variable of the file, or one of the shell
    REGION=${REGION:-eu}                         # with a default

Values in quotes may have several lines. Messages name the line and never a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from wsgi_gauntlet.harness.errors import ConfigurationError

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=")
_COMMENT = re.compile(r"[ \t]#")
_REFERENCE = r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::?-(?P<default>[^}\n]*))?\}"
_UNQUOTED_PART = re.compile(_REFERENCE)
_QUOTED_PART = re.compile(rf"\\(?P<escaped>[\s\S])|{_REFERENCE}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
_END_OF_DOUBLE_QUOTES = re.compile(r'(?:[^"\\]|\\[\s\S])*"')


def parse_env_file(text: str, source: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the file `source` with the content `text`; the last value of a name counts.

    `inherited` are the variables of the shell, for references as `${HOME}`. Raises ConfigurationError, in one line.
    """
    found: dict[str, str] = {}
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    place = 0
    while place < len(text):
        number = text.count("\n", 0, place) + 1
        end = _line_end(text, place)
        line = text[place:end]
        if not line.strip() or line.lstrip().startswith("#"):
            place = end + 1
            continue
        assignment = _ASSIGNMENT.match(text, place, end)
        if assignment is None:
            raise _error(source, number, "write NAME=VALUE, or begin a comment with #")
        known = {**inherited, **found}
        expand = partial(_expanded, known=known, source=source, number=number)
        value, place = _value(text, assignment.end(), source, number, expand)
        if "\0" in value:
            raise _error(source, number, "a value has a NUL byte; remove it")
        found[assignment[1]] = value
    return found


def _value(text: str, begin: int, source: str, number: int, expand: Callable[[re.Match[str]], str]) -> tuple[str, int]:
    """Return the value that begins at `begin`, and the place of the line after it."""
    end = _line_end(text, begin)
    raw = text[begin:end]
    quote = raw.lstrip(" \t")[:1]
    if quote not in ("'", '"'):
        comment = _COMMENT.search(raw)
        plain = (raw[: comment.start()] if comment else raw).strip()
        return _UNQUOTED_PART.sub(expand, plain), end + 1
    begin += raw.index(quote) + 1
    if quote == "'":
        last = text.find("'", begin)
    else:
        closed = _END_OF_DOUBLE_QUOTES.match(text, begin)
        last = closed.end() - 1 if closed else -1
    if last < 0:
        raise _error(source, number, f"the quote {quote} has no end; close it")
    end = _line_end(text, last)
    rest = text[last + 1 : end].strip()
    if rest and not rest.startswith("#"):
        raise _error(
            source, number, f"there is text after the closing quote {quote}; put quotes around the whole value"
        )
    inside = text[begin:last]
    if quote == '"':
        inside = _QUOTED_PART.sub(lambda part: _unescaped(part) if part["escaped"] else expand(part), inside)
    return inside, end + 1


def _expanded(reference: re.Match[str], *, known: Mapping[str, str], source: str, number: int) -> str:
    name, default = reference["name"], reference["default"]
    if name in known:
        return known[name]
    if default is None:
        raise _error(source, number, f"${{{name}}} has no value: set {name} above it or in your shell")
    return str(default)


def _unescaped(part: re.Match[str]) -> str:
    return _ESCAPES.get(part["escaped"], part[0])


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _error(source: str, number: int, problem: str) -> ConfigurationError:
    return ConfigurationError(f"--env-file {source}, line {number}: {problem}")
