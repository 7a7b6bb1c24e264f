"""The views of the page are found in their folder."""

from __future__ import annotations

from importlib import resources

from wsgi_gauntlet.harness.model import SCHEMA, Results
from wsgi_gauntlet.reports.writers.html.view import View, views

FOLDER = resources.files("wsgi_gauntlet.reports.writers.html")


def test_every_module_of_the_folder_is_a_view_with_a_script() -> None:
    names = {each.name for each in views()}
    files = {each.name.removesuffix(".py") for each in FOLDER.joinpath("views").iterdir() if each.name.endswith(".py")}
    assert files - {"__init__"} == names
    scripts = {each.name.removesuffix(".js") for each in FOLDER.joinpath("assets", "js", "views").iterdir()}
    assert scripts == names


def test_no_two_views_have_the_same_route() -> None:
    """Except `#/compare`: a run without cells shows its comparison in rounds there."""
    owners: dict[str, list[str]] = {}
    for each in views():
        for route in (each.address, *each.routes):
            owners.setdefault(route, []).append(each.name)
    assert owners.pop("compare") == ["compare", "rounds"]
    assert {route: names for route, names in owners.items() if len(names) > 1} == {}
    assert "search" not in owners


def test_an_address_has_hyphens() -> None:
    assert View(name="not_judged", title="Not judged", block=lambda _: None).address == "not-judged"


def test_a_run_without_results_has_few_views() -> None:
    empty = Results(SCHEMA, {}, {})
    assert [each.name for each in views() if each.block(empty) is not None] == ["method"]
