"""A server of the user's own, given as a command template."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Protocol, reject_unsupported

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
CERTIFICATE_PLACEHOLDERS = frozenset({"certificate", "key"})
PLACEHOLDERS = frozenset({"python", "host", "port", "socket", "app", "workers", "threads"}) | CERTIFICATE_PLACEHOLDERS


class CommandServer(Adapter):
    """`{python} -m myserver --bind {host}:{port} {app}`, or any other command that stays in the foreground.

    The words are split as a shell splits them, and no shell runs. Words NAME=value before the program are set in its
    environment. `{socket}` is the path of a Unix socket; a template that has it and no `{port}` is always started on
    one. `{certificate}` and `{key}` are the paths of PEM files; a template that has them is always spoken to in https.
    `{workers}` and `{threads}` are 1 unless something else is asked. It runs in the folder that the user is in, and
    finds the reference app through PYTHONPATH. Raises ConfigurationError for a template that cannot work.
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
        if reserved := [each for each in self.assignments if each.startswith("GAUNTLET_")]:
            raise ConfigurationError(
                f"the command of {name} sets {reserved[0]}, which is this program's own; leave it out"
            )
        self.placeholders = frozenset(PLACEHOLDER.findall(template))
        if not self.arguments:
            raise ConfigurationError(f"the command of {name} {'has no program' if self.assignments else 'is empty'}")
        if unknown := self.placeholders - PLACEHOLDERS:
            known = " ".join(f"{{{each}}}" for each in sorted(PLACEHOLDERS))
            raise ConfigurationError(f"the command of {name} has {{{min(unknown)}}}; placeholders are {known}")
        if not self.placeholders & {"port", "socket"}:
            raise ConfigurationError(
                f"the command of {name} needs {{port}} or {{socket}}, or nobody knows where it listens"
            )
        if len(self.placeholders & CERTIFICATE_PLACEHOLDERS) == 1:
            raise ConfigurationError(f"the command of {name} needs both {{certificate}} and {{key}}, or neither")
        if "app" not in self.placeholders:
            self.start_failure_hint = "its command has no {app}, which stands for the app to serve, as module:callable"
        self.unix_only = "port" not in self.placeholders
        self.tls_only = self.placeholders >= CERTIFICATE_PLACEHOLDERS

    def find(self, python: str) -> Installation:
        """Look for the command's first word on PATH."""
        first = _fill(self.arguments[0], {"python": python})
        executable = shutil.which(first)
        if executable is None:
            return Installation(why=f"there is no command {first!r}", get=f"install what provides {Path(first).name}")
        return Installation(executable=executable)

    def command(self, launch: Launch) -> Command:
        """Return the template with its placeholders filled in."""
        asked, address = launch.settings, launch.address
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"{self.name} is not known to speak {launch.protocol}")
        if address.path and "socket" not in self.placeholders:
            raise Unsupported(f"the command of {self.name} has no {{socket}}")
        if address.tls and not self.tls_only:
            raise Unsupported(f"the command of {self.name} has no {{certificate}} and {{key}}, so it speaks no TLS")
        reject_unsupported(
            f"the command of {self.name}",
            workers="workers" not in self.placeholders and (asked.workers or 1) > 1,
            threads="threads" not in self.placeholders and (asked.threads or 1) > 1,
            keep_alive=asked.keep_alive,
            timeout=asked.timeout,
            backlog=asked.backlog,
            mounting=asked.mount,
        )
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
        """Return what the template was told; what it leaves out is not known."""
        asked = launch.settings
        effective = {"workers": asked.workers or 1, "threads": asked.threads or 1}
        return {name: value for name, value in effective.items() if name in self.placeholders}


def _fill(word: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), word)
