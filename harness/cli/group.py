"""Groups of commands. The modules of the commands are imported only when they are needed, which --help is not."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass

import click

HELP_OPTIONS = ("-h", "--help")

EXIT_CODES_HELP = """
\b
Exit codes:
  0    everything as expected
  1    a case failed or a threshold was broken; with a baseline: a case failed
       or passed that the baseline does not expect
  2    wrong usage or configuration; a server cannot do what its name asks,
       for example wsgiref[tls]; or nothing was judged
  3    a measurement is invalid: the generator or this machine could not keep
       up; or every figure is inconclusive; or a threshold was not checked
  4    error: a server did not start, the disk is full, or the harness failed
  130  interrupted; the results so far are saved and reported
"""


class Group(click.Group):
    """A group of commands. Without arguments it prints its help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help if there are no arguments."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


@dataclass(frozen=True)
class CommandEntry:
    """Where the command `variable` is, and the first sentence of its help."""

    module: str
    variable: str
    summary: str


class LazyGroup(Group):
    """A group whose `commands` are LazyCommands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands as click does, without importing them."""
        if not isinstance(self.commands, LazyCommands):
            super().format_commands(ctx, formatter)
            return
        limit = formatter.width - 6 - max(map(len, self.commands))
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands.short_help(name, limit)) for name in sorted(self.commands)])


class LazyCommands(MutableMapping[str, click.Command]):
    """The commands by name; each is imported when it is first asked for."""

    def __init__(self, entries: Mapping[str, CommandEntry]) -> None:
        self._entries = dict(entries)
        self._imported: dict[str, click.Command] = {}

    def short_help(self, name: str, limit: int) -> str:
        """Return what a list of commands says of the command, in at most `limit` characters."""
        return click.Command(name, help=self._entries[name].summary).get_short_help_str(limit)

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._imported:
            entry = self._entries[name]
            found = getattr(importlib.import_module(entry.module), entry.variable)
            assert isinstance(found, click.Command)
            self._imported[name] = found
        return self._imported[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._imported[name] = command
        self._entries.setdefault(name, CommandEntry("", "", command.help or ""))

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._imported.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
