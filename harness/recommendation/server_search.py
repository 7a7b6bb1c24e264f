"""Which servers a search begins with, and which candidates can be started here."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, Unsupported
from wsgi_gauntlet.harness.model.recommendation import RecommendationCandidate
from wsgi_gauntlet.harness.recommendation.candidates import BaseServer, PossibleCandidate
from wsgi_gauntlet.harness.server import adapter_registry, planning
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.name import ServerSpec, parse
from wsgi_gauntlet.harness.server.plan import Plan

PREFERRED_FRONTS = ("nginx", "caddy", "haproxy", "apache", "lighttpd")
"""Proxies in the order in which the search takes one, if the user names none."""


@dataclass(frozen=True)
class ServerSearch:
    """The interpreter and the app of the search."""

    python: str
    app: str
    app_path: Path | None
    configuration: Configuration

    def plan(self, name: str) -> Plan:
        """Return the plan of the server `name`. Raises ConfigurationError, UnknownName."""
        return planning.plan(
            name, python=self.python, app=self.app, app_path=self.app_path, custom=self.configuration.servers
        )

    def possible(self, name: str) -> PossibleCandidate | None:
        """Return the candidate with a server name, None if it is not installed or cannot do what the name asks."""
        made = self.plan(name)
        if not planning.missing(made).available or made.unsupported_reason():
            return None
        try:
            launches = made.planned_launches()
        except (Unsupported, ConfigurationError):
            return None
        if any(each.address.pipe_socket or each.address.tls for _, each in launches):
            return None
        behind = made.app_plan
        effective = [adapter.conditions(launch) for adapter, launch in launches]
        workers, threads = (effective[0].get(word) for word in ("workers", "threads"))
        if "greenlets" in effective[0]:
            threads = None  # its one thread serves as many requests at a time as there are greenlets
        front = made.adapter.name if made.upstream is not None else ""
        candidate = RecommendationCandidate(
            name,
            behind.adapter.name,
            behind.variant,
            workers if isinstance(workers, int) else behind.settings.workers,
            threads if isinstance(threads, int) else behind.settings.threads,
            front,
            planning.server_info(made).version,
            for_development=behind.adapter.for_development,
        )
        return PossibleCandidate(candidate, repr((behind.adapter.name, behind.variant, front, effective)))


def base_servers(search: ServerSearch, names: Sequence[str]) -> tuple[tuple[BaseServer, ...], tuple[str, ...]]:
    """Return the servers that `names` mean, and the proxies to try before them; without names those installed here.

    Raises UnknownName, NotInstalled for a server that the user named, ConfigurationError if no server is left.
    """
    if not names:
        return _installed(search)
    fronts = [each for each in names if _is_front(each)]
    bases: list[BaseServer] = []
    for name in names:
        if name not in fronts:
            planning.require(search.plan(name))
            found_bases = [_base(search, each) for each in _variants(name)]
            if any(each.fixed for each in found_bases) and (why := search.plan(name).unsupported_reason()):
                raise ConfigurationError(f"--servers {name}: {why}")
            bases += found_bases
    for name in fronts:
        found = adapter_registry.adapters()[parse(name).server.adapter].find(search.python)
        if not found.available:
            raise NotInstalled(f"{name}: {found.missing_message}")
    if not bases:
        raise ConfigurationError(
            f"--servers {','.join(names)} has only proxies: name the servers behind them, as gunicorn,nginx"
        )
    return tuple(bases), tuple(fronts)


def _installed(search: ServerSearch) -> tuple[tuple[BaseServer, ...], tuple[str, ...]]:
    bases = [
        _base(search, name)
        for name in _each_server_first(registry.default_variants())
        if "+" not in name
        and not search.plan(name).adapter.for_development
        and planning.missing(search.plan(name)).available
    ]
    if not bases:
        raise NotInstalled(
            "no server for production is installed; `wsgi-gauntlet servers` lists the commands that install them"
        )
    known = adapter_registry.adapters()
    fronts = [each for each in PREFERRED_FRONTS if each in known and known[each].find(search.python).available]
    return tuple(bases), tuple(fronts[:1])


def _each_server_first(names: Sequence[str]) -> list[str]:
    """Return `names` in the order in which a search measures them: it may not have the time for all.

    The first variant of each server comes first, and among these the servers that most guides to deployment name.
    """
    known = adapter_registry.adapters()
    servers = [re.split(r"[:\[]", name)[0] for name in names]
    guides = [len(known[each].deployment_guides) if each in known else 0 for each in servers]
    order = sorted(range(len(names)), key=lambda place: (servers[:place].count(servers[place]), -guides[place]))
    return [names[place] for place in order]


def _is_front(name: str) -> bool:
    if name.endswith(".py"):
        return False
    parsed = parse(name)
    adapter = adapter_registry.adapters().get(parsed.server.adapter)
    return parsed.front is None and adapter is not None and adapter.front


def _variants(name: str) -> list[str]:
    """Return the server names that `name` means: for a server without a variant, its variants of a plain run."""
    if name.endswith(".py"):
        return [name]
    parsed = parse(name)
    if parsed.server.variant or parsed.server.settings != Settings():
        return [name]
    front, plus, own = name.rpartition("+")
    found = [each for each in registry.default_variants() if "+" not in each and parse(each).server.adapter == own]
    return [f"{front}{plus}{each}" for each in found] or [name]


def _base(search: ServerSearch, name: str) -> BaseServer:
    if name.endswith(".py"):
        return BaseServer(name, fixed=True)
    parsed = parse(name)
    front, _, own = name.rpartition("+")
    if parsed.server.settings != Settings() or (parsed.front is not None and not _is_plain(parsed.front)):
        return BaseServer(own, front, fixed=True)
    behind = search.plan(own)
    advice = behind.adapter.tuned_settings(behind.variant, len(os.sched_getaffinity(0)))
    return BaseServer(own, front, advice.workers, advice.threads)


def _is_plain(front: ServerSpec) -> bool:
    return front.settings == Settings()
