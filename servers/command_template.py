"""A server that the user gives as a command template."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, no_option_for

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
CERTIFICATE_PLACEHOLDERS = frozenset({"certificate", "key"})
PLACEHOLDERS = frozenset({"python", "host", "port", "socket", "app", "workers", "threads"}) | CERTIFICATE_PLACEHOLDERS
RESERVED_PREFIXES = ("GAUNTLET_", "WSGI_GAUNTLET_")
"""Prefixes of environment variables that the harness sets; the first one is of older versions."""


class CommandServer(Adapter):
    """`{python} -m myserver --bind {host}:{port} {app}`, or another command that stays in the foreground.

    The words are split as in a shell, but no shell runs. Words NAME=value before the program are environment variables.
    `{socket}` is the path of a Unix socket; a template with it and without `{port}` always gets one. `{certificate}`
    and `{key}` are the paths of PEM files; a template with them always uses https. `{workers}` and `{threads}` are 1
    unless the user sets them. The command runs in the present folder of the user, and PYTHONPATH contains the test app.
    Raises ConfigurationError for a template that cannot work.
    """

    locates_app_itself = True

    def __init__(self, name: str, template: str) -> None:
        self.name = name  # type: ignore[misc]  # one class serves many names here
        self.title = name  # type: ignore[misc]  # likewise
        self.template = template
        try:
            self.arguments = tuple(shlex.split(template))
        except ValueError as error:
            raise ConfigurationError(f"the command of {name} cannot be split into words: {error}") from None
        self.assignments: dict[str, str] = {}
        while self.arguments and (found := ASSIGNMENT.match(self.arguments[0])):
            self.assignments[found[1]] = self.arguments[0][found.end() :]
            self.arguments = self.arguments[1:]
        if reserved := [each for each in self.assignments if each.startswith(RESERVED_PREFIXES)]:
            raise ConfigurationError(
                f"the command of {name} sets {reserved[0]}, which is reserved for this program; leave it out"
            )
        self.placeholders = frozenset(PLACEHOLDER.findall(template))
        if not self.arguments:
            raise ConfigurationError(f"the command of {name} {'has no program' if self.assignments else 'is empty'}")
        if unknown := self.placeholders - PLACEHOLDERS:
            known = " ".join(f"{{{each}}}" for each in sorted(PLACEHOLDERS))
            raise ConfigurationError(f"the command of {name} has {{{min(unknown)}}}; placeholders are {known}")
        if not self.placeholders & {"port", "socket"}:
            raise ConfigurationError(f"the command of {name} needs {{port}} or {{socket}} to say where it listens")
        if len(self.placeholders & CERTIFICATE_PLACEHOLDERS) == 1:
            raise ConfigurationError(f"the command of {name} needs both {{certificate}} and {{key}}, or neither")
        if "app" not in self.placeholders:
            self.start_failure_hint = (
                "its command has no {app}: write {app} in the place of the app, and name your own app with --app"
            )
        self.unix_only = "port" not in self.placeholders
        self.tls_only = self.placeholders >= CERTIFICATE_PLACEHOLDERS

    def find(self, python: str) -> Installation:
        """Look for the first word of the command on PATH."""
        first = _fill(self.arguments[0], {"python": python})
        executable = shutil.which(first)
        if executable is None:
            return Installation(why=f"there is no command {first!r}{_advice(first)}")
        return Installation(executable=executable)

    def supports(self, launch: Launch) -> str:
        asked, address = launch.settings, launch.address
        if address.path and "socket" not in self.placeholders:
            return f"the command of {self.name} has no {{socket}}"
        if address.tls and not self.tls_only:
            return f"the command of {self.name} has no {{certificate}} and {{key}}, so it speaks no TLS"
        return no_option_for(
            f"the command of {self.name}",
            workers="workers" not in self.placeholders and (asked.workers or 1) > 1,
            threads="threads" not in self.placeholders and (asked.threads or 1) > 1,
            keep_alive=asked.keep_alive,
            timeout=asked.timeout,
            backlog=asked.backlog,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return the template with values in place of its placeholders."""
        asked, address = launch.settings, launch.address
        values = {
            "python": launch.python,
            "host": address.host,
            "port": str(address.port),
            "socket": address.path,
            "app": launch.app,
            "workers": str(asked.workers or 1),
            "threads": str(asked.threads or 1),
            "certificate": str(launch.identity.certificate) if launch.identity else "",
            "key": str(launch.identity.key) if launch.identity else "",
        }
        environment = {each: _fill(value, values) for each, value in self.assignments.items()}
        return Command(tuple(_fill(word, values) for word in self.arguments), environment, folder=Path.cwd())

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return the settings in the template; the others are unknown."""
        asked = launch.settings
        effective = {"workers": asked.workers or 1, "threads": asked.threads or 1}
        return {name: value for name, value in effective.items() if name in self.placeholders}


SHELL_WORDS = frozenset({"cd", "exec", "export", "set", "source", ".", "ulimit", "umask", "unset", "eval"})
"""Commands that only a shell knows."""


def _advice(first: str) -> str:
    """Return what to do about a command that does not exist."""
    if first in SHELL_WORDS or set(first) & set("$~`|;&"):
        return "; no shell reads it: write the value itself, or sh -c 'cd src && exec gunicorn ...' in one word"
    if "/" in first:
        return "; correct the path"
    near = did_you_mean(first, _programs_like(first))
    return f"{near}; install it, or give its path"


def _programs_like(first: str) -> list[str]:
    """Return the programs on PATH that begin like `first`."""
    found: set[str] = set()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        with contextlib.suppress(OSError):
            found |= {each.name for each in Path(folder or ".").glob(f"{glob.escape(first[:2])}*")}
    return sorted(found)


def _fill(word: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), word)
