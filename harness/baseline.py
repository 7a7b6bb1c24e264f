"""What a user has accepted of servers, by case, for now: the baseline file, and a run held against it.

    [[server]]
    name = "gunicorn"               # or a chain: "nginx+gunicorn"
    variant = "sync"                # absent: every variant
    versions = ">=20,<28"           # a PEP 440 specifier, absent: every version; of a chain, the server behind

    [[server.expected]]
    case = "http/framing/te-obfuscated/vt"
    verdict = "fail"                # or warn, or flaky
    reason = "why it is accepted"
    link = "https://..."            # optional
    expires = 2027-03-01            # optional: the last day on which the entry excuses

Everything is pure but `read`. Where several entries fit a cell, the one that says most of its server counts.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from .catalog import suggestion
from .errors import BadConfiguration
from .model import Check, Expectation, Results, ServerInfo, Standing, Verdict
from .naming import parse as parse_name

EXPECTABLE = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
"""The verdicts that an entry may name; the others blame nobody, so there is nothing to accept."""

BREAKING = frozenset({Standing.UNEXPECTED_FAIL, Standing.UNEXPECTED_PASS})
"""What makes a run with a baseline end with exit code 1."""

_SERVER = ("name", "variant", "versions", "expected")
_EXPECTED = ("case", "verdict", "reason", "link", "expires")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*server[ \t]*\.[ \t]*expected[ \t]*\]\]")
_TABLE = re.compile(r"^[ \t]*\[")
_NUMBER = re.compile(r"\d[\w.!+-]*")


class Served(NamedTuple):
    """A server as the baseline knows it: `gunicorn` or `nginx+gunicorn`, without its settings."""

    name: str
    variant: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One accepted cell. `variant` and `versions` are '' for all; `lines` are its first and last in the file, if known.

    `table` and `place` say where it is in the file: the place of its server's table, and its own in that.
    """

    server: str
    variant: str
    versions: str
    case: str
    verdict: Verdict
    reason: str
    link: str = ""
    expires: dt.date | None = None
    lines: tuple[int, int] | None = None
    table: int = 0
    place: int = 0

    def expired(self, today: dt.date) -> bool:
        """Say whether it no longer excuses: the day it names is its last good one."""
        return self.expires is not None and today > self.expires

    def fits(self, name: str, variant: str, version: str) -> bool:
        """Say whether it is about that server; a version that is none by PEP 440 lies in no range."""
        if self.server != name or (self.variant and self.variant != variant):
            return False
        if not self.versions:
            return True
        found = _version(version)
        return found is not None and SpecifierSet(self.versions).contains(found, prereleases=True)


@dataclass(frozen=True)
class Baseline:
    """All entries of one file, in its order; `path` is what messages name."""

    path: str
    entries: tuple[Entry, ...] = ()

    def entry(self, name: str, variant: str, version: str, case: str, today: dt.date) -> Entry | None:
        """Return the entry that speaks for the cell and still excuses, None where there is none."""
        return next((each for each in self._fitting(name, variant, version, case) if not each.expired(today)), None)

    def expired(self, name: str, variant: str, version: str, case: str, today: dt.date) -> Entry | None:
        """Return the entry that would speak for the cell, had it not expired."""
        return next((each for each in self._fitting(name, variant, version, case) if each.expired(today)), None)

    def _fitting(self, name: str, variant: str, version: str, case: str) -> list[Entry]:
        found = [each for each in self.entries if each.case == case and each.fits(name, variant, version)]
        return sorted(found, key=lambda each: (not each.variant, not each.versions))


@dataclass(frozen=True)
class Comparison:
    """A run held against a baseline: its cells, each with its `baseline` filled in, by how they stand.

    `met` are as expected, `other` came to another verdict that blames no more than the expected one, `expired` have an
    entry that is past its day and did not fail.
    """

    unexpected_fails: tuple[Check, ...] = ()
    unexpected_passes: tuple[Check, ...] = ()
    other: tuple[Check, ...] = ()
    expired: tuple[Check, ...] = ()
    met: tuple[Check, ...] = ()

    @property
    def breaks(self) -> bool:
        """Say whether the run ends with exit code 1 for it."""
        return bool(self.unexpected_fails or self.unexpected_passes)


def read(path: Path, known: Collection[str] | None = None) -> Baseline:
    """Return the baseline in `path`; `known` are the ids of all cases, by default of those that are installed.

    Raises BadConfiguration, in one line that names file, entry and what to do, where it does not hold together.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as problem:
        raise BadConfiguration(
            f"baseline {path}: {problem.strerror}; --update-baseline writes one from what a run finds"
        ) from None
    except UnicodeDecodeError as problem:
        raise BadConfiguration(f"baseline {path} is not TOML: {problem}") from None
    if known is None:
        from . import discover

        known = [each.id for each in discover.cases()]
    return parse(text, str(path), known)


def parse(text: str, where: str, known: Collection[str]) -> Baseline:
    """Return the baseline that `text` is; `where` is what messages name. Raises BadConfiguration as `read` does."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadConfiguration(f"baseline {where} is not TOML: {problem}") from None
    _known(document, ("server",), f"baseline {where}")
    entries = list(_entries(document, f"baseline {where}", known))
    blocks = _blocks(text)
    if len(blocks) == len(entries):  # otherwise they are written in another form, as inline tables
        entries = [replace(each, lines=lines) for each, lines in zip(entries, blocks, strict=True)]
    first: dict[tuple[str, ...], Entry] = {}
    for each in entries:
        key = (each.server, each.variant, each.versions, each.case)
        if first.setdefault(key, each) is not each:
            raise BadConfiguration(
                f"baseline {where}: {_named(each.server, each.variant, each.versions)} has {each.case} twice"
                f"{_both(first[key], each)}; delete one of them"
            )
    return Baseline(where, tuple(entries))


def served(server: ServerInfo) -> Served:
    """Return what entries are matched with; of a chain, variant and version are those of the server behind."""
    if server.name.endswith(".py"):
        return Served(Path(server.name).name, server.variant, server.version)
    try:
        name = parse_name(server.name)
    except BadConfiguration:  # of an older run, or another program's
        return Served(server.name, server.variant, server.version)
    front = f"{name.front.adapter}+" if name.front else ""
    return Served(f"{front}{name.server.adapter}", server.variant, server.version.rpartition(" + ")[2])


def held_against(baseline: Baseline, server: ServerInfo, cell: Check, today: dt.date) -> Check:
    """Return `cell` with its `baseline` filled in: how it stands to its entry, None where there is nothing to say."""
    who = served(server)
    entry = baseline.entry(*who, cell.case, today) or baseline.expired(*who, cell.case, today)
    standing = _standing(entry, cell.verdict, today)
    if standing is None:
        return msgspec.structs.replace(cell, baseline=None)
    if entry is None:
        return msgspec.structs.replace(cell, baseline=Expectation(standing))
    told = Expectation(
        standing,
        verdict=entry.verdict,
        reason=entry.reason,
        link=entry.link,
        expires=entry.expires.isoformat() if entry.expires else "",
        expired=entry.expired(today),
        where=_where(baseline, entry),
    )
    return msgspec.structs.replace(cell, baseline=told)


def compare(baseline: Baseline, results: Results, today: dt.date) -> Comparison:
    """Hold every cell of `results` against `baseline`. Entries of servers or cases that were not run say nothing."""
    by_standing: dict[Standing, list[Check]] = {each: [] for each in Standing}
    for cell in results.checks:
        server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
        told = held_against(baseline, server, cell, today)
        if told.baseline is not None:
            by_standing[told.baseline.standing].append(told)
    return Comparison(
        unexpected_fails=tuple(by_standing[Standing.UNEXPECTED_FAIL]),
        unexpected_passes=tuple(by_standing[Standing.UNEXPECTED_PASS]),
        other=tuple(by_standing[Standing.OTHER]),
        expired=tuple(by_standing[Standing.EXPIRED]),
        met=tuple(by_standing[Standing.EXPECTED]),
    )


def breaks(cell: Check) -> bool:
    """Say whether the cell makes a run end with exit code 1, with a baseline or without."""
    if cell.baseline is None:
        return cell.verdict is Verdict.FAIL
    return cell.baseline.standing in BREAKING


def told(cell: Check) -> str:
    """Return in one line how the cell stands to the baseline and what to do about it, '' where there is nothing."""
    mark = cell.baseline
    if mark is None:
        return ""
    match mark.standing:
        case Standing.EXPECTED:
            return f"expected: {mark.reason}"
        case Standing.UNEXPECTED_PASS:
            return f"passes, and the baseline expects {mark.verdict}: delete {mark.where}"
        case Standing.EXPIRED:
            return f"{cell.verdict}, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case Standing.OTHER:
            return f"{cell.verdict}, and the baseline expects {mark.verdict}: change {mark.where}"
        case Standing.UNEXPECTED_FAIL if mark.verdict is None:
            return "fails, and the baseline has no entry for it"
        case Standing.UNEXPECTED_FAIL if mark.expired:
            return f"fails, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case Standing.UNEXPECTED_FAIL:
            return f"fails, and the baseline expects no more than {mark.verdict} ({mark.where})"


def _standing(entry: Entry | None, verdict: Verdict, today: dt.date) -> Standing | None:
    if verdict in (Verdict.SKIPPED, Verdict.UNSUPPORTED, Verdict.ERROR):
        return None
    if entry is None:
        return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else None
    if verdict is Verdict.PASS:
        return Standing.UNEXPECTED_PASS
    if entry.expired(today):
        return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else Standing.EXPIRED
    if verdict is entry.verdict:
        return Standing.EXPECTED
    return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else Standing.OTHER


def _entries(document: Mapping[str, Any], where: str, known: Collection[str]) -> Iterator[Entry]:
    for table, server in enumerate(_tables(document, "server", where, "[[server]]")):
        place = f"{where}: [[server]] number {table + 1}"
        name = _text(server, "name", place, 'as name = "gunicorn"')
        place = f"{where}: server {name!r}"
        _known(server, _SERVER, place)
        _named_plainly(name, place)
        variant = _text(server, "variant", place, 'as variant = "sync"', needed=False)
        versions = _text(server, "versions", place, 'as versions = ">=20,<28"', needed=False)
        try:
            SpecifierSet(versions)
        except InvalidSpecifier:
            raise BadConfiguration(
                f"{place}: versions = {versions!r} is no PEP 440 specifier; write it as '>=20,<28' or '==27.0.1'"
            ) from None
        for number, expected in enumerate(_tables(server, "expected", place, "[[server.expected]]")):
            yield _entry(expected, (name, variant, versions), place, known, table, number)


def _entry(
    expected: Mapping[str, Any],
    server: tuple[str, str, str],
    where: str,
    known: Collection[str],
    table: int,
    place: int,
) -> Entry:
    case = _text(expected, "case", f"{where}, entry number {place + 1}", "the id of a case")
    here = f"{where}, case {case!r}"
    _known(expected, _EXPECTED, here)
    if case not in known:
        raise BadConfiguration(
            f"{here}: no case has that id{suggestion(case, known)}; correct it or delete the entry "
            "(`wsgi-gauntlet cases` lists them)"
        )
    verdict = _text(expected, "verdict", here, 'as verdict = "fail"')
    if verdict not in EXPECTABLE:
        raise BadConfiguration(f"{here}: verdict {verdict!r} cannot be expected; it is one of {', '.join(EXPECTABLE)}")
    expires = expected.get("expires")
    if expires is not None and (not isinstance(expires, dt.date) or isinstance(expires, dt.datetime)):
        raise BadConfiguration(f"{here}: expires takes a date without quotes, as expires = 2027-03-01")
    return Entry(
        *server,
        case=case,
        verdict=Verdict(verdict),
        reason=_text(expected, "reason", here, "why it is accepted"),
        link=_text(expected, "link", here, 'as link = "https://..."', needed=False),
        expires=expires,
        table=table,
        place=place,
    )


def _named_plainly(name: str, where: str) -> None:
    if name.endswith(".py"):
        return
    chain = parse_name(name)
    parts = [each for each in (chain.front, chain.server) if each is not None]
    plain = "+".join(each.adapter for each in parts)
    if plain != name:
        raise BadConfiguration(
            f"{where}: name takes the server alone, {plain!r}; its mode goes into variant, its version into versions"
        )


def _tables(table: Mapping[str, Any], key: str, where: str, form: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadConfiguration(f"{where}: {key} is an array of tables: write {form}")
    return found


def _text(table: Mapping[str, Any], key: str, where: str, form: str, *, needed: bool = True) -> str:
    value = table.get(key)
    if value is None and not needed:
        return ""
    if value is None:
        raise BadConfiguration(f"{where} has no {key}; write {form}")
    if not isinstance(value, str) or not value.strip():
        raise BadConfiguration(f"{where}: {key} takes a text, {form}")
    return value.strip()


def _known(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in known:
            raise BadConfiguration(f"{where} knows no {name!r}{suggestion(name, known)}; it has {', '.join(known)}")


def _version(text: str) -> Version | None:
    # An interpreter's version may stand behind its name: PyPy 3.10.14.
    found = _NUMBER.search(text)
    try:
        return Version(found.group()) if found else None
    except InvalidVersion:
        return None


def _blocks(text: str) -> list[tuple[int, int] | None]:
    """Return the first and last line of each [[server.expected]] in `text`, without what follows its last value.

    None stands for one whose lines cannot be told, as where a text of several lines has one that looks like a header.
    """
    lines = text.split("\n")
    found: list[tuple[int, int] | None] = []
    for number, each in enumerate(lines):
        if not _HEADER.match(each):
            continue
        last = number
        for below in range(number + 1, len(lines)):
            if _TABLE.match(lines[below]):
                break
            if lines[below].strip() and not lines[below].lstrip().startswith("#"):
                last = below
        try:
            tomllib.loads("\n".join(lines[number : last + 1]))
        except tomllib.TOMLDecodeError:
            found.append(None)
        else:
            found.append((number + 1, last + 1))
    return found


def _named(server: str, variant: str, versions: str) -> str:
    return f"{server}{f':{variant}' if variant else ''}{f' {versions}' if versions else ''}"


def _where(baseline: Baseline, entry: Entry) -> str:
    if entry.lines is not None:
        return f"lines {entry.lines[0]} to {entry.lines[1]} of {baseline.path}"
    return f"{entry.case} of {_named(entry.server, entry.variant, entry.versions)} in {baseline.path}"


def _both(one: Entry, other: Entry) -> str:
    return f" (lines {one.lines[0]} and {other.lines[0]})" if one.lines and other.lines else ""
