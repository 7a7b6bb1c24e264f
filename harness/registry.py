"""Find the cases, scenarios and outputs of this installation, and of the entry points that add to them.

The harness must not import suites, servers or reports. So this module, and `server/adapter_registry.py`, import them by
name, and only when a command needs them. Nothing is registered by hand.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Protocol

import msgspec

from wsgi_gauntlet.harness.conformance.catalog import Case, CaseVariants
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, UnknownName
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.model import BaseRun, Results
from wsgi_gauntlet.harness.model.naming import (
    did_you_mean,
    find_paths,
    list_paths,
    nearest_path,
    requirement_id,
    within,
)
from wsgi_gauntlet.harness.server.adapter_registry import adapters as adapters
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP as REFERENCE_APP
from wsgi_gauntlet.harness.store import journal, schema_1
from wsgi_gauntlet.harness.store.base_run import base_run
from wsgi_gauntlet.harness.store.output_format import Output

ROOT_PACKAGE = "wsgi_gauntlet"

SCENARIOS_FOLDER = "load"
"""The folder of `suites` that has all scenarios and no case. A check does not import it, nor the generators of load."""


@dataclass(frozen=True)
class ServerListing:
    """A server as `wsgi-gauntlet servers` lists it.

    `variants` and `features` map names to descriptions, the default variant first. `why` says why the server is not
    available, `get` how to install it.
    """

    name: str
    title: str
    variants: dict[str, str]
    features: dict[str, str]
    front: bool
    version: str
    why: str
    get: str


class _ResultsFile(Protocol):
    """The module that reads `results.json`."""

    FILENAME: str

    def load(self, path: Path) -> Results: ...


@cache
def cases() -> tuple[Case, ...]:
    """Return every case: PEP 3333 first, then in the order of the files."""
    found: list[Case] = []
    for module in _modules("suites", without=SCENARIOS_FOLDER):
        for value in vars(module).values():
            if isinstance(value, Case):
                found.append(value)
            elif isinstance(value, CaseVariants):
                found.extend(value.cases)
    return tuple(sorted(found, key=lambda each: not each.id.startswith("pep3333/")))


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Return every scenario: those of a default run first, then by id."""
    found = [
        value
        for module in _modules("suites", SCENARIOS_FOLDER)
        for value in vars(module).values()
        if isinstance(value, Scenario)
    ]
    return tuple(sorted(found, key=lambda each: (not each.in_default_run, each.id)))


@cache
def outputs() -> Mapping[str, Output]:
    """Return every output by name."""
    found = (getattr(module, "OUTPUT", None) for module in _modules("reports", "outputs"))
    return {each.name: each for each in found if isinstance(each, Output)}


def load_results(path: Path) -> Results:
    """Return the results in `path`: a run folder, a folder with a report only, or a `results.json`.

    A run of an older version does not say which servers are for development; the adapters add it. A `results.json`
    has no prose of cases; the catalogue adds it. Raises ConfigurationError if `path` is none of these.
    """
    if not os.path.lexists(path):  # false also of a name that no file can have
        near = did_you_mean(path.name, _run_folders(path.parent))
        raise ConfigurationError(f"there is no {path}{near}; name a run folder or a results.json")
    results_file: _ResultsFile = importlib.import_module(f"{ROOT_PACKAGE}.reports.writers.json")
    if path.is_dir() and (journal.journal_path(path).exists() or not (path / results_file.FILENAME).exists()):
        return _with_documentation(journal.read(path))
    return _with_documentation(_with_prose(results_file.load(path)))


def _with_prose(results: Results) -> Results:
    missing = {name for name, info in results.cases.items() if not info.why}
    try:
        known = {each.id: each.info() for each in cases() if each.id in missing} if missing else {}
    except GauntletError:  # a suite of another package that cannot be imported
        return results
    infos = {
        name: msgspec.structs.replace(info, why=found.why, sent=found.sent, expected=found.expected)
        for name, info in results.cases.items()
        if (found := known.get(name)) and found.summary == info.summary
    }
    return msgspec.structs.replace(results, cases={**results.cases, **infos})


def _with_documentation(results: Results) -> Results:
    servers = {
        name: info if info.for_development else msgspec.structs.replace(info, for_development=_for_development(name))
        for name, info in results.servers.items()
    }
    return msgspec.structs.replace(results, servers=servers)


def _for_development(name: str) -> str:
    """Return what the adapter of a server says about development, '' if no adapter is known."""
    try:
        adapter = adapters().get(parse(name).server.adapter)
    except ConfigurationError:
        return ""
    return adapter.for_development if adapter is not None else ""


def load_base(path: Path) -> BaseRun:
    """Return the run in `path` as the base of a comparison. Raises ConfigurationError as `load_results` does."""
    return base_run(load_results(path), str(path))


def case(id_: str, among: Sequence[Case] | None = None) -> Case:
    """Return the case with this id, or whose id ends with it. Raises UnknownName, with similar ids.

    `among` are the cases to choose from, by default the catalogue.
    """
    name, found = case_or_variants(id_, among)
    if len(found) == 1:
        return found[0]
    names = [each.id.removeprefix(f"{name}/") for each in found]
    shown = names[: max(1, sum(len(", ".join(names[: size + 1])) <= 48 for size in range(len(names))))]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    raise UnknownName(
        f"{name} has {len(names)} variants: {', '.join(shown)}{more}; name one of them, like {found[0].id}"
    )


def case_or_variants(id_: str, among: Sequence[Case] | None = None) -> tuple[str, tuple[Case, ...]]:
    """Return the id and the case, or the common id and all variants of a case. Raises UnknownName, with similar ids.

    `id_` is an id, or the last parts of one. `among` are the cases to choose from, by default the catalogue.
    """
    every = {each.id: each for each in (cases() if among is None else among)}
    paths = find_paths(id_, every)
    if not paths:
        raise UnknownName(f"no case has the id {id_!r}{nearest_path(id_, every)}; `wsgi-gauntlet cases` lists them")
    if len(paths) > 1:
        raise UnknownName(f"{id_} could be {list_paths(paths, every)}; write one of them")
    found = within(paths[0], every)
    if {requirement_id(each) for each in found} != {requirement_id(found[0])}:
        raise UnknownName(
            f"{id_} is a family of {len(found)} cases; name one case: `wsgi-gauntlet cases {paths[0]}` lists them"
        )
    return paths[0], tuple(every[each] for each in found)


def scenario(id_: str) -> Scenario:
    """Return the scenario with this id, or whose id ends with it. Raises UnknownName, with similar ids."""
    found = scenarios_named(id_)
    if len(found) > 1:
        names = ", ".join(each.id for each in found)
        raise UnknownName(f"{id_} is a family of {len(found)} scenarios; name one scenario: {names}")
    return found[0]


def scenarios_named(name: str) -> tuple[Scenario, ...]:
    """Return the scenario with this id, or a whole family like `slow-headers`. The last parts of an id are enough.

    Raises UnknownName, with similar ids.
    """
    known = {each.id: each for each in scenarios()}
    paths = find_paths(schema_1.new_scenario_id(name.rstrip("/")), known)
    if not paths:
        raise UnknownName(
            f"no scenario has the id {name!r}{nearest_path(name, known)}; `wsgi-gauntlet cases` lists them"
        )
    if len(paths) > 1:
        raise UnknownName(f"{name} could be {list_paths(paths, known)}; write one of them")
    return tuple(known[each] for each in within(paths[0], known))


def default_variants() -> list[str]:
    """Return the names of the servers that a run without names tests, proxies last."""
    ordered = sorted(adapters().values(), key=lambda each: each.front)
    chosen = [each for each in ordered if each.default_variants is not None]
    return [name for each in chosen for name in (each.default_variants or ((each.name,) if not each.front else ()))]


def listing(python: str) -> list[ServerListing]:
    """Return every adapter with its installation in `python`, servers before proxies."""
    found = []
    for each in sorted(adapters().values(), key=lambda each: each.front):
        installed = each.find(python)
        found.append(
            ServerListing(
                name=each.name,
                title=each.title,
                variants=dict(each.variants),
                features=dict(each.features),
                front=each.front,
                version=installed.version,
                why=installed.why,
                get=installed.get,
            )
        )
    return found


def requirements() -> list[str]:
    """Return the pip requirements of every server that pip can install, one for each distribution."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted: set[str] = set()
    for each in adapters().values():
        if not each.unavailable_reason:
            wanted.update(each.requires or filter(None, (each.distribution,)))
            wanted.update(name for names in each.extra_requirements.values() for name in names)
    wanted.update(each.setup.distribution for each in cases() if each.setup.distribution)
    # The longest requirement of a distribution is the most exact one: `setuptools<81` replaces `setuptools`.
    by_name: dict[str, str] = {}
    for requirement in sorted(wanted, key=len):
        by_name[canonicalize_name(Requirement(requirement).name)] = requirement
    return sorted(by_name.values(), key=str.lower)


def _run_folders(folder: Path) -> list[str]:
    """Return the names of the run folders in `folder`, none if it cannot be read."""
    marks = (journal.JOURNAL_FILENAME, journal.PLAIN_JOURNAL_FILENAME, "results.json")
    try:
        return [each.name for each in folder.iterdir() if any((each / mark).exists() for mark in marks)]
    except OSError:
        return []


def _modules(package_name: str, folder: str = "", without: str = "") -> Iterator[ModuleType]:
    """Yield the modules in a package, or in one folder of it, and those of the entry points of the package.

    Leave out those in the folder `without`.
    """
    group = f"{ROOT_PACKAGE}.{package_name}"
    name = f"{group}.{folder}".rstrip(".")
    # The test app is for the process of the server.
    left_out = {f"{ROOT_PACKAGE}.suites.testapp", f"{group}.{without}"}
    yield from _import_submodules(importlib.import_module(name).__path__, f"{name}.", left_out)
    for point in metadata.entry_points(group=group):
        yield point.load()


def _import_submodules(path: Iterable[str], prefix: str, left_out: Collection[str]) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(path, prefix):
        if info.name in left_out:
            continue
        module = importlib.import_module(info.name)
        yield module
        if info.ispkg:
            yield from _import_submodules(module.__path__, f"{info.name}.", left_out)
