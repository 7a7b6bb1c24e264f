"""`--update-baseline`: write the verdicts of a run into the file. All other lines stay the same.

The text is edited line by line, and parsed again as a check. A TOML library attaches the comment above an entry to the
entry before it: deleting an entry would delete the comment of the next one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.baseline.entries import Baseline, BaselineServer, Entry, baseline_server
from wsgi_gauntlet.harness.baseline.parser import EXPECTABLE_VERDICTS, SERVER_HEADER, parse, table_line_ranges
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Results, ServerInfo, Verdict

DEFAULT_REASON = "not yet explained"
"""The reason of a new entry."""

MAX_ROUNDS = 8
"""Rounds of edits. A cell matches fewer entries than this: with and without variant, by a few ranges of versions."""

_WORST_FIRST = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
_VERDICT_LINE = re.compile(r"""^(\s*verdict\s*=\s*)("[a-z]*"|'[a-z]*')""")


@dataclass(frozen=True)
class Update:
    """The new text of the file and its changes. `expired` counts the entries that are still needed but expired."""

    text: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    expired: int = 0

    def summary(self, path: str) -> str:
        """Return the changes in one line."""
        counts = {"added": self.added, "corrected": self.changed, "removed": self.removed}
        done = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "nothing to change"
        left = f"; {self.expired} expired and still needed: change their dates by hand" if self.expired else ""
        return f"baseline {path}: {done}{left}"


@dataclass(frozen=True)
class _Edits:
    """The changes of the entries. `verdicts` maps the index of an entry in the file to its new verdict."""

    removed: frozenset[int]
    verdicts: dict[int, Verdict]
    added: tuple[Entry, ...]
    expired: int


def updated(text: str, where: str, results: Results, today: dt.date, known: Collection[str]) -> Update:
    """Return `text` ('' for a new file) with the verdicts of `results`. Messages name `where`.

    An unexpected fail gets an entry. A cell that passes loses its entry. An expired entry stays. If an entry matches
    several servers with different verdicts, one entry for each variant that needs it takes its place.

    Raises ConfigurationError if the file is not a baseline, or has a form that cannot be edited line by line.
    """
    done = Update(text)
    for _ in range(MAX_ROUNDS):  # a removed entry may have hidden a less specific one
        step = _update_once(done.text, where, results, today, known)
        if step.text == done.text:
            break
        added, changed, removed = done.added + step.added, done.changed + step.changed, done.removed + step.removed
        done = Update(step.text, added, changed, removed)
    return replace(done, expired=step.expired)


def _update_once(text: str, where: str, results: Results, today: dt.date, known: Collection[str]) -> Update:
    before = parse(text, where, known)
    edits = _plan_edits(before, results, today)
    if not (edits.removed or edits.verdicts or edits.added):
        return Update(text, expired=edits.expired)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = _edit_lines(text.replace("\r\n", "\n"), before, edits, where)
    after = "".join(line + ending for line in lines)
    if _comparable(parse(after, where, known).entries) != _comparable(_intended_entries(before, edits)):
        raise ConfigurationError(f"baseline {where} cannot be edited: write each entry as a table, [[server.expected]]")
    return Update(after, len(edits.added), len(edits.verdicts), len(edits.removed), edits.expired)


def _plan_edits(before: Baseline, results: Results, today: dt.date) -> _Edits:
    found = _worst_verdicts(results)
    verdicts_by_entry: dict[int, dict[BaselineServer, Verdict]] = defaultdict(dict)
    added: dict[tuple[str, str, str, str], Entry] = {}
    for (server, case), verdict in found.items():
        entry = before.entry(*server, case, today) or before.expired(*server, case, today)
        if entry is not None:
            verdicts_by_entry[before.entries.index(entry)][server] = verdict
        elif verdict is Verdict.FAIL:
            versions = _table_versions(server, before) or _exact_version(server, case, found)
            new = Entry(server.name, server.variant, versions, case, verdict, _default_reason(server, today))
            added[_entry_key(new)] = new
    removed: set[int] = set()
    verdicts: dict[int, Verdict] = {}
    expired, taken = 0, set(map(_entry_key, before.entries))
    for place, by_server in verdicts_by_entry.items():
        entry, verdicts_seen = before.entries[place], set(by_server.values())
        if entry.verdict is Verdict.FLAKY and not entry.expired(today):
            continue
        if verdicts_seen == {Verdict.PASS}:
            removed.add(place)
        elif len(verdicts_seen) == 1 and entry.expired(today):
            expired += 1
        elif len(verdicts_seen) == 1:
            if verdicts_seen != {entry.verdict}:
                verdicts[place] = verdicts_seen.pop()
        elif entry.variant or len({each.variant for each in by_server}) < len(by_server):
            continue  # the same variant has both verdicts, so no entry can separate them
        else:
            own = [
                replace(entry, variant=server.variant, verdict=verdict, lines=None)
                for server, verdict in by_server.items()
                if verdict in EXPECTABLE_VERDICTS
            ]
            if taken.isdisjoint(map(_entry_key, own)):  # else one variant has its own entry, which expired
                removed.add(place)
                added.update({_entry_key(each): each for each in own})
    return _Edits(frozenset(removed), verdicts, tuple(added.values()), expired)


def _worst_verdicts(results: Results) -> dict[tuple[BaselineServer, str], Verdict]:
    """Return the worst verdict of each case on each server. `info` counts as `pass`."""
    found: dict[tuple[BaselineServer, str], Verdict] = {}
    for cell in results.conformance:
        verdict = Verdict.PASS if cell.verdict is Verdict.INFO else cell.verdict
        if verdict in _WORST_FIRST:
            server = baseline_server(results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True))
            key = (server, cell.case)
            found[key] = min(verdict, found.get(key, verdict), key=_WORST_FIRST.index)
    return found


def _table_versions(server: BaselineServer, before: Baseline) -> str:
    """Return the versions of the table for a new entry, '' for a new table."""
    return next((e.versions for e in before.entries if e.variant == server.variant and e.matches(*server)), "")


def _exact_version(server: BaselineServer, case: str, found: Mapping[tuple[BaselineServer, str], Verdict]) -> str:
    """Return a range with only the version of `server` if another version has another verdict, else ''."""
    verdicts_seen = {
        verdict
        for (each, other), verdict in found.items()
        if other == case and (each.name, each.variant) == (server.name, server.variant)
    }
    try:
        return f"=={Version(server.version)}" if len(verdicts_seen) > 1 else ""
    except InvalidVersion:
        return ""


def _default_reason(server: BaselineServer, today: dt.date) -> str:
    version = f" with {server.version}" if server.version else ""
    return f"{DEFAULT_REASON}; found{version} on {today.isoformat()}"


def _intended_entries(before: Baseline, edits: _Edits) -> Iterator[Entry]:
    for place, entry in enumerate(before.entries):
        if place not in edits.removed:
            yield replace(entry, verdict=edits.verdicts.get(place, entry.verdict))
    yield from edits.added


def _comparable(entries: Iterable[Entry]) -> list[str]:
    return sorted(repr(replace(each, lines=None, table=0, place=0)) for each in entries)


def _edit_lines(text: str, before: Baseline, edits: _Edits, where: str) -> list[str]:
    lines = text.split("\n")
    tables = table_line_ranges(text, SERVER_HEADER)
    if None in tables or any(each.lines is None for each in before.entries):
        raise ConfigurationError(f"baseline {where} cannot be edited: write each entry as a table, [[server.expected]]")
    servers = [each for each in tables if each is not None]
    inserted: dict[int, list[str]] = defaultdict(list)
    dropped: set[int] = set()
    for place, verdict in edits.verdicts.items():
        for number in _line_indexes(before.entries[place]):
            lines[number] = _VERDICT_LINE.sub(rf'\g<1>"{verdict}"', lines[number])
    rest: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in sorted(edits.added, key=lambda each: each.case):
        adjacent = _adjacent_entry(entry, before)
        if adjacent is None:
            rest[entry.server, entry.variant, entry.versions].append(entry)
        else:
            first, last = adjacent.lines or (0, 0)
            if adjacent.case < entry.case:
                inserted[last] += ["", *_format_entry(entry)]
            else:
                inserted[_lines_with_comment(lines, first, last).start] += ["", *_format_entry(entry)]
    for place in edits.removed:
        dropped.update(_lines_with_comment(lines, *(before.entries[place].lines or (1, 0))))
    tables_in_use = {before.entries[place].table for place in range(len(before.entries)) if place not in edits.removed}
    tables_in_use |= {
        adjacent.table for entry in edits.added if (adjacent := _adjacent_entry(entry, before)) is not None
    }
    emptied = {before.entries[place].table for place in edits.removed} - tables_in_use
    for table in emptied:
        dropped.update(_lines_with_comment(lines, *servers[table]))
    made = []
    for number, line in enumerate([*lines, ""]):
        made += inserted.get(number, [])
        if number not in dropped and number < len(lines):
            made.append(line)
    while made and not made[-1].strip():
        made.pop()
    for (name, variant, versions), entries in sorted(rest.items()):
        made += [*([""] if made else []), "[[server]]", f"name = {_toml_string(name)}"]
        made += [f"variant = {_toml_string(variant)}"] if variant else []
        made += [f"versions = {_toml_string(versions)}"] if versions else []
        for entry in entries:
            made += ["", *_format_entry(entry)]
    return made


def _adjacent_entry(entry: Entry, before: Baseline) -> Entry | None:
    """Return the entry next to which a new one is inserted: the last one before it in the table of its server."""
    tables = [each for each in before.entries if _entry_key(each)[:3] == _entry_key(entry)[:3]]
    own = [each for each in tables if each.table == tables[0].table]
    lower = [each for each in own if each.case < entry.case]
    return next(iter([*lower[::-1], *own]), None)


def _entry_key(entry: Entry) -> tuple[str, str, str, str]:
    return entry.server, entry.variant, entry.versions, entry.case


def _line_indexes(entry: Entry) -> range:
    first, last = entry.lines or (1, 0)
    return range(first - 1, last)


def _comment_start(lines: list[str], number: int) -> int:
    """Return the first line of the comment directly above line `number`, or that line itself."""
    while number and lines[number - 1].lstrip().startswith("#"):
        number -= 1
    return number


def _lines_with_comment(lines: list[str], first: int, last: int) -> range:
    """Return the lines of a table, of the comment directly above it and of the blank lines before that."""
    start = _comment_start(lines, first - 1)
    if not any(line.strip() for line in lines[:start]) and start != first - 1:
        start = first - 1  # the first comment is about the whole file
    while start and not lines[start - 1].strip():
        start -= 1
    return range(start, last)


def _format_entry(entry: Entry) -> list[str]:
    return [
        "[[server.expected]]",
        f"case = {_toml_string(entry.case)}",
        f"verdict = {_toml_string(entry.verdict)}",
        f"reason = {_toml_string(entry.reason)}",
        *([f"link = {_toml_string(entry.link)}"] if entry.link else []),
        *([f"expires = {entry.expires.isoformat()}"] if entry.expires else []),
    ]


def _toml_string(text: str) -> str:
    # JSON strings are TOML strings, but TOML needs an escape for DEL.
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
