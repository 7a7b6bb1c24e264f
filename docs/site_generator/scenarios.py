"""A page for every scenario, and their list."""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.load.catalog import Scenario

from .page import Page, block, code, escape, join, prose, table

FOLDER = "reference/scenarios"


def address(scenario: str) -> str:
    """Return the address of a scenario below the root of the site."""
    return f"{FOLDER}/{scenario}.html"


def pages() -> Iterator[Page]:
    """Yield the list and the page of each scenario."""
    found = registry.scenarios()
    yield Page(f"{FOLDER}/index.md", _index(found))
    yield from (Page(f"{FOLDER}/{each.id}.md", _scenario(each)) for each in found)


def _index(scenarios: tuple[Scenario, ...]) -> str:
    rows = [(f"[{escape(each.id)}]({each.id}.md)", prose(each.title), _when(each)) for each in scenarios]
    return join(
        "# Scenarios",
        f"wsgi-gauntlet has {len(scenarios)} scenarios. Each is one experiment under load. "
        "[Load](../../load.md) explains how they measure, and [How to read a grade](../../reading-results.md) what "
        "their results mean.",
        table(("scenario", "what", "runs"), rows),
    )


def _when(scenario: Scenario) -> str:
    if scenario.in_default_run:
        return "in a plain `run`"
    return "with `--full`, or by name" if scenario.full_only else "in a plain `load`"


def _scenario(scenario: Scenario) -> str:
    quick, full = scenario.smoke.values(), scenario.full.values()
    rows = [
        (
            code(each.name),
            f"{quick[each.name]:,.10g}" if each.name in quick else "–",
            f"{full[each.name]:,.10g}" if each.name in full else "–",
            escape(each.unit) or "–",
            prose(each.meaning),
        )
        for each in scenario.declared.values()
    ]
    up = "../" * scenario.id.count("/")
    return join(
        f"# {escape(scenario.id)}",
        f"[All scenarios]({up}index.md) · runs {_when(scenario)}",
        f"**{prose(scenario.title)}**",
        prose(scenario.summary),
        "## Parameters",
        table(("parameter", "quick run", "full run", "unit", "meaning"), rows),
        "`--set NAME=VALUE` sets a parameter. `--slow-clients`, `--duration` and `--background-rate` set `clients`, "
        "`duration` and `rate`.",
        "## Try it",
        block(f"$ wsgi-gauntlet load SERVER --scenario {scenario.id}", "console"),
    )
