"""The commands that list and explain: `servers`, `cases` and `explain`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.commands.check import LEVELS
from wsgi_gauntlet.harness.cli.execute import case_selection
from wsgi_gauntlet.harness.cli.options import Option, command
from wsgi_gauntlet.harness.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class ServersArguments:
    """The options of `servers`."""

    python: Annotated[
        str, Option(["--python"], default=sys.executable, metavar="EXE", help="Interpreter to search for servers.")
    ]
    requirements: Annotated[
        bool,
        Option(["--requirements"], is_flag=True, help="Print the requirements of all servers, for pip install -r."),
    ]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print a JSON document.")]


@command(ServersArguments)
def servers(arguments: ServersArguments) -> None:
    """List servers, their versions and how to install them."""
    from wsgi_gauntlet.harness import registry, session
    from wsgi_gauntlet.reports.terminal import listings

    if arguments.requirements:
        click.echo("\n".join(registry.requirements()))
    else:
        listings.servers(registry.listing(session.interpreter(arguments.python)), arguments.json)


@dataclass(frozen=True, kw_only=True)
class CasesArguments:
    """The options of `cases`."""

    prefix: Annotated[str, click.Argument(["prefix"], default="")]
    level: Annotated[
        tuple[str, ...], Option(["--level"], multiple=True, type=LEVELS, help="Only cases of this level; repeatable.")
    ]
    tag: Annotated[
        tuple[str, ...], Option(["--tag"], multiple=True, metavar="TAG", help="Only cases with this tag; repeatable.")
    ]
    all: Annotated[bool, Option(["--all"], is_flag=True, help="Print only the ids, one per line.")]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print a JSON document.")]


@command(CasesArguments)
def cases(arguments: CasesArguments) -> None:
    """List the cases and the scenarios.

    With PREFIX, only those whose id begins with it. The variants of a case share one line: `cl-syntax (10 variants)`.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.conformance.selection import chosen as choose
    from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id
    from wsgi_gauntlet.reports.terminal import listings

    prefix, level, tag = new_scenario_id(arguments.prefix), arguments.level, arguments.tag
    scenarios = [] if level or tag else [each for each in registry.scenarios() if each.id.startswith(prefix)]
    try:
        chosen = choose(registry.cases(), case_selection((prefix,) if prefix else (), level, tag))
    except UnknownName:
        if not scenarios:
            raise
        chosen = []
    listings.cases(
        [each.info() for each in chosen],
        [each.info() for each in scenarios],
        arguments.json,
        all_ids=arguments.all,
    )


@dataclass(frozen=True, kw_only=True)
class ExplainArguments:
    """The options of `explain`."""

    case: Annotated[str, click.Argument(["case"], metavar="ID")]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print a JSON document.")]


@command(ExplainArguments)
def explain(arguments: ExplainArguments) -> None:
    """Explain a case or a scenario.

    For a case: what it sends and expects, its source, and why a user cares. For a scenario: what it does, and each
    parameter with its unit and its values in quick and full runs. ID may be the common id of several variants.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.model.naming import find_paths, list_paths, nearest_path
    from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id
    from wsgi_gauntlet.reports.terminal import explain as explanations

    id_ = new_scenario_id(arguments.case.strip("/"))
    scenarios = [each.id for each in registry.scenarios()]
    ids = [*scenarios, *(each.id for each in registry.cases())]
    paths = find_paths(id_, ids)
    if not paths:
        raise UnknownName(
            f"no case or scenario has the id {id_!r}{nearest_path(id_, ids)}; `wsgi-gauntlet cases` lists them"
        )
    if len(paths) > 1:
        raise UnknownName(f"{id_} could be {list_paths(paths, ids)}; write one of them")
    if find_paths(paths[0], scenarios) == paths:
        explanations.explain_scenario(registry.scenario(paths[0]), as_json=arguments.json)
    else:
        explanations.explain(*registry.case_or_variants(paths[0]), as_json=arguments.json)
