"""A server of the user's own, given as a command template."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..harness.adapter import Adapter, Command, Found, Launch, Protocol, refuse
from ..harness.errors import BadConfiguration, Unsupported

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
IDENTITY = frozenset({"certificate", "key"})
KNOWN = frozenset({"python", "host", "port", "socket", "app", "workers", "threads"}) | IDENTITY


class CommandServer(Adapter):
    """`{python} -m myserver --bind {host}:{port} {app}`, or any other command that stays in the foreground.

    The words are split as a shell splits them, and no shell runs. Words NAME=value before the program are set in its
    environment. `{socket}` is the path of a Unix socket; a template that has it and no `{port}` is always started on
    one. `{certificate}` and `{key}` are the paths of PEM files; a template that has them is always spoken to in https.
    `{workers}` and `{threads}` are 1 unless something else is asked. It runs in the folder that the user is in, and
    finds the reference app through PYTHONPATH. Raises BadConfiguration for a template that cannot work.
    """

    says_where_the_app_is = True

    def __init__(self, name: str, template: str) -> None:
        self.name = name  # type: ignore[misc]  # one class serves many names here
        self.title = name  # type: ignore[misc]  # likewise
        self.template = template
        try:
            self.words = tuple(shlex.split(template))
        except ValueError as error:
            raise BadConfiguration(f"the command of {name} cannot be split into words: {error}") from None
        self.assigned: dict[str, str] = {}
        while self.words and (found := ASSIGNMENT.match(self.words[0])):
            self.assigned[found[1]] = self.words[0][found.end() :]
            self.words = self.words[1:]
        if ours := [each for each in self.assigned if each.startswith("GAUNTLET_")]:
            raise BadConfiguration(f"the command of {name} sets {ours[0]}, which is this program's own; leave it out")
        self.placeholders = frozenset(PLACEHOLDER.findall(template))
        if not self.words:
            raise BadConfiguration(f"the command of {name} {'has no program' if self.assigned else 'is empty'}")
        if unknown := self.placeholders - KNOWN:
            known = " ".join(f"{{{each}}}" for each in sorted(KNOWN))
            raise BadConfiguration(f"the command of {name} has {{{min(unknown)}}}; placeholders are {known}")
        if not self.placeholders & {"port", "socket"}:
            raise BadConfiguration(
                f"the command of {name} needs {{port}} or {{socket}}, or nobody knows where it listens"
            )
        if len(self.placeholders & IDENTITY) == 1:
            raise BadConfiguration(f"the command of {name} needs both {{certificate}} and {{key}}, or neither")
        if "app" not in self.placeholders:
            self.unready = "its command has no {app}, which stands for the app to serve, as module:callable"
        self.unix_only = "port" not in self.placeholders
        self.tls_only = self.placeholders >= IDENTITY

    def find(self, python: str) -> Found:
        """Look for the command's first word on PATH."""
        first = _filled(self.words[0], {"python": python})
        executable = shutil.which(first)
        if executable is None:
            return Found(why=f"there is no command {first!r}", get=f"install what provides {Path(first).name}")
        return Found(executable=executable)

    def command(self, launch: Launch) -> Command:
        """Return the template with its placeholders filled in."""
        asked, address = launch.settings, launch.address
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"{self.name} is not known to speak {launch.protocol}")
        if address.path and "socket" not in self.placeholders:
            raise Unsupported(f"the command of {self.name} has no {{socket}}")
        if address.tls and not self.tls_only:
            raise Unsupported(f"the command of {self.name} has no {{certificate}} and {{key}}, so it speaks no TLS")
        refuse(
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
        environment = {each: _filled(value, values) for each, value in self.assigned.items()}
        return Command(tuple(_filled(word, values) for word in self.words), environment, folder=Path.cwd())

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return what the template was told; what it leaves out is not known."""
        asked = launch.settings
        told = {"workers": asked.workers or 1, "threads": asked.threads or 1}
        return {name: value for name, value in told.items() if name in self.placeholders}


def _filled(word: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), word)
