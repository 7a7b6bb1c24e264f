"""What a run did not find out: servers of which nothing was judged, why, and what the process ends with for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from . import discover
from .adapter import Launch, Protocol
from .address import Address
from .errors import GauntletError, Unsupported
from .launching.part import launch_of
from .launching.plan import Plan
from .load.hurried import NOWHERE
from .model import Grade, Results, Verdict
from .selection import Selection, chosen

UNJUDGED = frozenset({Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.ERROR})
"""Verdicts that say nothing of the server."""

UNGRADED = frozenset({Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED, Grade.ERROR})
"""Grades that say nothing of the server."""

IMPOSSIBLE, INVALID, TROUBLE = 2, 3, 4
NO_CELL = "nothing was measured: no scenario is for it"


@dataclass(frozen=True)
class Nothing:
    """What is to be said of servers of which nothing was judged, and the exit code where all else was as expected."""

    lines: tuple[str, ...] = ()
    code: int = 0


def told(results: Results, plans: Sequence[Plan], selection: Selection | None) -> Nothing:
    """Return what a call of `plans` and `selection` (None for load alone) did not find out.

    A call of which nothing was judged at all is no success, nor is one that names a server that cannot be had. Of one
    shard alone the first may well be so, since the others have the other cells.
    """
    asked = {each.id for each in chosen(discover.cases(), selection)} if selection is not None else None
    found = unjudged(results, [plan.name for plan in plans], asked)
    left = f"nothing to check, {selection.told()} leaves no cell of it" if selection is not None else NO_CELL
    lines = tuple(f"{server}: {left if why == NO_CELL else why}" for server, (_, why) in found.items())
    cannot = any(impossible(plan) for plan in plans if plan.name in found)
    sharded = selection is not None and selection.shard is not None
    if found and len(found) == len(plans) and not sharded:
        return Nothing(lines, max(code for code, _ in found.values()))
    return Nothing(lines, IMPOSSIBLE if cannot else 0)


def unjudged(
    results: Results, servers: Sequence[str], asked: Collection[str] | None = None
) -> Mapping[str, tuple[int, str]]:
    """Return each of `servers` of which nothing was judged, with the exit code of that and one line that says why.

    `asked` are the ids of the cases that the call is about, None for all: what these need is no finding of its own.
    """
    found = {}
    for server in servers:
        cells = list(_cells(results, server, asked))
        if not any(judged for judged, _, _ in cells):
            found[server] = _why([(kind, reason) for _, kind, reason in cells])
    return found


def impossible(plan: Plan) -> str:
    """Return why the server cannot be started as it is named, as tiny[tls] where tiny has no TLS; '' where it can."""
    try:
        behind, spoken = [], Protocol.HTTP
        if plan.upstream is not None:
            spoken, unix = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
            behind = [_tried(replace(plan.upstream, unix=unix), spoken)]
        _tried(plan, Protocol.HTTP, behind)
    except Unsupported as why:
        return str(why)
    except GauntletError:
        return ""  # something else is wrong, and starting it says what
    return ""


def _tried(plan: Plan, protocol: Protocol, behind: Sequence[Launch] = ()) -> Launch:
    if plan.variant in plan.adapter.socketless:
        if plan.unix or plan.settings.tls:
            raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket")
        address = Address(port=1, door=str(NOWHERE))
    elif plan.unix or plan.adapter.unix_only:
        address = Address(path=str(NOWHERE / "s"), tls=plan.settings.tls or plan.adapter.tls_only)
    else:
        address = Address(port=1, tls=plan.settings.tls or plan.adapter.tls_only)
    launch = launch_of(plan, address, NOWHERE, protocol, list(behind))
    plan.adapter.command(launch)  # adapters start and write nothing themselves
    return launch


def _cells(results: Results, server: str, asked: Collection[str] | None) -> Iterator[tuple[bool, str, str]]:
    for check in results.checks:
        if check.server == server and (asked is None or check.case in asked):
            yield check.verdict not in UNJUDGED, check.verdict, check.actual
    for load in results.loads:
        if load.server == server:
            why = load.note or (load.generator.why if load.generator is not None else "")
            yield load.grade not in UNGRADED, load.grade, why


def _why(cells: Sequence[tuple[str, str]]) -> tuple[int, str]:
    if not cells:
        return IMPOSSIBLE, NO_CELL
    kinds = Counter(kind for kind, _ in cells)
    code = IMPOSSIBLE
    if Grade.INVALID in kinds or Grade.INCONCLUSIVE in kinds:
        code = INVALID
    if Verdict.ERROR in kinds:
        code = TROUBLE
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    reasons = Counter(reason for _, reason in cells if reason).most_common()
    told = f" ({'mostly: ' if len(reasons) > 1 else ''}{reasons[0][0]})" if reasons else ""
    return code, f"nothing was judged: {counts}{told}"
