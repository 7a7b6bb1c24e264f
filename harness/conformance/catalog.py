"""`@case` and `@scenario`: what turns a function in suites/ into something that can be run, named and explained.

The id is where the function stands: `late_call` in `suites/pep3333/start_response.py` is
`pep3333/start-response/late-call`.
A case with `variants` becomes one case for each (`.../te-obfuscated/vt`), its function called with the variant's value.
Nothing is registered anywhere: discover.py finds the objects that the decorators leave in their modules.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from wsgi_gauntlet.harness.errors import UnknownName
from wsgi_gauntlet.harness.model import Basis, Breach, CaseInfo, Level, Reference, ScenarioInfo, Setup
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.exchange import Exchange
    from wsgi_gauntlet.harness.load.context import ScenarioContext
    from wsgi_gauntlet.harness.model import ScenarioResult
    from wsgi_gauntlet.harness.server.plan import Plan

MUST, SHOULD, MAY, INFO = Level.MUST, Level.SHOULD, Level.MAY, Level.INFO

DEFAULT_DEADLINE_SECONDS = 30.0
"""Seconds that a case may take unless it says otherwise. No good server needs one of them on an idle machine; a hundred
requests to a program that starts anew for each need ten."""


@dataclass(frozen=True)
class Case:
    """One requirement: what is asked, by which sentence, and the function that finds out.

    `needs` names cases that must pass first (else this one is skipped). The docstring's first line is `summary`;
    below it stand paragraphs that begin with `Sends:`, `Expects:` and `Why:` (why a user cares), for `explain`.
    `cut` says that it may be sent in pieces (http/segmentation.py): false where pieces, or crowds, are its own subject.
    `timed` says that it rests on when things happened, in a way that the wire does not show (conformance/validity.py).
    `basis` says why the quoted sentence bears the level (basis.py), `breach` who breaks a rule in it on purpose.
    """

    id: str
    level: Level
    reference: Reference
    run: Callable[[Exchange], Awaitable[None]]
    summary: str
    sent: str = ""
    expected: str = ""
    why: str = ""
    tags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    setup: Setup = field(default_factory=Setup)
    deadline: float = DEFAULT_DEADLINE_SECONDS
    segmentable: bool = True
    time_sensitive: bool = False
    basis: Basis = field(kw_only=True)
    breach: Breach = Breach.NOBODY

    @property
    def area(self) -> str:
        """The suite and file that the case stands in, as `pep3333/environ`."""
        return "/".join(self.id.split("/")[:2])

    @property
    def own_app(self) -> bool:
        """Whether it is about an app of the user's own, and runs only where there is one."""
        return self.id.startswith(USER_APP_CASE_PREFIX)

    def info(self) -> CaseInfo:
        """Return what a report shows of this case."""
        return CaseInfo(
            self.id,
            self.level,
            self.tags,
            self.summary,
            self.reference,
            self.why,
            self.sent,
            self.expected,
            self.basis,
            self.breach,
        )


@dataclass(frozen=True)
class CaseVariants:
    """The cases that one function with `variants` stands for."""

    cases: tuple[Case, ...]


def _suits_every_server(_plan: Plan) -> str:
    return ""


@dataclass(frozen=True)
class Scenario:
    """One way of putting a server under load. `in_default_run` says whether a plain `run` includes it.

    One that is `full_only` runs with --full, or where it is asked for by name: it says little in a short time.
    `unfit` says why it means nothing for a server, '' for those it is for: it is left out there as long as the call
    has others.
    """

    id: str
    title: str
    summary: str
    run: Callable[[ScenarioContext], Awaitable[ScenarioResult]]
    smoke: Mapping[str, Any]
    full: Mapping[str, Any]
    in_default_run: bool = False
    full_only: bool = False
    unsuitable_reason: Callable[[Plan], str] = _suits_every_server

    def info(self) -> ScenarioInfo:
        """Return what a report shows of this scenario."""
        return ScenarioInfo(self.id, self.title, self.summary)


def case(
    level: Level,
    reference: Reference,
    *,
    basis: Basis,
    tags: Iterable[str] = (),
    needs: Iterable[str] | Mapping[str, Iterable[str]] = (),
    setup: Setup | None = None,
    deadline: float = DEFAULT_DEADLINE_SECONDS,
    segmentable: bool = True,
    time_sensitive: bool = False,
    variants: Mapping[str, Any] | None = None,
    breach: Breach | Mapping[str, Breach] = Breach.NOBODY,
) -> Callable[[Callable[..., Awaitable[None]]], Case | CaseVariants]:
    """Turn `async def name(x: Exchange)` into the case whose id is the function's place.

    `level` comes from the quoted sentence. With `variants`, the function takes the variant's value as its second
    argument. `breach` and `needs` may be given for some of the variants alone, by name. Time is in seconds.
    For the rest see `Case`. Raises ValueError where such a name is no variant.
    """

    def decorate(function: Callable[..., Awaitable[None]]) -> Case | CaseVariants:
        sections = _docstring_sections(function)
        for given in (needs, breach):
            if isinstance(given, Mapping) and (unknown := sorted(set(given) - set(variants or ()))):
                raise ValueError(f"{_case_id(function)} has no variant {', '.join(unknown)}")

        def make(id_: str, run: Callable[[Exchange], Awaitable[None]], variant: str = "") -> Case:
            return Case(
                id=id_,
                level=level,
                reference=reference,
                run=run,
                summary=sections[""],
                sent=sections["Sends"],
                expected=sections["Expects"],
                why=sections["Why"],
                tags=tuple(tags),
                needs=tuple(needs.get(variant, ()) if isinstance(needs, Mapping) else needs),
                setup=setup or Setup(),
                deadline=deadline,
                segmentable=segmentable,
                time_sensitive=time_sensitive,
                basis=basis,
                breach=breach if isinstance(breach, Breach) else breach.get(variant, Breach.NOBODY),
            )

        base = _case_id(function)
        if variants is None:
            return make(base, function)
        return CaseVariants(
            tuple(make(f"{base}/{name}", _bind_variant(function, value), name) for name, value in variants.items())
        )

    return decorate


def scenario(
    title: str,
    *,
    smoke: Mapping[str, Any],
    full: Mapping[str, Any],
    in_default_run: bool = False,
    full_only: bool = False,
    unsuitable_reason: Callable[[Plan], str] = _suits_every_server,
) -> Callable[[Callable[[ScenarioContext], Awaitable[ScenarioResult]]], Scenario]:
    """Turn `async def name(ctx)` into a scenario; `smoke` and `full` are its parameters, by the same keys."""

    def decorate(function: Callable[[ScenarioContext], Awaitable[ScenarioResult]]) -> Scenario:
        sections = _docstring_sections(function)
        parts = _scenario_place(function)
        description = f"{sections['']} {sections['Why']}".strip()
        return Scenario(
            "/".join(parts), title, description, function, smoke, full, in_default_run, full_only, unsuitable_reason
        )

    return decorate


def server_scenario_pairs(scenarios: Iterable[Scenario], plans: Iterable[Plan]) -> list[tuple[Plan, Scenario]]:
    """Return each scenario with each server that it is for; with all of them where it is for none.

    So who asks for one server and one scenario is told why there is no figure, and who asks for many is not told often.
    """
    servers = list(plans)
    found = []
    for each in scenarios:
        fit = [plan for plan in servers if not each.unsuitable_reason(plan)]
        found += [(plan, each) for plan in fit or servers]
    return found


def select(cases: Iterable[Case], prefixes: Iterable[str]) -> list[Case]:
    """Return the cases whose id lies under one of `prefixes` (all, where there are none), in the given order.

    A prefix is whole words: `http` and `pep3333/environ`, also `pep3333/env`.
    Raises UnknownName where one finds nothing.
    """
    all_cases = list(cases)
    wanted = [prefix.strip("/") for prefix in prefixes]
    for prefix in wanted:
        if not any(each.id.startswith(prefix) for each in all_cases):
            raise UnknownName(
                f"no case's id begins with {prefix!r}{did_you_mean(prefix, _all_prefixes(all_cases))}; "
                "`wsgi-gauntlet cases` lists them"
            )
    return [each for each in all_cases if not wanted or any(each.id.startswith(prefix) for prefix in wanted)]


def with_dependencies(chosen: Iterable[Case], known: Iterable[Case]) -> list[Case]:
    """Return the cases of `known` that are `chosen` or that a chosen one needs, in the order of `known`.

    Without its needs a case would blame a server for what an unselected one is about.
    """
    by_id = {each.id: each for each in known}
    wanted: set[str] = set()
    waiting = [each.id for each in chosen]
    while waiting:
        id_ = waiting.pop()
        if id_ not in wanted and id_ in by_id:
            wanted.add(id_)
            waiting.extend(by_id[id_].needs)
    return [each for each in by_id.values() if each.id in wanted]


def variants(id_: str, cases: Iterable[Case]) -> tuple[str, tuple[Case, ...]]:
    """Return the cases that one function with variants stands for, and what they are called together.

    `id_` is that, or its last word where no other function has the same; ('', ()) where it is neither.
    """
    wanted = id_.strip("/")
    families: dict[str, list[Case]] = {}
    for each in cases:
        # suite/file/function/variant, see _case_id
        if each.id.count("/") == 3:
            families.setdefault(each.id.rpartition("/")[0], []).append(each)
    names = [wanted] if wanted in families else [each for each in families if each.endswith(f"/{wanted}")]
    return (names[0], tuple(families[names[0]])) if len(names) == 1 else ("", ())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' for a near miss, else ''."""
    near = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _all_prefixes(cases: Iterable[Case]) -> set[str]:
    found: set[str] = set()
    for each in cases:
        parts = each.id.split("/")
        found.update("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return found


def _bind_variant(function: Callable[..., Awaitable[None]], value: Any) -> Callable[[Exchange], Awaitable[None]]:
    async def run(exchange: Exchange) -> None:
        await function(exchange, value)

    return run


def _docstring_sections(function: Callable[..., Any]) -> dict[str, str]:
    """Return the docstring by what its parts are for: '' is its first paragraph; a part without a label is a why."""
    found = {"": "", "Sends": "", "Expects": "", "Why": ""}
    first, *rest = re.split(r"\n\s*\n|\n(?=(?:Sends|Expects|Why):)", inspect.cleandoc(function.__doc__ or ""))
    found[""] = " ".join(first.split())
    for part in rest:
        label, colon, text = part.partition(":")
        known = bool(colon) and label in found
        name, content = (label, text) if known else ("Why", part)
        found[name] = " ".join(f"{found[name]} {content}".split())
    return found


def _scenario_place(function: Callable[..., Any]) -> list[str]:
    # suites.load.slow_clients.slow_headers, silent -> slow-headers/silent; suites.load.throughput.capacity -> capacity
    modules = function.__module__.split(".")
    parts = ["claims" if modules[-2:-1] == ["claims"] else modules[-1], function.__name__]
    return [each.replace("_", "-") for each in dict.fromkeys(parts)]


def _case_id(function: Callable[..., Any]) -> str:
    # wsgi_gauntlet.suites.pep3333.start_response -> pep3333/start-response; a suite from elsewhere (an entry
    # point) counts from its last two parts.
    module = function.__module__.split(".")
    inside = module[module.index("suites") + 1 :] if "suites" in module else module[-2:]
    # A folder in a suite is one area, however many files it has.
    return "/".join([*inside[:2], function.__name__]).replace("_", "-")
