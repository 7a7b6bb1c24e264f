r"""Case files: requests with the reactions of servers, which `check --cases FILE` runs. docs/fuzz.md shows one.

A file is TOML. Each table of `case` has an `id` and `bytes`, in which \r, \n, \t, \\ and \xNN stand for bytes, and
line breaks of the file stand for nothing. A user may add `[case.expect]`; then the case can fail.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.basis import rfc9110, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.fuzz.byte_shapes import escaped, unescaped
from wsgi_gauntlet.harness.fuzz.causes import Cause
from wsgi_gauntlet.harness.fuzz.observation import Observation, Outcome
from wsgi_gauntlet.harness.fuzz.probe import PATIENT, observe
from wsgi_gauntlet.harness.fuzz.traits import sections, traits
from wsgi_gauntlet.harness.http.request import well_formed
from wsgi_gauntlet.harness.model import Basis, BasisKind, Breach, Level, Reference

OUTCOMES = {
    "served": (Outcome.SERVED,),
    "rejected": (Outcome.REFUSED, Outcome.FAILED),
    "answered": (Outcome.ANSWERED,),
    "waits": (Outcome.WAITS,),
}
"""The outcomes that an expectation may name."""

EXPECTED_TEXTS = ("method", "path", "query", "body")
EXPECTATION_KEYS = ("outcome", "calls", "level", *EXPECTED_TEXTS)
CASE_KEYS = ("id", "bytes", "about", "sections", "difference", "cases", "reactions", "expect")

_ID = re.compile(r"fuzz/[a-z0-9]+(?:-[a-z0-9]+)*\Z")

TITLES = {
    "RFC 9110, 5.1": "Field Names",
    "RFC 9110, 5.5": "Field Values",
    "RFC 9110, 6.5": "Trailer Fields",
    "RFC 9110, 7.2": "Host and :authority",
    "RFC 9110, 7.6.1": "Connection",
    "RFC 9110, 8.6": "Content-Length",
    "RFC 9110, 9": "Methods",
    "RFC 9110, 9.1": "Overview (of Methods)",
    "RFC 9110, 10.1.1": "Expect",
    "RFC 9112, 2.2": "Message Parsing",
    "RFC 9112, 2.3": "HTTP Version",
    "RFC 9112, 3": "Request Line",
    "RFC 9112, 3.1": "Method",
    "RFC 9112, 3.2": "Request Target",
    "RFC 9112, 5.1": "Field Line Parsing",
    "RFC 9112, 5.2": "Obsolete Line Folding",
    "RFC 9112, 6": "Message Body",
    "RFC 9112, 6.1": "Transfer-Encoding",
    "RFC 9112, 6.3": "Message Body Length",
    "RFC 9112, 7.1": "Chunked Transfer Coding",
    "RFC 9112, 7.1.1": "Chunk Extensions",
    "RFC 9112, 7.1.2": "Chunked Trailer Section",
    "RFC 9112, 8": "Handling Incomplete Messages",
    "RFC 9112, 9.3": "Persistence",
    "RFC 9112, 9.3.2": "Pipelining",
    "RFC 3986, 3.3": "Path",
}
"""The titles of the sections that results name."""


@dataclass(frozen=True)
class Expectation:
    """What a user requires. Parts that are None or '' are not checked."""

    outcome: str = ""
    calls: int | None = None
    method: str | None = None
    path: str | None = None
    query: str | None = None
    body: bytes | None = None
    level: Level = Level.MUST

    def problem(self, observed: Observation) -> tuple[str, str] | None:
        """Return what was expected and what was observed, for the first part that is not met; None if all are."""
        if observed.ended:
            return "the server to run on", f"it ended: {observed.ended}"
        if self.outcome and observed.outcome not in OUTCOMES[self.outcome]:
            return f"the request to be {self.outcome}", observed.describe()
        if self.calls is not None and len(observed.calls) != self.calls:
            return f"{self.calls} calls of the app", observed.describe()
        for name in EXPECTED_TEXTS:
            wanted = getattr(self, name)
            if wanted is not None and not (observed.calls and getattr(observed.calls[0], name) == wanted):
                return f"the app to get the {name} {wanted!r}", observed.describe()
        return None


@dataclass(frozen=True)
class CaseEntry:
    """One entry of a case file."""

    id: str
    data: bytes
    about: str = ""
    expectation: Expectation | None = None


def load(path: Path) -> tuple[Case, ...]:
    """Return the cases of the file. Raises ConfigurationError, which names the entry and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"--cases {path}: {why}; name a file that `wsgi-gauntlet fuzz` wrote") from None
    return tuple(_case(each, path) for each in parse(text, str(path)))


def parse(text: str, name: str) -> list[CaseEntry]:
    """Return the entries of a case file; `name` is its name in messages. Raises ConfigurationError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{name} is no TOML: {problem}") from None
    if not document:
        raise ConfigurationError(f"{name} has no cases; `fuzz` writes such a file if no server differs")
    tables = document.get("case")
    if set(document) != {"case"} or not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{name} is no case file: it must have tables [[case]] and nothing else")
    entries = [_entry(table, f"{name}: case {number}") for number, table in enumerate(tables, 1)]
    ids = [each.id for each in entries]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise ConfigurationError(f"{name}: the id {twice[0]} stands there twice; give each case its own id")
    return entries


def _entry(table: object, where: str) -> CaseEntry:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where} is no table; begin it with [[case]]")
    _require_keys(table, CASE_KEYS, where)
    id_, data = table.get("id"), table.get("bytes")
    if not isinstance(id_, str) or not _ID.match(id_):
        raise ConfigurationError(f"{where}: id must be fuzz/ and words of a-z and 0-9 with dashes between them")
    if not isinstance(data, str):
        raise ConfigurationError(f"{where} ({id_}): bytes must be a text; write it between three single quotes")
    expected = table.get("expect")
    about = table.get("about", "")
    return CaseEntry(
        id_,
        _bytes(data.replace("\n", ""), f"{where} ({id_}): bytes"),
        about if isinstance(about, str) else "",
        None if expected is None else _expectation(expected, f"{where} ({id_}): expect"),
    )


def _bytes(text: str, where: str) -> bytes:
    try:
        data = unescaped(text)
    except ValueError as problem:
        raise ConfigurationError(f"{where}: {problem}") from None
    if not data:
        raise ConfigurationError(f"{where}: is empty; give at least one byte")
    return data


def _require_keys(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigurationError(f"{where}: there is no key {key!r}; the keys are {', '.join(known)}")


def _expectation(table: object, where: str) -> Expectation:
    if not isinstance(table, dict) or not table:
        raise ConfigurationError(f"{where} must be a table with at least one key, for example outcome = 'rejected'")
    _require_keys(table, EXPECTATION_KEYS, where)
    outcome, level, calls = table.get("outcome", ""), table.get("level", "must"), table.get("calls")
    if outcome and outcome not in OUTCOMES:
        raise ConfigurationError(f"{where}: outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}")
    if level not in ("must", "should"):
        raise ConfigurationError(f"{where}: level is {level!r}; it must be must or should")
    if calls is not None and (not isinstance(calls, int) or isinstance(calls, bool) or calls < 0):
        raise ConfigurationError(f"{where}: calls is {calls!r}; it must be a number from 0")
    texts: dict[str, str] = {}
    for name in EXPECTED_TEXTS:
        if name in table and not isinstance(table[name], str):
            raise ConfigurationError(f"{where}: {name} must be a text")
        if name in table:
            texts[name] = table[name]
    if set(table) == {"level"}:
        raise ConfigurationError(f"{where}: it expects nothing; add one of outcome, calls, {', '.join(EXPECTED_TEXTS)}")
    return Expectation(
        outcome,
        calls,
        method=texts.get("method"),
        path=texts.get("path"),
        query=texts.get("query"),
        body=_body(texts.get("body"), where),
        level=Level(level),
    )


def _body(text: str | None, where: str) -> bytes | None:
    if text is None:
        return None
    try:
        return unescaped(text)
    except ValueError as problem:
        raise ConfigurationError(f"{where}: body: {problem}") from None


def _case(entry: CaseEntry, path: Path) -> Case:
    expected = entry.expectation

    async def run(exchange: Exchange) -> None:
        connection = await exchange.connect()
        observed = await observe(exchange.server, connection, entry.data, PATIENT)
        if expected is None:
            raise Violation("nothing in particular: the reaction is recorded", observed.describe())
        if problem := expected.problem(observed):
            raise Violation(*problem)

    found = traits(entry.data)
    return Case(
        id=entry.id,
        level=Level.INFO if expected is None else expected.level,
        reference=_reference(sections(found)[0]),
        run=run,
        summary=entry.about or "A request of a case file.",
        sent=escaped(entry.data),
        expected="nothing: the reaction is recorded" if expected is None else f"what {path.name} expects",
        why="Servers react to this request in different ways.",
        tags=("fuzz",),
        segmentable=False,
        basis=Basis(BasisKind.RECORDED, "The file has no expectation for it.")
        if expected is None
        else Basis(BasisKind.DEFINITION, f"The user wrote the expectation into {path.name}."),
        breach=Breach.NOBODY if well_formed(entry.data) else Breach.CLIENT,
        package=path.name,
    )


def _reference(section: str) -> Reference:
    document, _, number = section.partition(", ")
    title = f"Section {number}: {TITLES[section]}"
    if document == "RFC 3986":
        return Reference(document, number, title, f"https://www.rfc-editor.org/rfc/rfc3986.html#section-{number}")
    return rfc9110(number, title) if document == "RFC 9110" else rfc9112(number, title)


# ---------------------------------------------------------------------- writing


def render(causes: tuple[Cause, ...], header: str) -> str:
    """Return the case file of `causes`; `header` is a comment at its beginning, one line."""
    lines = [f"# {header}", "# Add a table [case.expect] to require a reaction; docs/fuzz.md has its keys.", ""]
    for each in causes:
        lines += [
            "[[case]]",
            f"id = {_quoted(each.id)}",
            "bytes = '''",
            *_byte_lines(each.data),
            "'''",
            f"about = {_quoted(each.title)}",
            f"sections = [{', '.join(map(_quoted, each.sections))}]",
            f"difference = {_quoted(str(each.difference))}",
            f"cases = [{', '.join(map(_quoted, each.cases))}]",
            "",
            "[case.reactions]",
            *(f"{_quoted(name)} = {_quoted(observed.describe())}" for name, observed in each.reactions.items()),
            "",
        ]
    return "\n".join(lines)


def _byte_lines(data: bytes) -> list[str]:
    """Return `data` with escapes, one line of the request in a line."""
    text = escaped(data).replace("'", "\\x27")
    # A space at the end of a line would be invisible, and editors remove it.
    return [re.sub(r" \Z", r"\\x20", line) for line in re.sub(r"\\n(?=.)", "\\\\n\n", text).split("\n")]


def _quoted(text: str) -> str:
    """Return `text` as a basic string of TOML."""
    escapes = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escapes.get(c, c if " " <= c <= "~" else f"\\u{ord(c) & 0xFFFF:04x}") for c in text) + '"'
