"""The baseline file read: TOML in, entries out, and one clear line where it does not hold together."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..catalog import suggestion
from ..errors import BadConfiguration
from ..model import Verdict
from ..naming import parse as parse_name
from .entries import Baseline, Entry, named

EXPECTABLE = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
"""The verdicts that an entry may name; the others blame nobody, so there is nothing to accept."""

ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*server[ \t]*\.[ \t]*expected[ \t]*\]\]")
SERVER = re.compile(r"^[ \t]*\[\[[ \t]*server[ \t]*\]\]")
_TABLE = re.compile(r"^[ \t]*\[")

_SERVER = ("name", "variant", "versions", "expected")
_EXPECTED = ("case", "verdict", "reason", "link", "expires")


def read(path: Path, known: Collection[str] | None = None) -> Baseline:
    """Return the baseline in `path`; `known` are the ids of all cases, by default of those that are installed.

    Raises BadConfiguration, in one line that names file, entry and what to do, where it does not hold together.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise BadConfiguration(
            f"there is no baseline {path}; --update-baseline writes one from what the run finds"
        ) from None
    except OSError as problem:
        raise BadConfiguration(f"baseline {path}: {problem.strerror}; name a file") from None
    except UnicodeDecodeError as problem:
        raise BadConfiguration(f"baseline {path} is not TOML: {problem}") from None
    if known is None:
        from .. import discover

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
    found = blocks(text, ENTRY)
    if len(found) == len(entries):  # otherwise they are written in another form, as inline tables
        entries = [replace(each, lines=lines) for each, lines in zip(entries, found, strict=True)]
    first: dict[tuple[str, ...], Entry] = {}
    for each in entries:
        key = (each.server, each.variant, each.versions, each.case)
        if first.setdefault(key, each) is not each:
            raise BadConfiguration(
                f"baseline {where}: {named(each.server, each.variant, each.versions)} has {each.case} twice"
                f"{_both(first[key], each)}; delete one of them"
            )
    return Baseline(where, tuple(entries))


def blocks(text: str, header: re.Pattern[str]) -> list[tuple[int, int] | None]:
    """Return the first and last line of each table under `header` in `text`, without what follows its last value.

    None stands for one whose lines cannot be told, as where a text of several lines has one that looks like a header.
    """
    lines = text.split("\n")
    found: list[tuple[int, int] | None] = []
    for number, each in enumerate(lines):
        if not header.match(each):
            continue
        last = number
        for below in range(number + 1, len(lines)):
            if _TABLE.match(lines[below]):
                break
            if lines[below].strip() and not lines[below].lstrip().startswith("#"):
                last = below
        try:
            tomllib.loads("\n".join([*lines[number : last + 1], ""]))
        except tomllib.TOMLDecodeError:
            found.append(None)
        else:
            found.append((number + 1, last + 1))
    return found


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
    try:
        chain = parse_name(name)
    except BadConfiguration as problem:
        raise BadConfiguration(f"{where}: {problem}") from None
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


def _both(one: Entry, other: Entry) -> str:
    return f" (lines {one.lines[0]} and {other.lines[0]})" if one.lines and other.lines else ""
