"""docs/load.md lists the scenarios that there are, in the words of the catalogue."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness import registry

DOCUMENT = Path(__file__).parents[3] / "docs" / "load.md"

STAR = " \\*"


def table() -> str:
    """Return the table as it is to stand there."""
    rows = [f"| `{each.id}`{STAR if each.in_default_run else ''} | {each.title} |" for each in registry.scenarios()]
    return "\n".join(["| scenario | what |", "|---|---|", *rows])


def test_every_scenario_is_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert table() in text, f"docs/load.md is to have this table:\n{table()}"


def test_what_it_tells_to_type_exists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for words in (
        "--target",
        "--token",
        "--app",
        "--path",
        "--full",
        "--clients",
        "--duration",
        "--rate",
        "target-app",
    ):
        assert words in text
