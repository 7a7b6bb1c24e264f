"""The files of a server that is started by a command alone: a script with that command, and the files that it reads."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType

from wsgi_gauntlet.harness.server.adapter import Adapter, Launch
from wsgi_gauntlet.harness.server.deployment import ALL_INTERFACES, DeploymentFile, DeploymentSite

EXAMPLE_PORTS = (1, 2)
"""Two launches that differ in the port alone show where a command has its port."""

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


def command_files(
    adapter: Adapter,
    launch: Launch,
    site: DeploymentSite,
    reasons: Iterable[str] = (),
    *,
    left_out: Collection[str] = (),
) -> tuple[DeploymentFile, ...]:
    """Return the script with the command of `launch`, then the files that the command reads.

    `reasons` are the comments of the script, one for each setting. `left_out` are files that a deployment does not
    need. The command runs in the folder of the app, where the files are installed.
    """
    command = adapter.command(launch)
    # A script named serve.py could already be in the user's folder.
    names = {name: f"serve_{site.service}.py" if name == "serve.py" else name for name in command.files}
    argv = [names.get(word, word) for word in words_on_site(command.argv, launch, site)]
    variables = environment(site, argv, command.environment)
    name = f"start-{adapter.name}.sh"
    script = "\n".join(
        (
            "#!/bin/sh",
            f"# {variant_name(adapter, launch)} for {site.app}. wsgi-gauntlet measured this command.",
            f"# This file belongs at {site.file(name)}.",
            *(f"# {why}" for why in reasons),
            f"cd {shlex.quote(site.folder)} || exit 1",
            *(f"export {assignment}" for assignment in _assignments(variables)),
            f"exec {_one_option_a_line(argv)}",
            "",
        )
    )
    main = DeploymentFile(
        name,
        script,
        site.file(name),
        start=simple_command(argv, variables),
        start_on_port=_start_on_port(adapter, launch, site, names),
    )
    files = [(names[each], text) for each, text in command.files.items() if each not in left_out]
    return (main, *(DeploymentFile(each, text, site.file(each)) for each, text in files))


def variant_name(adapter: Adapter, launch: Launch) -> str:
    """Return the server's name with its variant, as `gunicorn:gthread`."""
    return f"{adapter.name}:{launch.variant}" if launch.variant else adapter.name


def environment(
    site: DeploymentSite, argv: Sequence[str], variables: Mapping[str, str] = NO_VARIABLES
) -> dict[str, str]:
    """Return the variables of a command: those that it needs itself, and the folders of the app's modules.

    Python looks in the current folder by itself if it is the program.
    """
    folders = [] if argv[0] == site.python else [site.folder]
    folders += [*site.python_path, *filter(None, [variables.get("PYTHONPATH", "")])]
    return {**variables, **({"PYTHONPATH": os.pathsep.join(folders)} if folders else {})}


def platform_command(site: DeploymentSite, words: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return a command of `words` that are quoted already, for a platform that has the app's folder somewhere else."""
    folders = variables.get("PYTHONPATH", "").split(os.pathsep)
    here = {"PYTHONPATH": os.pathsep.join(map(site.relative, folders))} if "PYTHONPATH" in variables else {}
    return " ".join((*_assignments({**variables, **here}), *words))


def words_on_site(argv: Iterable[str], launch: Launch, site: DeploymentSite) -> list[str]:
    """Return the words of a measured command with the interpreter of `site`, and with the programs beside it.

    The name of a program alone becomes its path: systemd does not look into the environment of the app.
    """
    measured, here = PurePosixPath(launch.python), PurePosixPath(site.python)
    programs = {launch.python: site.python}
    if (program := PurePosixPath(launch.executable)).parent == measured.parent and program != measured:
        programs[launch.executable] = str(here.parent / program.name)
    first, *others = argv
    if first == program.name:
        first = launch.executable
    return [programs.get(word, word) for word in (first, *others)]


def simple_command(argv: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return a command for a shell: words NAME=value, the program and its words."""
    return " ".join((*_assignments(variables), shlex.join(argv)))


def split_command(command: str) -> tuple[dict[str, str], list[str]]:
    """Return the variables and the words of a command that `simple_command` made."""
    words = shlex.split(command)
    count = next(number for number, word in enumerate(words) if not word.partition("=")[0].isidentifier())
    return dict(_name_and_value(word) for word in words[:count]), words[count:]


def on_path(argv: Sequence[str], site: DeploymentSite) -> list[str]:
    """Return `argv` with the names of programs alone: a platform that gives a port has folders of its own."""
    programs = PurePosixPath(site.python).parent
    own = [PurePosixPath(word).name if PurePosixPath(word).parent == programs else word for word in argv]
    return [PurePosixPath(argv[0]).name, *own[1:]]


def _start_on_port(adapter: Adapter, launch: Launch, site: DeploymentSite, names: Mapping[str, str]) -> str:
    """Return the command on the port of the variable PORT; '' if the server listens on a Unix socket or with TLS."""
    if launch.address.path or launch.address.tls:
        return ""
    examples = []
    for port in EXAMPLE_PORTS:
        address = replace(launch.address, host=ALL_INTERFACES, port=port)
        command = adapter.command(replace(launch, address=address))
        argv = words_on_site(command.argv, launch, site)
        examples.append(on_path([names.get(word, word) for word in argv], site))
    words = [_with_port(*each) for each in zip(*examples, strict=True)]
    if examples[0] == examples[1]:
        return ""  # the port is in a file
    return platform_command(site, words, environment(site, argv, adapter.command(launch).environment))


def _with_port(one: str, two: str) -> str:
    """Return the word that is `one` with the first port and `two` with the second, with PORT in place of the port."""
    if one == two:
        return shlex.quote(one)
    before = one[: next(place for place, pair in enumerate(zip(one, two, strict=True)) if len(set(pair)) > 1)]
    after = one[len(before) + len(str(EXAMPLE_PORTS[0])) :]
    return "".join(
        (shlex.quote(before) if before else "", "${PORT}" if after else "$PORT", shlex.quote(after) if after else "")
    )


def _assignments(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        yield f"{name}={shlex.quote(value)}"


def _name_and_value(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _one_option_a_line(argv: Sequence[str]) -> str:
    """Return the command with one option on each line, and the app on the last."""
    groups: list[list[str]] = [[]]
    for place, word in enumerate(argv):
        # `-m` belongs to the interpreter before it.
        if (word.startswith("--") or place == len(argv) - 1) and groups[-1]:
            groups.append([])
        groups[-1].append(word)
    return " \\\n    ".join(shlex.join(group) for group in groups)
