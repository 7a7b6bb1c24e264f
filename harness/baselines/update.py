"""`--update-baseline`: the file made to say what a run found, every line that stays as it was.

The text is edited by lines, and read again before it counts: a TOML library gives the comment above an entry to the
entry before it, so that deleting one would take its neighbour's comment along.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from ..errors import BadConfiguration
from ..model import Results, ServerInfo, Verdict
from .entries import Baseline, Entry, Served, served
from .file import EXPECTABLE, SERVER, blocks, parse

UNEXPLAINED = "not yet explained"
"""The reason of an entry that nobody has looked into."""

ROUNDS = 8
"""More entries than fit any one cell: with and without variant, by a few ranges of versions."""

_WORST = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
_VERDICT = re.compile(r"""^(\s*verdict\s*=\s*)("[a-z]*"|'[a-z]*')""")


@dataclass(frozen=True)
class Update:
    """The new text of the file, and what is different in it. `expired` entries are met still, and left to a person."""

    text: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    expired: int = 0

    def told(self, path: str) -> str:
        """Return what was done, in one line."""
        counts = {"added": self.added, "corrected": self.changed, "removed": self.removed}
        done = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "nothing to change"
        left = f"; {self.expired} expired and still needed: set their dates by hand" if self.expired else ""
        return f"baseline {path}: {done}{left}"


@dataclass(frozen=True)
class _Plan:
    """What is to become of the entries: `verdicts` maps one's place in the file to its new verdict."""

    removed: frozenset[int]
    verdicts: dict[int, Verdict]
    added: tuple[Entry, ...]
    expired: int


def updated(text: str, where: str, results: Results, today: dt.date, known: Collection[str]) -> Update:
    """Return `text` ('' for a new file) made to say what `results` found; `where` is what messages name.

    An unexpected fail gets an entry; one that passes now loses its own; an expired one is left as it is. Where an entry
    is for several servers of the run and they differ, it gives way to one for each variant that still needs it.

    Raises BadConfiguration where the file is not one, or is written in a form that cannot be edited line by line.
    """
    done = Update(text)
    for _ in range(ROUNDS):  # an entry that goes may have stood before one that fits the same cell
        step = _round(done.text, where, results, today, known)
        if step.text == done.text:
            break
        added, changed, removed = done.added + step.added, done.changed + step.changed, done.removed + step.removed
        done = Update(step.text, added, changed, removed)
    return replace(done, expired=step.expired)


def _round(text: str, where: str, results: Results, today: dt.date, known: Collection[str]) -> Update:
    before = parse(text, where, known)
    plan = _planned(before, results, today)
    if not (plan.removed or plan.verdicts or plan.added):
        return Update(text, expired=plan.expired)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = _edited(text.replace("\r\n", "\n"), before, plan, where)
    after = "".join(line + ending for line in lines)
    if _said(parse(after, where, known).entries) != _said(_meant(before, plan)):
        raise BadConfiguration(f"baseline {where} cannot be edited: write each entry as a table, [[server.expected]]")
    return Update(after, len(plan.added), len(plan.verdicts), len(plan.removed), plan.expired)


def _planned(before: Baseline, results: Results, today: dt.date) -> _Plan:
    found = _found(results)
    spoken: dict[int, dict[Served, Verdict]] = defaultdict(dict)
    added: dict[tuple[str, str, str, str], Entry] = {}
    for (server, case), verdict in found.items():
        entry = before.entry(*server, case, today) or before.expired(*server, case, today)
        if entry is not None:
            spoken[before.entries.index(entry)][server] = verdict
        elif verdict is Verdict.FAIL:
            versions = _versions(server, before) or _own_version(server, case, found)
            new = Entry(server.name, server.variant, versions, case, verdict, _unexplained(server, today))
            added[_whose(new)] = new
    removed: set[int] = set()
    verdicts: dict[int, Verdict] = {}
    expired, taken = 0, set(map(_whose, before.entries))
    for place, by_server in spoken.items():
        entry, came = before.entries[place], set(by_server.values())
        if entry.verdict is Verdict.FLAKY and not entry.expired(today):
            continue
        if came == {Verdict.PASS}:
            removed.add(place)
        elif len(came) == 1 and entry.expired(today):
            expired += 1
        elif len(came) == 1:
            if came != {entry.verdict}:
                verdicts[place] = came.pop()
        elif entry.variant or len({each.variant for each in by_server}) < len(by_server):
            continue  # the same variant came out both ways: there is nothing to tell them apart by
        else:
            own = [
                replace(entry, variant=server.variant, verdict=verdict, lines=None)
                for server, verdict in by_server.items()
                if verdict in EXPECTABLE
            ]
            if taken.isdisjoint(map(_whose, own)):  # else one of them has an entry of its own, which has expired
                removed.add(place)
                added.update({_whose(each): each for each in own})
    return _Plan(frozenset(removed), verdicts, tuple(added.values()), expired)


def _found(results: Results) -> dict[tuple[Served, str], Verdict]:
    """Return the worst verdict of each case on each server as the baseline knows it; info blames nobody, as a pass."""
    found: dict[tuple[Served, str], Verdict] = {}
    for cell in results.checks:
        verdict = Verdict.PASS if cell.verdict is Verdict.INFO else cell.verdict
        if verdict in _WORST:
            server = served(results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True))
            key = (server, cell.case)
            found[key] = min(verdict, found.get(key, verdict), key=_WORST.index)
    return found


def _versions(server: Served, before: Baseline) -> str:
    """Return the range of the table that a new entry goes into, '' for a table of its own."""
    return next((e.versions for e in before.entries if e.variant == server.variant and e.fits(*server)), "")


def _own_version(server: Served, case: str, found: Mapping[tuple[Served, str], Verdict]) -> str:
    """Return the range of `server`'s version alone where another version in the run came out otherwise, else ''."""
    came = {
        verdict
        for (each, other), verdict in found.items()
        if other == case and (each.name, each.variant) == (server.name, server.variant)
    }
    try:
        return f"=={Version(server.version)}" if len(came) > 1 else ""
    except InvalidVersion:
        return ""


def _unexplained(server: Served, today: dt.date) -> str:
    version = f" with {server.version}" if server.version else ""
    return f"{UNEXPLAINED}; found{version} on {today.isoformat()}"


def _meant(before: Baseline, plan: _Plan) -> Iterator[Entry]:
    for place, entry in enumerate(before.entries):
        if place not in plan.removed:
            yield replace(entry, verdict=plan.verdicts.get(place, entry.verdict))
    yield from plan.added


def _said(entries: Iterable[Entry]) -> list[str]:
    return sorted(repr(replace(each, lines=None, table=0, place=0)) for each in entries)


def _edited(text: str, before: Baseline, plan: _Plan, where: str) -> list[str]:
    lines = text.split("\n")
    tables = blocks(text, SERVER)
    if None in tables or any(each.lines is None for each in before.entries):
        raise BadConfiguration(f"baseline {where} cannot be edited: write each entry as a table, [[server.expected]]")
    servers = [each for each in tables if each is not None]
    inserted: dict[int, list[str]] = defaultdict(list)
    dropped: set[int] = set()
    for place, verdict in plan.verdicts.items():
        for number in _numbers(before.entries[place]):
            lines[number] = _VERDICT.sub(rf'\g<1>"{verdict}"', lines[number])
    rest: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in sorted(plan.added, key=lambda each: each.case):
        beside = _beside(entry, before)
        if beside is None:
            rest[entry.server, entry.variant, entry.versions].append(entry)
        else:
            first, last = beside.lines or (0, 0)
            if beside.case < entry.case:
                inserted[last] += ["", *_written(entry)]
            else:
                inserted[_with_comment(lines, first, last).start] += ["", *_written(entry)]
    for place in plan.removed:
        dropped.update(_with_comment(lines, *(before.entries[place].lines or (1, 0))))
    kept = {before.entries[place].table for place in range(len(before.entries)) if place not in plan.removed}
    kept |= {beside.table for entry in plan.added if (beside := _beside(entry, before)) is not None}
    emptied = {before.entries[place].table for place in plan.removed} - kept
    for table in emptied:
        dropped.update(_with_comment(lines, *servers[table]))
    made = []
    for number, line in enumerate([*lines, ""]):
        made += inserted.get(number, [])
        if number not in dropped and number < len(lines):
            made.append(line)
    while made and not made[-1].strip():
        made.pop()
    for (name, variant, versions), entries in sorted(rest.items()):
        made += [*([""] if made else []), "[[server]]", f"name = {_quoted(name)}"]
        made += [f"variant = {_quoted(variant)}"] if variant else []
        made += [f"versions = {_quoted(versions)}"] if versions else []
        for entry in entries:
            made += ["", *_written(entry)]
    return made


def _beside(entry: Entry, before: Baseline) -> Entry | None:
    """Return the entry that a new one goes next to: of its own server's table, the last before it in order."""
    tables = [each for each in before.entries if _whose(each)[:3] == _whose(entry)[:3]]
    own = [each for each in tables if each.table == tables[0].table]
    lower = [each for each in own if each.case < entry.case]
    return next(iter([*lower[::-1], *own]), None)


def _whose(entry: Entry) -> tuple[str, str, str, str]:
    return entry.server, entry.variant, entry.versions, entry.case


def _numbers(entry: Entry) -> range:
    first, last = entry.lines or (1, 0)
    return range(first - 1, last)


def _above(lines: list[str], number: int) -> int:
    """Return the first line of the comment that stands right above line `number`, else that line itself."""
    while number and lines[number - 1].lstrip().startswith("#"):
        number -= 1
    return number


def _with_comment(lines: list[str], first: int, last: int) -> range:
    """Return the lines of a table with the comment right above it and the blank lines before that."""
    start = _above(lines, first - 1)
    if not any(line.strip() for line in lines[:start]) and start != first - 1:
        start = first - 1  # what the file begins with is about the file
    while start and not lines[start - 1].strip():
        start -= 1
    return range(start, last)


def _written(entry: Entry) -> list[str]:
    return [
        "[[server.expected]]",
        f"case = {_quoted(entry.case)}",
        f"verdict = {_quoted(entry.verdict)}",
        f"reason = {_quoted(entry.reason)}",
        *([f"link = {_quoted(entry.link)}"] if entry.link else []),
        *([f"expires = {entry.expires.isoformat()}"] if entry.expires else []),
    ]


def _quoted(text: str) -> str:
    # A JSON string is a TOML one but for DEL, which TOML wants escaped.
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
