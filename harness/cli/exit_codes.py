"""What a run did not find out: servers of which nothing was judged, why, and what the process ends with for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.selection import Selection, chosen
from wsgi_gauntlet.harness.errors import GauntletError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.experiments.short_timeouts import DRY_RUN_FOLDER
from wsgi_gauntlet.harness.model import Grade, Results, Verdict
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol
from wsgi_gauntlet.harness.server.chain_member import build_launch
from wsgi_gauntlet.harness.server.plan import Plan

VERDICTS_WITHOUT_JUDGEMENT = frozenset({Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.ERROR})
"""Verdicts that say nothing of the server."""

GRADES_WITHOUT_JUDGEMENT = frozenset({Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED, Grade.ERROR})
"""Grades that say nothing of the server."""

EXIT_USAGE, INVALID, EXIT_ERROR = 2, 3, 4
NO_SCENARIO_MESSAGE = "nothing was measured: no scenario is for it"


@dataclass(frozen=True)
class UnjudgedReport:
    """What is to be said of servers of which nothing was judged, and the exit code where all else was as expected."""

    lines: tuple[str, ...] = ()
    code: int = 0


def told(results: Results, plans: Sequence[Plan], selection: Selection | None) -> UnjudgedReport:
    """Return what a call of `plans` and `selection` (None for load alone) did not find out.

    A call of which nothing was judged at all is no success, nor is one that names a server that cannot be had. Of one
    shard alone the first may well be so, since the others have the other cells.
    """
    asked = {each.id for each in chosen(registry.cases(), selection)} if selection is not None else None
    found = unjudged_servers(results, [plan.name for plan in plans], asked)
    left = (
        f"nothing to check, {selection.told()} leaves no cell of it" if selection is not None else NO_SCENARIO_MESSAGE
    )
    lines = tuple(f"{server}: {left if why == NO_SCENARIO_MESSAGE else why}" for server, (_, why) in found.items())
    cannot = any(cannot_start_reason(plan) for plan in plans if plan.name in found)
    sharded = selection is not None and selection.shard is not None
    if found and len(found) == len(plans) and not sharded:
        return UnjudgedReport(lines, max(code for code, _ in found.values()))
    return UnjudgedReport(lines, EXIT_USAGE if cannot else 0)


def unjudged_servers(
    results: Results, servers: Sequence[str], asked: Collection[str] | None = None
) -> Mapping[str, tuple[int, str]]:
    """Return each of `servers` of which nothing was judged, with the exit code of that and one line that says why.

    `asked` are the ids of the cases that the call is about, None for all: what these need is no finding of its own.
    """
    found = {}
    for server in servers:
        cells = list(_cells(results, server, asked))
        if not any(judged for judged, _, _ in cells):
            found[server] = _explain([(kind, reason) for _, kind, reason in cells])
    return found


def cannot_start_reason(plan: Plan) -> str:
    """Return why the server cannot be started as it is named, as tiny[tls] where tiny has no TLS; '' where it can."""
    try:
        upstream_launches, protocol = [], Protocol.HTTP
        if plan.upstream is not None:
            protocol, unix = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
            upstream_launches = [_build_launch(replace(plan.upstream, unix=unix), protocol)]
        _build_launch(plan, Protocol.HTTP, upstream_launches)
    except Unsupported as why:
        return str(why)
    except GauntletError:
        return ""  # something else is wrong, and starting it says what
    return ""


def _build_launch(plan: Plan, protocol: Protocol, upstream_launches: Sequence[Launch] = ()) -> Launch:
    if plan.variant in plan.adapter.in_process_variants:
        if plan.unix or plan.settings.tls:
            raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket")
        address = Address(port=1, pipe_socket=str(DRY_RUN_FOLDER))
    elif plan.unix or plan.adapter.unix_only:
        address = Address(path=str(DRY_RUN_FOLDER / "s"), tls=plan.settings.tls or plan.adapter.tls_only)
    else:
        address = Address(port=1, tls=plan.settings.tls or plan.adapter.tls_only)
    launch = build_launch(plan, address, DRY_RUN_FOLDER, protocol, list(upstream_launches))
    plan.adapter.command(launch)  # adapters start and write nothing themselves
    return launch


def _cells(results: Results, server: str, asked: Collection[str] | None) -> Iterator[tuple[bool, str, str]]:
    for check in results.conformance:
        if check.server == server and (asked is None or check.case in asked):
            yield check.verdict not in VERDICTS_WITHOUT_JUDGEMENT, check.verdict, check.actual
    for load in results.load:
        if load.server == server:
            why = load.note or (load.generator.why if load.generator is not None else "")
            yield load.grade not in GRADES_WITHOUT_JUDGEMENT, load.grade, why


def _explain(cells: Sequence[tuple[str, str]]) -> tuple[int, str]:
    if not cells:
        return EXIT_USAGE, NO_SCENARIO_MESSAGE
    kinds = Counter(kind for kind, _ in cells)
    code = EXIT_USAGE
    if Grade.INVALID in kinds or Grade.INCONCLUSIVE in kinds:
        code = INVALID
    if Verdict.ERROR in kinds:
        code = EXIT_ERROR
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    reasons = Counter(reason for _, reason in cells if reason).most_common()
    told = f" ({'mostly: ' if len(reasons) > 1 else ''}{reasons[0][0]})" if reasons else ""
    return code, f"nothing was judged: {counts}{told}"
