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

from wsgi_gauntlet.harness.baseline.entries import Baseline, Entry, server_label
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.name import parse as parse_name

EXPECTABLE_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
"""The verdicts that an entry may name; the others blame nobody, so there is nothing to accept."""

ENTRY_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*server[ \t]*\.[ \t]*expected[ \t]*\]\]")
SERVER_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*server[ \t]*\]\]")
_TABLE_HEADER = re.compile(r"^[ \t]*\[")

_SERVER_KEYS = ("name", "variant", "versions", "expected")
_ENTRY_KEYS = ("case", "verdict", "reason", "link", "expires")


def read(path: Path, known: Collection[str] | None = None) -> Baseline:
    """Return the baseline in `path`; `known` are the ids of all cases, by default of those that are installed.

    Raises ConfigurationError, in one line that names file, entry and what to do, where it does not hold together.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no baseline {path}; --update-baseline writes one from what the run finds"
        ) from None
    except OSError as problem:
        raise ConfigurationError(f"baseline {path}: {problem.strerror}; name a file") from None
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"baseline {path} is not TOML: {problem}") from None
    if known is None:
        from wsgi_gauntlet.harness import registry

        known = [each.id for each in registry.cases()]
    return parse(text, str(path), known)


def parse(text: str, where: str, known: Collection[str]) -> Baseline:
    """Return the baseline that `text` is; `where` is what messages name. Raises ConfigurationError as `read` does."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"baseline {where} is not TOML: {problem}") from None
    _reject_unknown_keys(document, ("server",), f"baseline {where}")
    entries = list(_entries(document, f"baseline {where}", known))
    found = table_line_ranges(text, ENTRY_HEADER)
    if len(found) == len(entries):  # otherwise they are written in another form, as inline tables
        entries = [replace(each, lines=lines) for each, lines in zip(entries, found, strict=True)]
    first: dict[tuple[str, ...], Entry] = {}
    for each in entries:
        key = (each.server, each.variant, each.versions, each.case)
        if first.setdefault(key, each) is not each:
            raise ConfigurationError(
                f"baseline {where}: {server_label(each.server, each.variant, each.versions)} has {each.case} twice"
                f"{_line_numbers(first[key], each)}; delete one of them"
            )
    return Baseline(where, tuple(entries))


def table_line_ranges(text: str, header: re.Pattern[str]) -> list[tuple[int, int] | None]:
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
            if _TABLE_HEADER.match(lines[below]):
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
    for table, server in enumerate(_get_tables(document, "server", where, "[[server]]")):
        place = f"{where}: [[server]] number {table + 1}"
        name = _get_text(server, "name", place, 'as name = "gunicorn"')
        place = f"{where}: server {name!r}"
        _reject_unknown_keys(server, _SERVER_KEYS, place)
        _require_plain_name(name, place)
        variant = _get_text(server, "variant", place, 'as variant = "sync"', required=False)
        versions = _get_text(server, "versions", place, 'as versions = ">=20,<28"', required=False)
        try:
            SpecifierSet(versions)
        except InvalidSpecifier:
            raise ConfigurationError(
                f"{place}: versions = {versions!r} is no PEP 440 specifier; write it as '>=20,<28' or '==27.0.1'"
            ) from None
        for number, expected in enumerate(_get_tables(server, "expected", place, "[[server.expected]]")):
            yield _entry(expected, (name, variant, versions), place, known, table, number)


def _entry(
    expected: Mapping[str, Any],
    server: tuple[str, str, str],
    where: str,
    known: Collection[str],
    table: int,
    place: int,
) -> Entry:
    case = _get_text(expected, "case", f"{where}, entry number {place + 1}", "the id of a case")
    here = f"{where}, case {case!r}"
    _reject_unknown_keys(expected, _ENTRY_KEYS, here)
    if case not in known:
        raise ConfigurationError(
            f"{here}: no case has that id{did_you_mean(case, known)}; correct it or delete the entry "
            "(`wsgi-gauntlet cases` lists them)"
        )
    verdict = _get_text(expected, "verdict", here, 'as verdict = "fail"')
    if verdict not in EXPECTABLE_VERDICTS:
        raise ConfigurationError(
            f"{here}: verdict {verdict!r} cannot be expected; it is one of {', '.join(EXPECTABLE_VERDICTS)}"
        )
    expires = expected.get("expires")
    if expires is not None and (not isinstance(expires, dt.date) or isinstance(expires, dt.datetime)):
        raise ConfigurationError(f"{here}: expires takes a date without quotes, as expires = 2027-03-01")
    return Entry(
        *server,
        case=case,
        verdict=Verdict(verdict),
        reason=_get_text(expected, "reason", here, "why it is accepted"),
        link=_get_text(expected, "link", here, 'as link = "https://..."', required=False),
        expires=expires,
        table=table,
        place=place,
    )


def _require_plain_name(name: str, where: str) -> None:
    if name.endswith(".py"):
        return
    try:
        chain = parse_name(name)
    except ConfigurationError as problem:
        raise ConfigurationError(f"{where}: {problem}") from None
    parts = [each for each in (chain.front, chain.server) if each is not None]
    plain = "+".join(each.adapter for each in parts)
    if plain != name:
        raise ConfigurationError(
            f"{where}: name takes the server alone, {plain!r}; its mode goes into variant, its version into versions"
        )


def _get_tables(table: Mapping[str, Any], key: str, where: str, form: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ConfigurationError(f"{where}: {key} is an array of tables: write {form}")
    return found


def _get_text(table: Mapping[str, Any], key: str, where: str, form: str, *, required: bool = True) -> str:
    value = table.get(key)
    if value is None and not required:
        return ""
    if value is None:
        raise ConfigurationError(f"{where} has no {key}; write {form}")
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{where}: {key} takes a text, {form}")
    return value.strip()


def _reject_unknown_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigurationError(f"{where} knows no {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")


def _line_numbers(one: Entry, other: Entry) -> str:
    return f" (lines {one.lines[0]} and {other.lines[0]})" if one.lines and other.lines else ""
