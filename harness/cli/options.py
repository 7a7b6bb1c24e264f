"""What every command does with its words before it heeds them: one value for each option, no empty ones, fit files."""

from __future__ import annotations

import math
from pathlib import Path

import click


class Command(click.Command):
    """A command that refuses an option given twice where it takes one value, and values without a character."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart as click does, after a look at what click lets pass."""
        if not ctx.resilient_parsing and not any(each in ctx.help_option_names for each in args):
            values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for each in dict.fromkeys(order):
                if isinstance(each, click.Option) and not each.multiple and not each.is_flag and order.count(each) > 1:
                    raise click.UsageError(f"{_parameter_name(each)} is given twice; it takes one value", ctx)
                given = values.get(each.name or "")
                for value in given if isinstance(given, list | tuple) else (given,):
                    if isinstance(value, str) and not value.strip():
                        raise click.UsageError(
                            f"{_parameter_name(each)} is empty; give it a value or leave it out", ctx
                        )
        rest = super().parse_args(ctx, args)
        for name, value in ctx.params.items():
            if isinstance(value, float) and not math.isfinite(value):  # a range lets it pass
                raise click.UsageError(f"--{name.replace('_', '-')} takes a number, and {value} is none", ctx)
        return rest


class Group(click.Group):
    """A group whose commands are all of that kind; called without a word it prints its help."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help where nothing is asked."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


def path_argument(text: str) -> Path:
    """Return the file or folder that is named on the command line.

    Raises BadParameter for a ~ that no shell has replaced: it would be a folder of that name.
    """
    if text.startswith("~"):
        raise click.BadParameter(
            f"{text}: the shell did not replace the ~; write $HOME, or ./{text} for that very name"
        )
    return Path(text)


def _parameter_name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")
