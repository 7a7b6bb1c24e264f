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
    from wsgi_gauntlet.harness.model.naming import did_you_mean
    from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id
    from wsgi_gauntlet.reports.terminal import explain as explanations

    id_ = new_scenario_id(arguments.case.strip("/"))
    scenarios = {each.id: each for each in registry.scenarios()}
    if id_ in scenarios:
        explanations.explain_scenario(scenarios[id_], as_json=arguments.json)
        return
    try:
        name, variants = registry.case_or_variants(id_)
    except UnknownName:
        if family := [each for each in scenarios if each.startswith(f"{id_}/")]:
            raise UnknownName(
                f"{id_} is a family of {len(family)} scenarios; name one scenario: {', '.join(family)}"
            ) from None
        near = did_you_mean(id_, [*scenarios, *(each.id for each in registry.cases())])
        if any(each in near for each in scenarios):
            raise UnknownName(
                f"no case or scenario has the id {id_!r}{near}; `wsgi-gauntlet cases` lists them"
            ) from None
        raise
    explanations.explain(name, variants, as_json=arguments.json)
