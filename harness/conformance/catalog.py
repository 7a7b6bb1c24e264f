"""`@case` turns a function in suites/ into a case that can be run, named and explained.

The id is the place of the function: `late_call` in `suites/pep3333/start_response.py` is
`pep3333/start-response/late-call`.
A function with `variants` becomes one case for each variant (`.../te-obfuscated/vt`) and gets the value of the variant.
Nothing is registered: registry.py finds the objects of the decorators in the modules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, TypeVar, Unpack

from wsgi_gauntlet.harness.errors import UnknownName
from wsgi_gauntlet.harness.model import Basis, Breach, CaseInfo, Level, Reference, Setup
from wsgi_gauntlet.harness.model.naming import docstring_sections, find_paths, list_paths, nearest_path, within
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.exchange import Exchange


class HasId(Protocol):
    """A case or a scenario."""

    @property
    def id(self) -> str: ...


HasIdT = TypeVar("HasIdT", bound=HasId)

MUST, SHOULD, MAY, INFO = Level.MUST, Level.SHOULD, Level.MAY, Level.INFO

_OWN_PACKAGE = __name__.partition(".")[0]

DEFAULT_DEADLINE_SECONDS = 30.0
"""Default time-out of a case in seconds. A good server on an idle machine needs less than one. A hundred requests to a
program that starts again for each of them need ten."""


@dataclass(frozen=True)
class Case:
    """One requirement: the sentence that demands it, and the function that checks it.

    `needs` names cases that must pass first; else this case is skipped. The first line of the docstring is `summary`.
    Its paragraphs `Sends:`, `Expects:` and `Why:` (why a user cares) are for `explain`.
    `segmentable` allows other segmentations (http/segmentation.py). It is false if the case tests segments itself.
    `time_sensitive` says that the verdict depends on time in a way that the transcript does not show (validity.py).
    `basis` says why the sentence justifies the level (basis.py). `breach` says who breaks a rule in it on purpose.
    `package` is the Python package or the file of the user with the case, '' if it is wsgi-gauntlet.
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
    package: str = ""

    @property
    def area(self) -> str:
        """The suite and file of the case, such as `pep3333/environ`."""
        return "/".join(self.id.split("/")[:2])

    @property
    def own_app(self) -> bool:
        """Whether the case is about a user app and needs one."""
        return self.id.startswith(USER_APP_CASE_PREFIX)

    def info(self) -> CaseInfo:
        """Return the description of this case for reports."""
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
            self.package,
        )


@dataclass(frozen=True)
class CaseVariants:
    """The cases of one function with `variants`."""

    cases: tuple[Case, ...]


class CaseOptions(TypedDict, total=False):
    """The optional fields of `Case` that `@case` takes. `needs` and `breach` may map names of variants to values."""

    tags: Iterable[str]
    needs: Iterable[str] | Mapping[str, Iterable[str]]
    setup: Setup
    deadline: float
    segmentable: bool
    time_sensitive: bool
    breach: Breach | Mapping[str, Breach]


def case(
    level: Level,
    reference: Reference,
    *,
    basis: Basis,
    variants: Mapping[str, Any] | None = None,
    **options: Unpack[CaseOptions],
) -> Callable[[Callable[..., Awaitable[None]]], Case | CaseVariants]:
    """Turn `async def name(exchange)` into a case. Its id is the place of the function.

    With `variants` the function gets the value of the variant as its second argument, and each variant is a case.
    Raises ValueError if `needs` or `breach` names an unknown variant.
    """
    needs = options.get("needs", ())
    breach = options.get("breach", Breach.NOBODY)

    def decorate(function: Callable[..., Awaitable[None]]) -> Case | CaseVariants:
        sections = docstring_sections(function)
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
                tags=tuple(options.get("tags", ())),
                needs=tuple(needs.get(variant, ()) if isinstance(needs, Mapping) else needs),
                basis=basis,
                breach=breach if isinstance(breach, Breach) else breach.get(variant, Breach.NOBODY),
                setup=options.get("setup", Setup()),
                deadline=options.get("deadline", DEFAULT_DEADLINE_SECONDS),
                segmentable=options.get("segmentable", True),
                time_sensitive=options.get("time_sensitive", False),
                package=package if package != _OWN_PACKAGE else "",
            )

        package = function.__module__.partition(".")[0]
        base = _case_id(function)
        if variants is None:
            return make(base, function)
        return CaseVariants(
            tuple(make(f"{base}/{name}", _bind_variant(function, value), name) for name, value in variants.items())
        )

    return decorate


def matching(cases: Iterable[HasIdT], name: str) -> list[HasIdT]:
    """Return the cases, or scenarios, whose id begins with `name`, else those of the one family that ends with it.

    `http/fram`, `http/framing` and `framing` all find the cases in http/framing. Without any such case the list is
    empty. Raises UnknownName if several ids or families end with `name`.
    """
    wanted, known = name.strip("/"), list(cases)
    if found := [each for each in known if each.id.startswith(wanted)]:
        return found
    ids = [each.id for each in known]
    paths = find_paths(wanted, ids)
    if len(paths) > 1:
        raise UnknownName(f"{name} could be {list_paths(paths, ids)}; write one of them")
    chosen = set(within(paths[0], ids)) if paths else set()
    return [each for each in known if each.id in chosen]


def select(cases: Iterable[Case], names: Iterable[str]) -> list[Case]:
    """Return the cases that `matching` finds for one of `names`, in the given order; without names, all cases.

    Raises UnknownName for a name without cases, and for a name that could mean several families.
    """
    known, wanted = list(cases), list(names)
    chosen: set[str] = set()
    for name in wanted:
        found = matching(known, name)
        if not found:
            raise UnknownName(
                f"no case's id begins with {name!r}{nearest_path(name, [each.id for each in known])}; "
                "`wsgi-gauntlet cases` lists them"
            )
        chosen.update(each.id for each in found)
    return [each for each in known if not wanted or each.id in chosen]


def with_dependencies(chosen: Iterable[Case], known: Iterable[Case]) -> list[Case]:
    """Return the cases of `known` that are `chosen` or that a chosen case needs, in the order of `known`.

    Without its needed cases a case would blame the server for the fault of another requirement.
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


def _bind_variant(function: Callable[..., Awaitable[None]], value: Any) -> Callable[[Exchange], Awaitable[None]]:
    async def run(exchange: Exchange) -> None:
        await function(exchange, value)

    return run


def _case_id(function: Callable[..., Any]) -> str:
    # wsgi_gauntlet.suites.pep3333.start_response -> pep3333/start-response; of another package's suite (an entry
    # point) the last two parts count.
    module = function.__module__.split(".")
    inside = module[module.index("suites") + 1 :] if "suites" in module else module[-2:]
    # A folder in a suite is one area.
    return "/".join([*inside[:2], function.__name__]).replace("_", "-")
