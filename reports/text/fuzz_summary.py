"""The result of a fuzzing run for people: a few lines for the terminal, and a summary in Markdown."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.fuzz.byte_shapes import escaped
from wsgi_gauntlet.harness.fuzz.campaign import Campaign
from wsgi_gauntlet.harness.fuzz.causes import Cause
from wsgi_gauntlet.reports.text.labels import pluralize

MAX_TERMINAL_CAUSES = 10
"""Causes that the terminal shows."""

MAX_CASES_SHOWN = 3
"""Cases that are named for one cause."""


def terminal(campaign: Campaign, folder: Path) -> str:
    """Return the lines for the terminal. The files are in `folder`."""
    new = campaign.new_causes
    lines = [_first_line(campaign), *_notes(campaign)]
    if new:
        lines.append("No case sends such a request:")
    for each in new[:MAX_TERMINAL_CAUSES]:
        lines += [f"  {each.title}", f"    {', '.join(each.servers)}: {each.difference} (reference | server)"]
    if len(new) > MAX_TERMINAL_CAUSES:
        lines.append(f"  and {len(new) - MAX_TERMINAL_CAUSES} more")
    lines.append(f"Written to {folder}: summary.md, cases.toml (for `check --cases`) and fuzz.json")
    return "\n".join(lines)


def markdown(campaign: Campaign) -> str:
    """Return the summary."""
    lines = ["# Differences between servers", "", _first_line(campaign), *_notes(campaign), ""]
    lines += ["| server | version | inputs with another reaction than the reference server |", "|---|---|---|"]
    for name, version in campaign.servers.items():
        count = campaign.disagreeing.get(name)
        lines.append(f"| {name} | {version or '-'} | {'-' if count is None else count} |")
    lines += [
        "",
        "A difference says nothing about who is right. The sections of the RFCs decide that, or leave it open.",
    ]
    for title, causes in (
        ("No case sends such a request", campaign.new_causes),
        ("A case sends such a request", campaign.known_causes),
        ("Differences in any rejected request", campaign.general_causes),
    ):
        if causes:
            lines += ["", f"## {title}: {len(causes)}"]
        for each in causes:
            lines += _cause(each)
    return "\n".join(lines) + "\n"


def _first_line(campaign: Campaign) -> str:
    causes = pluralize(len(campaign.causes), "cause")
    return (
        f"Seed {campaign.seed}, {pluralize(campaign.sent, 'input')}: {causes} of differences, "
        f"{len(campaign.new_causes)} of them in no case."
    )


def _notes(campaign: Campaign) -> list[str]:
    notes = []
    if campaign.stopped:
        notes.append(
            f"Stopped early: {campaign.stopped}. {campaign.sent} of {campaign.planned} inputs were compared, so "
            "another run may find something else."
        )
    if campaign.not_repeated:
        notes.append(f"Dropped because they did not repeat: {campaign.not_repeated}.")
    if campaign.left_over:
        notes.append(f"Inputs whose cause was not sought any more: {campaign.left_over}.")
    return notes


def _cause(cause: Cause) -> list[str]:
    shown = ", ".join(f"`{each}`" for each in cause.cases[:MAX_CASES_SHOWN])
    more = f" and {len(cause.cases) - MAX_CASES_SHOWN} more" if len(cause.cases) > MAX_CASES_SHOWN else ""
    lines = [
        "",
        f"### {_plain(cause.title)}",
        "",
        f"`{cause.id}`, {len(cause.data)} bytes, {pluralize(cause.inputs, 'input')}: {', '.join(cause.servers)}  ",
        f"{_plain(str(cause.difference))} (reference | server)  ",
        f"Sections: {', '.join(cause.sections)}",
        "",
        f"    {escaped(cause.data)}",
        "",
    ]
    lines += [f"- {name}: {_plain(observed.describe())}" for name, observed in cause.reactions.items()]
    return lines + ([f"- cases: {shown}{more}"] if shown else [])


def _plain(text: str) -> str:
    """Return `text` without characters that Markdown or HTML would read as markup."""
    return "".join(f"\\{each}" if each in "\\`*_<>[]|#" else each for each in text)
