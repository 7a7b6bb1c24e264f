"""Lists, explanations and replays fit into a terminal of 80 or 60 columns."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from rich.cells import cell_len
from rich.console import Console

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.registry import ServerListing
from wsgi_gauntlet.harness.server.environments.versioned import CachedEnvironment
from wsgi_gauntlet.reports.terminal import environments, explain, listings
from wsgi_gauntlet.reports.terminal.replay import ReplayPrinter

WIDE = "伺服器" * 10
LONG = "a-very-long-name-of-a-server-or-a-thing-that-has-60-characters"[:60]


def printed(width: int, show: Callable[[Console], None]) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, width=width, height=25, force_terminal=True, legacy_windows=False))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert lines
    return lines


def check(width: int, show: Callable[[Console], None]) -> list[str]:
    lines = printed(width, show)
    for each in lines:
        assert cell_len(each) <= width, each
    return lines


@pytest.mark.parametrize("width", [80, 60])
def test_lists_of_cases_and_scenarios(width: int) -> None:
    cases = [each.info() for each in registry.cases()]
    scenarios = [each.info() for each in registry.scenarios()]
    lines = check(width, lambda out: listings.cases(cases, scenarios, False, out))
    text = " ".join(" ".join(lines).split())
    assert all(each.summary in text for each in cases)
    assert all(each.title in text for each in scenarios)


def test_a_list_without_a_terminal_has_one_line_for_each_case() -> None:
    out = io.StringIO()
    cases = [each.info() for each in registry.cases() if each.id.startswith("http/framing/te-and-cl/")][:1]
    listings.cases(cases, [], False, Console(file=out, width=60))
    assert sum(cases[0].summary in each for each in out.getvalue().splitlines()) == 1


def show_case(name: str, variants: Sequence[Case], out: Console) -> None:
    explain.explain(name, variants, as_json=False, console=out)


def show_scenario(scenario: Scenario, out: Console) -> None:
    explain.explain_scenario(scenario, as_json=False, console=out)


@pytest.mark.parametrize("width", [80, 60])
def test_explanations(width: int) -> None:
    variants: dict[str, list[Case]] = {}
    for each in registry.cases():
        variants.setdefault(requirement_id(each.id), []).append(each)
    for name, cases in variants.items():
        if cases[0].id != name:
            check(width, partial(show_case, name, cases))
    for scenario in registry.scenarios():
        lines = check(width, partial(show_scenario, scenario))
        text = " ".join(" ".join(lines).split())
        assert all(each.meaning in text for each in scenario.declared.values())


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", [LONG, WIDE])
def test_servers_and_environments(width: int, name: str) -> None:
    listing = [
        ServerListing(name, name, {name: name}, {name: name}, False, "1.0", "", ""),
        ServerListing(name, name, {}, {}, True, "", f"{name} is not installed", f"python -m pip install {name}"),
        ServerListing(name, name, {}, {}, True, "", f"{name} is not available", ""),
    ]
    check(width, lambda out: listings.servers(listing, False, out))
    found = [CachedEnvironment(name, f"/a/{name}/{name}", 5_000_000, None)]
    check(width, lambda out: environments.show(found, False, out))


@pytest.mark.parametrize("width", [80, 60])
def test_the_steps_of_a_replay(width: int) -> None:
    def show(out: Console) -> None:
        shown = ReplayPrinter(out)
        data = b"GET /" + b"x" * 300 + b" HTTP/1.1\r\nHost: a b c d e f g h i j k l m n o p q r s t u v\r\n\r\n"
        shown.wire(ConnectionEvent(1.0, 1, ConnectionEventKind.SENT, data))
        shown.wire(ConnectionEvent(1.1, 1, ConnectionEventKind.RECEIVED, data))
        shown.app(AppEvent(1.2, "called", 1, 1, "t", 0, {"path": f"/{LONG}", "query": WIDE, "words": "a b " * 40}))
        shown.log(1.3, f"{WIDE} {LONG} {LONG}")
        shown.process(1.4, LONG * 3)

    lines = check(width, show)
    assert "".join("".join(lines).split()).count("x" * 300) == 2
