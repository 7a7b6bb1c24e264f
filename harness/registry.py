"""Finds what there is to run: adapters, cases, scenarios, outputs, and the entry points that add to them.

This is the one place where the engine reaches up into the other rooms, by name and only when asked: nothing is imported
until a command needs it, and nothing is registered by hand.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wsgi_gauntlet.harness.conformance.catalog import Case, CaseVariants, Scenario, did_you_mean, variants
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.server.adapter import Adapter, Installation
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP as REFERENCE_APP
from wsgi_gauntlet.harness.store import journal, schema_1

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.store.output_format import Output


@dataclass(frozen=True)
class ServerListing:
    """A server as `wsgi-gauntlet servers` lists it; `variants` maps names to what they are, the default first."""

    name: str
    title: str
    variants: dict[str, str]
    features: dict[str, str]
    front: bool
    version: str
    why: str
    get: str


ROOT_PACKAGE = __package__.rpartition(".")[0]


@cache
def adapters() -> Mapping[str, Adapter]:
    """Return every adapter by name: the files of servers/ and the entry points in group `wsgi_gauntlet.servers`."""
    found = {}
    for module in _plugin_modules("servers"):
        adapter = getattr(module, "ADAPTER", None)
        if isinstance(adapter, Adapter):
            found[adapter.name] = adapter
    for point in metadata.entry_points(group="wsgi_gauntlet.servers"):
        found[point.name] = require_adapter(point.load(), f"entry point {point.name}")
    return dict(sorted(found.items()))


@cache
def cases() -> tuple[Case, ...]:
    """Return every case, PEP 3333 first, each area in the order of its file."""
    found: list[Case] = []
    for module in _plugin_modules("suites"):
        for value in vars(module).values():
            if isinstance(value, Case):
                found.append(value)
            elif isinstance(value, CaseVariants):
                found.extend(value.cases)
    return tuple(sorted(found, key=lambda each: not each.id.startswith("pep3333/")))


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Return every scenario, those of a plain run first."""
    found = [
        value for module in _plugin_modules("suites") for value in vars(module).values() if isinstance(value, Scenario)
    ]
    return tuple(sorted(found, key=lambda each: (not each.in_default_run, each.id)))


@cache
def outputs() -> Mapping[str, Output]:
    """Return every output by name."""
    from wsgi_gauntlet.harness.store.output_format import Output

    found = (getattr(module, "OUTPUT", None) for module in _plugin_modules("reports"))
    return {each.name: each for each in found if isinstance(each, Output)}


def terminal() -> Any:
    """Return the module that shows a run on a terminal."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.terminal.progress")


def command_server(name: str, template: str) -> Adapter:
    """Return the adapter of a server that is given as a command template. Raises ConfigurationError."""
    adapter: Adapter = importlib.import_module(f"{ROOT_PACKAGE}.servers.command_template").CommandServer(name, template)
    return adapter


def listings() -> Any:
    """Return the module that prints what there is to run."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.terminal.listings")


def kept() -> Any:
    """Return the module that prints what the cache keeps."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.terminal.environments")


def explaining() -> Any:
    """Return the module that explains cases."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.terminal.explain")


def replaying() -> Any:
    """Return the module that shows a replay."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.terminal.replay")


def cell_words() -> Any:
    """Return the module that puts one cell into words."""
    return importlib.import_module(f"{ROOT_PACKAGE}.reports.text.failure_report")


def load_results(path: Path) -> Results:
    """Return the results in `path`: a run folder, a folder that holds a report alone, or a `results.json`.

    Raises ConfigurationError where it is none of them.
    """
    as_json = importlib.import_module(f"{ROOT_PACKAGE}.reports.writers.json")
    if path.is_dir() and ((path / journal.JOURNAL_FILENAME).exists() or not (path / as_json.FILENAME).exists()):
        return journal.read(path)
    results: Results = as_json.load(path)
    return results


def case(id_: str) -> Case:
    """Return the case with that id. Raises UnknownName, with the nearest ones."""
    known = {each.id: each for each in cases()}
    if id_ in known:
        return known[id_]
    name, several = variants(id_, cases())
    if several:
        names = ", ".join(each.id.removeprefix(f"{name}/") for each in several[:8])
        more = f" and {len(several) - 8} more" if len(several) > 8 else ""
        raise UnknownName(f"{name} is {len(several)} cases: {names}{more}; name one, as {several[0].id}")
    matching = [each for each in known if each.endswith(f"/{id_}")]
    if len(matching) == 1:
        return known[matching[0]]
    near = f" (did you mean {' or '.join(matching[:3])}?)" if matching else did_you_mean(id_, known)
    raise UnknownName(f"no case has the id {id_!r}{near}; `wsgi-gauntlet cases` lists them")


def case_or_variants(id_: str) -> tuple[str, tuple[Case, ...]]:
    """Return the case with that id under its whole name, or the variants that have it in common.

    Raises UnknownName, with the nearest ones.
    """
    name, several = variants(id_, cases())
    if several:
        return name, several
    area = [each for each in cases() if each.id.startswith(f"{id_.strip('/')}/")]
    if area:
        raise UnknownName(
            f"{id_} holds {len(area)} cases, each with a sentence of its own; `wsgi-gauntlet cases {id_}`"
        )
    found = case(id_)
    return found.id, (found,)


def scenario(id_: str) -> Scenario:
    """Return the scenario with that id. Raises UnknownName, with the nearest ones."""
    known = {each.id: each for each in scenarios()}
    if id_ not in known:
        raise UnknownName(f"no scenario has the id {id_!r}{did_you_mean(id_, known)}; there are {', '.join(known)}")
    return known[id_]


def scenarios_named(name: str) -> tuple[Scenario, ...]:
    """Return the scenario with that id, or all of the family of that name, as `slow-headers`. Raises UnknownName."""
    name = schema_1.new_scenario_id(name.rstrip("/"))
    return tuple(each for each in scenarios() if each.id.startswith(f"{name}/")) or (scenario(name),)


def default_variants() -> list[str]:
    """Return the names that a run without servers puts through the gauntlet, fronts last."""
    ordered = sorted(adapters().values(), key=lambda each: each.front)
    chosen = [each for each in ordered if each.default_variants is not None]
    return [name for each in chosen for name in (each.default_variants or ((each.name,) if not each.front else ()))]


def listing(python: str) -> list[ServerListing]:
    """Return every adapter with what there is of it in `python`, servers before fronts."""
    ordered = sorted(adapters().values(), key=lambda each: each.front)
    return [
        ServerListing(
            each.name,
            each.title,
            dict(each.variants),
            dict(each.features),
            each.front,
            **_found(each.find(python)),
        )
        for each in ordered
    ]


def requirements() -> list[str]:
    """Return what pip is to install for every server that it can, one requirement for each distribution."""
    wanted: set[str] = set()
    for each in adapters().values():
        if not each.unavailable_reason:
            wanted.update(each.requires or filter(None, (each.distribution,)))
            wanted.update(name for names in each.extra_requirements.values() for name in names)
    wanted.update(each.setup.distribution for each in cases() if each.setup.distribution)
    # One line for each distribution: `setuptools` beside `setuptools<81` says nothing, `flask` beside `Flask` neither.
    by_name: dict[str, str] = {}
    for requirement in sorted(wanted, key=len):
        by_name[canonicalize_name(Requirement(requirement).name)] = requirement
    return sorted(by_name.values(), key=str.lower)


def _found(found: Installation) -> dict[str, str]:
    return {"version": found.version, "why": found.why, "get": found.get}


def require_adapter(thing: object, where: str) -> Adapter:
    adapter = getattr(thing, "ADAPTER", thing)
    if not isinstance(adapter, Adapter):
        raise ConfigurationError(f"{where} has no ADAPTER that is a wsgi_gauntlet.harness.server.adapter.Adapter")
    return adapter


def load_adapter_module(path: Path) -> ModuleType:
    name = "wsgi_gauntlet_adapter_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"there is no adapter file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - the user's own file may raise anything; they get one line
        raise ConfigurationError(f"{path} does not import: {type(problem).__name__}: {problem}") from None
    return module


def _plugin_modules(package_name: str) -> Iterator[ModuleType]:
    package = importlib.import_module(f"{ROOT_PACKAGE}.{package_name}")
    yield from _import_submodules(package.__path__, f"{ROOT_PACKAGE}.{package_name}.")
    if package_name == "suites":
        for point in metadata.entry_points(group="wsgi_gauntlet.suites"):
            yield point.load()
    if package_name == "reports":
        for point in metadata.entry_points(group="wsgi_gauntlet.reports"):
            yield point.load()


def _import_submodules(path: Iterable[str], prefix: str) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(path, prefix):
        if info.name == f"{ROOT_PACKAGE}.suites.testapp":
            continue  # the app side: it belongs into the server's process, not into this one
        module = importlib.import_module(info.name)
        yield module
        if info.ispkg:
            yield from _import_submodules(module.__path__, f"{info.name}.")
