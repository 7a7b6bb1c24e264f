"""The options of the commands as frozen types, and the click classes that read them.

A command has one type of options. Each field declares its option or argument: `Annotated[type, click.Option(...)]`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args, get_type_hints

import click
import msgspec

from wsgi_gauntlet.harness.cli.group import HELP_OPTIONS
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions

if TYPE_CHECKING:
    from click.parser import _OptionParser

T = TypeVar("T")

OLD_NAMES = {
    "--app-path": "--path",
    "--background-rate": "--rate",
    "--rerun-failed": "--failed-in",
    "--slow-clients": "--clients",
}
"""The names of options in version 0.1. They still work in version 0.2, and no help shows them."""

CONFIGURATION_HELP = """
\b
Configuration: [tool.wsgi-gauntlet] of the nearest pyproject.toml, from this
folder up to the top of the repository. --verbose names the file.
"""

PUBLIC_OPTION = "--public"

SERVER_NAMES_HELP = """
\b
SERVER is a name that `wsgi-gauntlet servers` lists, or an adapter file:
  gunicorn   gunicorn:gthread   gunicorn[workers=4,threads=2]
  gunicorn@27.0.1   nginx+gunicorn:sync   nginx+uwsgi   ./my_adapter.py
"""


class Option(click.Option):
    """An option that also accepts its old name."""

    def add_to_parser(self, parser: _OptionParser, ctx: click.Context) -> None:
        """Add the option to `parser` under its shown and its old names."""
        shown = self.opts
        self.opts = [*shown, *(OLD_NAMES[each] for each in shown if each in OLD_NAMES)]
        super().add_to_parser(parser, ctx)
        self.opts = shown


@dataclass(frozen=True)
class OutputRequests:
    """The outputs that the user asks for: `files` by output, and those that are `printed` on stdout.

    With `public` every output leaves out paths and names of this machine.
    """

    files: dict[str, Path] = field(default_factory=dict)
    printed: tuple[str, ...] = ()
    public: bool = False


class _OutputOptions:
    """Marks the field of a command's options that has one option for each output of this installation."""


class OptionBlock:
    """Marks a field whose type is a dataclass of options that several commands share."""


class Command(click.Command):
    """A command that rejects empty values, and a second value for an option that takes one.

    With `has_output_options` it has one option for each output. They are made when the command is used: until then, the
    outputs, and all that they import, are not loaded.
    """

    has_output_options = False

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, with the options of the outputs before the help option."""
        found = super().get_params(ctx)
        if not self.has_output_options:
            return found
        at = len(self.params)
        return [*found[:at], *output_options({option for each in self.params for option in each.opts}), *found[at:]]

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the same names in every context: click keeps the option of the first one."""
        return list(HELP_OPTIONS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args` and check what click does not check."""
        if not ctx.resilient_parsing and not any(each in ctx.help_option_names for each in args):
            try:
                values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            except click.NoSuchOption as problem:
                new_names = {old: new for new, old in OLD_NAMES.items()}
                similar = dict.fromkeys(new_names.get(each, each) for each in problem.possibilities or ())
                near = f" (did you mean {' or '.join(similar)}?)" if similar else ""
                raise click.UsageError(f"No such option {problem.option_name}{near}", ctx) from None
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
            if isinstance(value, float) and not math.isfinite(value):  # click.FloatRange accepts nan
                raise click.UsageError(f"--{name.replace('_', '-')} takes a number; {value} is not a number", ctx)
        return rest


def command(options: type[T], *, epilog: str = "") -> Callable[[Callable[[T], None]], click.Command]:
    """Turn a function of one `options` object into a command; its docstring is the help."""

    def decorate(function: Callable[[T], None]) -> click.Command:
        hints = get_type_hints(options, include_extras=True)
        requests = [name for name, hint in hints.items() if _OutputOptions in get_args(hint)]

        def run(**values: object) -> None:
            for name in requests:
                values = {**values, name: _output_requests(values)}
            function(msgspec.convert(_nested(options, values), options))

        parameters = _declared(options)
        made = Command(function.__name__, callback=run, params=parameters, help=function.__doc__, epilog=epilog)
        made.has_output_options = bool(requests)
        return made

    return decorate


def _declared(options: type) -> list[click.Parameter]:
    """Return the parameters that the fields of `options` declare, in their order."""
    found: list[click.Parameter] = []
    for name, hint in get_type_hints(options, include_extras=True).items():
        arguments = get_args(hint)
        if OptionBlock in arguments:
            found += _declared(arguments[0])
        elif _OutputOptions not in arguments:
            (parameter,) = (each for each in arguments if isinstance(each, click.Parameter))
            assert parameter.name == name, (options, name)
            found.append(parameter)
    return found


def _nested(options: type, values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of the fields of `options`, those of a block in a mapping of their own."""
    hints = get_type_hints(options, include_extras=True)
    return {
        name: _nested(get_args(hint)[0], values) if OptionBlock in get_args(hint) else values[name]
        for name, hint in hints.items()
    }


def output_options(taken: Collection[str] = ()) -> list[click.Parameter]:
    """Return the options that all outputs of this installation have, and --public.

    Raises ConfigurationError if the option of an output is one of those that are `taken`.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.errors import ConfigurationError

    found: list[click.Parameter] = []
    for each in registry.outputs().values():
        if not each.option_help:
            continue
        if each.printed:
            made = Option([each.option, _parameter(each.name)], is_flag=True, help=each.option_help)
        else:
            made = Option(
                [each.option, _parameter(each.name)], type=path_argument, metavar="FILE", help=each.option_help
            )
        if each.option in (*taken, *HELP_OPTIONS, PUBLIC_OPTION):
            raise ConfigurationError(f"the output {each.name} has the name of an option; rename it in its package")
        found.append(made)
    found.append(
        Option([PUBLIC_OPTION], is_flag=True, help="Leave paths and names of this machine out of every output.")
    )
    return found


def _parameter(output: str) -> str:
    return f"output_{output}".replace("-", "_")


def _output_requests(values: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of OutputRequests. Raises UsageError if two outputs would be printed."""
    from wsgi_gauntlet.harness import registry

    outputs = registry.outputs().values()
    asked = {each: value for each in outputs if (value := values.get(_parameter(each.name))) not in (None, False)}
    printed = [each for each in asked if each.printed]
    if len(printed) > 1:
        options = " and ".join(each.option for each in printed)
        raise click.UsageError(f"{options} cannot be combined: both are printed on stdout; choose one")
    return {
        "files": {each.name: value for each, value in asked.items() if not each.printed},
        "printed": [each.name for each in printed],
        "public": values["public"],
    }


def path_argument(text: str) -> Path:
    """Return a file or folder of the command line. Raises BadParameter if it begins with a ~."""
    if text.startswith("~"):
        raise click.BadParameter(
            f"{text}: the shell did not replace the ~; write $HOME, or ./{text} if the name begins with ~"
        )
    return Path(text)


PythonOption = Annotated[
    str, Option(["--python"], default=sys.executable, metavar="EXE", help="Interpreter that runs the servers.")
]
AppOption = Annotated[
    str | None, Option(["--app"], metavar="MODULE:NAME", help="User app to serve beside the test app.")
]
AppPathOption = Annotated[
    str | None, Option(["--app-path"], metavar="/PAGE", help="Page of the user app to request [/].")
]
ShardOption = Annotated[
    str | None,
    Option(["--shard"], metavar="K/N", help="Only part K of N; all N parts together are the whole run."),
]

TrafficOption = Annotated[
    Path | None,
    Option(
        ["--traffic"],
        type=path_argument,
        metavar="FILE",
        help="Requests of the users, a TOML or HAR file, in place of --app-path; `traffic check` shows them.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class AppSetupArguments:
    """The options that say how the user app is run, of every command with --app."""

    app_dir: Annotated[
        Path | None,
        Option(["--app-dir"], type=path_argument, metavar="DIR", help="Folder to import the user app from [., src]."),
    ]
    env_file: Annotated[
        Path | None,
        Option(
            ["--env-file"], type=path_argument, metavar="FILE", help="Variables of the user app, as NAME=VALUE lines."
        ),
    ]
    before: Annotated[
        str,
        Option(
            ["--before"],
            default="",
            metavar="COMMAND",
            help="Shell command before a server starts: 'python manage.py migrate'.",
        ),
    ]
    after: Annotated[
        str, Option(["--after"], default="", metavar="COMMAND", help="Shell command after a server stopped.")
    ]
    fresh_copy: Annotated[
        Path | None,
        Option(
            ["--fresh-copy"],
            type=path_argument,
            metavar="DIR",
            help="Folder of which every server gets a fresh copy, and runs the user app in it.",
        ),
    ]
    static: Annotated[
        tuple[str, ...],
        Option(
            ["--static"],
            multiple=True,
            metavar="/PREFIX=DIR",
            help="Files that a proxy or uWSGI sends by itself: /static=shop/static; repeatable.",
        ),
    ]

    def options(self) -> AppSetupOptions:
        """Return the options as the harness takes them."""
        return AppSetupOptions(self.app_dir, self.env_file, self.before, self.after, self.fresh_copy, self.static)


AppSetupBlock = Annotated[AppSetupArguments, OptionBlock]

AllChangesOption = Annotated[
    bool, Option(["--all"], is_flag=True, help="List every case that a version fixed or broke.")
]
ConfigOption = Annotated[
    tuple[str, ...],
    Option(
        ["--config"],
        multiple=True,
        metavar="[SERVER=]FILE",
        help="Your configuration file of a server, for example nginx=site.conf; repeatable.",
    ),
]

ThresholdOption = Annotated[
    tuple[str, ...],
    Option(
        ["--threshold"],
        multiple=True,
        metavar="LIMIT",
        help="[SERVER::][SCENARIO::]NAME=VALUE with NAME goodput, slowdown, collapse, p99 (seconds) or rate, as "
        "classroom::p99=0.5; repeatable.",
    ),
]

VerboseOption = Annotated[
    bool, Option(["--verbose"], is_flag=True, help="Print every table and list before the conclusion.")
]
BaseOption = Annotated[
    Path | None,
    Option(
        ["--base"],
        type=path_argument,
        metavar="RUN",
        help="Earlier run, a run folder or a results.json: the report begins with what changed.",
    ),
]
OutputsOption = Annotated[OutputRequests, _OutputOptions]


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """The options of `run`, `check` and `load`."""

    servers: Annotated[tuple[str, ...], click.Argument(["servers"], nargs=-1, metavar="[SERVER]...")]
    python: PythonOption
    tuned: Annotated[
        bool, Option(["--tuned"], is_flag=True, help="Test each server also with the settings that its docs advise.")
    ]
    app: AppOption
    app_path: AppPathOption
    app_setup: AppSetupBlock
    command: Annotated[
        str,
        Option(
            ["--command"],
            default="",
            metavar="TEMPLATE",
            help="Command that starts a server: '{python} -m mine {port}'.",
        ),
    ]
    config: ConfigOption
    exclude: Annotated[
        tuple[str, ...],
        Option(
            ["--exclude"],
            multiple=True,
            metavar="ID",
            help="No cases and scenarios of this id or family, unless other cases need them; repeatable.",
        ),
    ]
    exitfirst: Annotated[
        bool,
        Option(
            ["-x", "--exitfirst"],
            is_flag=True,
            help="Stop at the first failed case or broken threshold; --resume continues.",
        ),
    ]
    out: Annotated[Path | None, Option(["--out"], type=path_argument, metavar="DIR", help="Run folder [gauntlet-out].")]
    resume: Annotated[
        bool, Option(["--resume"], is_flag=True, help="Continue the run in the folder instead of starting a new one.")
    ]
    outputs: OutputsOption
    verbose: VerboseOption


@dataclass(frozen=True, kw_only=True)
class BaselineArguments(RunArguments):
    """The options of `run` and `check`."""

    base: BaseOption
    baseline: Annotated[
        Path | None, Option(["--baseline"], type=path_argument, metavar="FILE", help="File of accepted verdicts.")
    ]
    update_baseline: Annotated[
        bool, Option(["--update-baseline"], is_flag=True, help="Write the verdicts of the run into the baseline.")
    ]
    keep_evidence: Annotated[
        str | None,
        Option(
            ["--keep-evidence"],
            type=click.Choice(["notable", "all"]),
            help="Which cells keep their evidence: all, or all but passes without findings [notable].",
        ),
    ]


def _parameter_name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")
