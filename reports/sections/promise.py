"""The table of servers and frameworks: a sign and a count for each pairing, and a line for each framework not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Results, Verdict
from .. import words
from ..promise import Promise, promise
from .names import Names


@dataclass(frozen=True)
class Box:
    """One server with one framework: its worst verdict, how many cases `held` of how many `judged`, '' where none was,
    and the link to the worst cell."""

    verdict: Verdict
    sign: str
    held: str
    judged: str
    link: str
    told: str


@dataclass(frozen=True)
class Row:
    """One server; a box for each framework, None where it has no cell. `lost` says what did not come through."""

    server: str
    boxes: Sequence[Box | None]
    lost: str


@dataclass(frozen=True)
class Table:
    """All of it; `absent` are the frameworks that no server could be given, each with its reason."""

    told: str
    frameworks: Sequence[str]
    rows: Sequence[Row]
    absent: Sequence[tuple[str, str]]


def table(results: Results, names: Names) -> Table | None:
    """Return the table of `results`, None where it has no apps of frameworks."""
    found = promise(results)
    if found is None:
        return None
    rows = [
        Row(server, [_box(found, server, name, names) for name in found.frameworks], found.lost(server))
        for server in found.servers
    ]
    return Table(
        found.told,
        [each.title() for each in found.frameworks],
        rows if found.frameworks else [],
        [(name.title(), why) for name, why in found.absent.items()],
    )


def _box(found: Promise, server: str, framework: str, names: Names) -> Box | None:
    each = found.pairings.get((server, framework))
    if each is None:
        return None
    said = f": {each.worst.actual}" if not each.judged and each.worst.actual else ""
    return Box(
        each.verdict,
        words.VERDICTS[each.verdict].sign,
        str(each.held) if each.judged else "",
        str(each.judged or ""),
        names.cell(server, each.worst.case),
        f"{framework.title()} on {server}: {each.verdict}{said}",
    )
