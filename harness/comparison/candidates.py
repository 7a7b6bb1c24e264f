"""The candidates of a comparison: their letters, and the options that belong to one of them.

`--python B=/opt/python3.13/bin/python3` is for the candidate B, `--python gunicorn=...` for all candidates that are
named gunicorn, `--python ...` for all others. --app and --config have the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.comparison.runner import letter
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import EventHandler
from wsgi_gauntlet.harness.model import Candidate, ServerInfo
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_config import NAMED_FILE
from wsgi_gauntlet.harness.server.user_app import is_user_app

MIN_CANDIDATES, MAX_CANDIDATES = 2, 8

CUSTOM = "custom"
"""The name of the server that --command describes."""


@dataclass(frozen=True)
class CandidateOptions:
    """How one candidate is started."""

    letter: str
    server: str
    name: str
    python: str
    app: str
    command: str
    config: tuple[str, ...]


@dataclass(frozen=True)
class PlannedCandidate:
    """A candidate with its plan. The plan has the name of the candidate."""

    candidate: Candidate
    plan: Plan

    @property
    def info(self) -> ServerInfo:
        """The description of the server in the results."""
        return planning.server_info(self.plan)


def candidate_options(
    servers: Sequence[str],
    *,
    python: Sequence[str],
    default_python: str,
    app: Sequence[str],
    command: str,
    config: Sequence[str],
) -> tuple[CandidateOptions, ...]:
    """Return the options of each candidate. Raises ConfigurationError."""
    if not MIN_CANDIDATES <= len(servers) <= MAX_CANDIDATES:
        raise ConfigurationError(
            f"compare takes {MIN_CANDIDATES} to {MAX_CANDIDATES} servers, for example `wsgi-gauntlet compare gunicorn "
            "waitress`; name a server twice to see how much it differs from itself"
        )
    letters = [letter(number) for number in range(len(servers))]
    pythons = _values("--python", python, letters, servers)
    apps = _values("--app", app, letters, servers)
    configs = [_configs(config, each, name) for each, name in zip(letters, servers, strict=True)]
    _require_used_configs(config, configs)
    if command and CUSTOM not in servers:
        raise ConfigurationError(
            f"--command describes the server named {CUSTOM}: compare it, as `compare custom gunicorn`"
        )
    return tuple(
        CandidateOptions(
            own,
            server,
            server if servers.index(server) == number else f"{server} ({own})",
            pythons[number] or default_python,
            apps[number] or registry.REFERENCE_APP,
            command if server == CUSTOM else "",
            configs[number],
        )
        for number, (own, server) in enumerate(zip(letters, servers, strict=True))
    )


def plan_candidate(
    options: CandidateOptions, common: session.RunOptions, configuration: Configuration, handle: EventHandler
) -> PlannedCandidate:
    """Return the candidate with its plan. Raises as `session.plan_servers` does, and for a server without a socket."""
    (plan,) = session.plan_servers(
        replace(
            common,
            servers=(options.server,),
            python=options.python,
            app=options.app,
            app_setup=common.app_setup if is_user_app(options.app) else AppSetupOptions(),
            command=options.command,
            config=options.config,
        ),
        configuration,
        handle,
    )
    if reason := plan.unsupported_reason():
        raise ConfigurationError(f"{plan.name}: {reason}")
    named = replace(plan, name=options.name)
    found = planning.server_info(named)
    return PlannedCandidate(
        Candidate(
            options.letter,
            options.server,
            options.name,
            found.version,
            options.python,
            options.app if is_user_app(options.app) else "",
        ),
        named,
    )


def _values(option: str, given: Sequence[str], letters: Sequence[str], servers: Sequence[str]) -> list[str]:
    """Return the value of `option` for each candidate, '' if it has none. Raises ConfigurationError."""
    found = ["" for _ in servers]
    everybody = ""
    for text in given:
        names = [each for each in (*letters, *servers) if text.startswith(f"{each}=")]
        if not names:
            if everybody:
                raise ConfigurationError(
                    f"{option} {text}: {option} is given twice; write which server it is for: A={text}"
                )
            everybody = text
            continue
        name = max(names, key=len)
        value = text.removeprefix(f"{name}=")
        if not value:
            raise ConfigurationError(f"{option} {text}: write a value after =")
        for place, own in enumerate(zip(letters, servers, strict=True)):
            if name in own:
                if found[place]:
                    raise ConfigurationError(f"{option} {text}: {own[0]} has a value already; give it one")
                found[place] = value
    return [each or everybody for each in found]


def _configs(given: Sequence[str], own_letter: str, server: str) -> tuple[str, ...]:
    """Return the values of --config that one candidate uses."""
    found = []
    for text in given:
        if text.startswith(f"{own_letter}="):
            found.append(text.removeprefix(f"{own_letter}="))
        elif _is_for_letter(text):
            continue
        elif (named := NAMED_FILE.fullmatch(text)) is None or named["server"] in _adapters(server):
            found.append(text)
    return tuple(found)


def _is_for_letter(text: str) -> bool:
    return len(text) > 1 and text[0] in map(letter, range(MAX_CANDIDATES)) and text[1] == "="


def _adapters(server: str) -> set[str]:
    if server.endswith(".py"):
        return set()
    name = parse(server)
    return {name.server.adapter, *((name.front.adapter,) if name.front else ())}


def _require_used_configs(given: Sequence[str], configs: Sequence[Sequence[str]]) -> None:
    used = {each for one in configs for each in one}
    for text in given:
        if text not in used and (not _is_for_letter(text) or text[2:] not in used):
            raise ConfigurationError(f"--config {text}: no server of this comparison uses it; name one of them")
