"""Links, anchors, command lines and pictures of the documents."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.model import Grade

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
COMMAND = re.compile(r"^(?:\$ |    )(wsgi-gauntlet [a-z].*)$", re.MULTILINE)
SHELL_BLOCK = re.compile(r"^```sh.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
GENERATED = ("reference/", "sample/report.html")
GRADES_OF_VERSION_0_1 = {"immune", "degrades", "collapses", "wedged"}


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of `document`."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each command line of a document, with the document's name."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        scripts = [line for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]
        for line in COMMAND.findall("\n".join([text, *(f"$ {each}" for each in scripts)])):
            words = shlex.split(line, comments=True)
            end = next((number for number, word in enumerate(words) if word in ("&&", "|", ">")), None)
            yield document.name, words[:end]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in (first or second for first, second in LINK.findall(document.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if path.startswith(GENERATED):
            continue  # tests/live/test_docs_site.py follows the links to pages that only the site has
        assert target.exists(), link
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), link


def test_every_command_line_uses_commands_and_options_that_the_help_lists() -> None:
    found = list(command_lines())
    assert len(found) > 40
    for document, words in found:
        command = cli.commands.get(words[1])
        if isinstance(command, click.Group):
            command = command.commands.get(words[2])
        assert command is not None, (document, words)
        listed = {
            name
            for each in command.get_params(click.Context(command, parent=click.Context(cli, **cli.context_settings)))
            if not getattr(each, "hidden", False)
            for name in each.opts
        }
        listed |= set(click.Context(command).help_option_names) | {"--help", "-h"}
        assert {each for each in words[2:] if re.match(r"--?[a-z]", each)} <= listed, (document, words)


@pytest.mark.parametrize("name", ["classroom.svg", "classroom-dark.svg"])
def test_the_picture_of_the_readme_names_the_present_grades(name: str) -> None:
    texts = set(re.findall(r">([^<>]+)</text>", (ROOT / "docs" / name).read_text(encoding="utf-8")))
    assert texts & {each.label for each in Grade}
    assert not texts & GRADES_OF_VERSION_0_1
