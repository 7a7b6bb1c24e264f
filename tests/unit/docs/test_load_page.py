"""docs/load.md lists every scenario of the catalogue, and names options that exist."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness import registry

DOCUMENT = Path(__file__).parents[3] / "docs" / "load.md"

STAR = " \\*"


def table() -> str:
    """Return the table that the page must contain."""
    rows = [f"| `{each.id}`{STAR if each.in_default_run else ''} | {each.title} |" for each in registry.scenarios()]
    return "\n".join(["| scenario | what |", "|---|---|", *rows])


def test_every_scenario_is_listed() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert table() in text, f"docs/load.md must contain this table:\n{table()}"


def test_the_options_of_load_are_described() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for words in (
        "--target",
        "--app",
        "--app-path",
        "--full",
        "--slow-clients",
        "--duration",
        "--background-rate",
        "target-app",
    ):
        assert words in text
