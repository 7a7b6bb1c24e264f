"""The thresholds of the user in words: broken, not checked, met."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results, ScenarioResult


def thresholds_text(results: Results) -> str:
    """Return how many thresholds of all cells are broken, not checked and met, '' if there are none."""
    counts = [
        (sum(len(cell.broken) for cell in results.load), "broken"),
        (sum(len(cell.unchecked) for cell in results.load), "not checked"),
        (sum(len(cell.met) for cell in results.load), "met"),
    ]
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"Thresholds: {text}." if text else ""


def describe_thresholds(cell: ScenarioResult) -> list[str]:
    """Return a line for each threshold that `cell` breaks, and for each that was not checked."""
    broken = [f"threshold broken: {each.message}" for each in cell.broken]
    return [*broken, *(f"threshold not checked: {each.message}" for each in cell.unchecked)]
