"""A page for every command, made from its help."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from wsgi_gauntlet.harness.cli.group import HELP_OPTIONS
from wsgi_gauntlet.harness.cli.main import cli

from .page import Page, block, code, collapsed, escape, join, prose, table

FOLDER = "reference/commands"
PROGRAM = "wsgi-gauntlet"
HELP_COLUMNS = 79

Found = tuple[str, click.Command, click.Context]


def commands() -> list[Found]:
    """Return every command with its words and its context, groups before their commands."""
    root = click.Context(cli, info_name=PROGRAM, terminal_width=HELP_COLUMNS, help_option_names=list(HELP_OPTIONS))
    return list(_below(cli, root, ""))


def _below(group: click.Group, context: click.Context, prefix: str) -> Iterator[Found]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        words = f"{prefix} {name}".strip()
        inner = click.Context(command, info_name=name, parent=context, terminal_width=HELP_COLUMNS)
        yield words, command, inner
        if isinstance(command, click.Group):
            yield from _below(command, inner, words)


def pages() -> Iterator[Page]:
    """Yield the list of commands and a page for each."""
    found = commands()
    rows = [
        (f"[{code(f'{PROGRAM} {words}')}]({filename(words)})", prose(_paragraphs(command.help)[0]))
        for words, command, _ in found
    ]
    summary = table(("command", "what it does"), rows)
    yield Page(f"{FOLDER}/index.md", join("# Commands", summary, *_below_options(cli.epilog)))
    yield from (Page(f"{FOLDER}/{filename(each[0])}", _command(*each)) for each in found)


def filename(words: str) -> str:
    """Return the name of the page of the command with these words."""
    return f"{words.replace(' ', '-')}.md"


def _command(words: str, command: click.Command, context: click.Context) -> str:
    parameters = command.get_params(context)
    options = [each for each in parameters if isinstance(each, click.Option) and not each.hidden]
    usage = " ".join([PROGRAM, *words.split(), *command.collect_usage_pieces(context)])
    rows = [_option_row(each, context) for each in options]
    inner = [
        f"- [{code(f'{PROGRAM} {words} {name}')}]({filename(f'{words} {name}')})"
        for name, each in (command.commands.items() if isinstance(command, click.Group) else ())
        if not each.hidden
    ]
    return join(
        f"# {escape(words)}",
        block(usage, "text"),
        "\n\n".join(prose(each) for each in _paragraphs(command.help)),
        "\n".join(inner),
        "## Options",
        table(("option", "what it does"), rows),
        *_below_options(command.epilog),
        collapsed("The help on the terminal", block(f"$ {PROGRAM} {words} --help\n{command.get_help(context)}")),
    )


def _option_row(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join([*option.opts, *option.secondary_opts])
    metavar = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    anchor = max(option.opts, key=len).lstrip("-")
    return f'<span id="{anchor}"></span>[{code(names + metavar)}](#{anchor})', prose(option.help or "")


def _paragraphs(text: str | None) -> list[str]:
    return [" ".join(each.split()) for each in re.split(r"\n\s*\n", (text or "").strip())]


def _below_options(epilog: str | None) -> list[str]:
    """Return what stands below the options in the help: its paragraphs are laid out by hand."""
    found = []
    for part in re.split(r"\n\s*\n", (epilog or "").strip()):
        title, _, text = part.replace("\b\n", "").partition("\n")
        if title:
            found += [f"## {prose(title.rstrip(':'))}", block(_dedent(text))] if text else [prose(title)]
    return found


def _dedent(text: str) -> str:
    lines = text.splitlines()
    indent = min(len(each) - len(each.lstrip()) for each in lines if each.strip())
    return "\n".join(each[indent:] for each in lines)
