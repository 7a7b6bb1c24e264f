"""A CGI script, the oldest way of all: a process for each request. https://docs.python.org/3/library/wsgiref.html"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    python_version,
    reject_unsupported,
)
from wsgi_gauntlet.servers._support import apache_configuration, lighttpd_configuration
from wsgi_gauntlet.servers._support.system_programs import unreachable_when_unprivileged

START_SCRIPT = """\
import json
import os
import sys

# Servers give a CGI script little of their own environment: it is handed over beside them.
with open("environment.json", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
    json.dump(dict(os.environ), file)
os.execv(sys.argv[1], sys.argv[1:])
"""

CGI_SCRIPT = """\
#!/bin/sh
exec {python} {serve}
"""
"""A shell's, since the name of an interpreter after `#!` can have no spaces."""

SERVE_SCRIPT = """\
import json
import os
import sys

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "environment.json")) as file:
    for name, value in json.load(file).items():
        os.environ.setdefault(name, value)
sys.path[:1] = os.environ.get("PYTHONPATH", "").split(os.pathsep)

import importlib
from wsgiref.handlers import CGIHandler

module, _, attribute = {app!r}.partition(":")
CGIHandler().run(getattr(importlib.import_module(module), attribute))
"""


class Cgi(Adapter):
    """`wsgiref.handlers.CGIHandler` in a script that a web server starts for each request."""

    name = "cgi"
    title = "CGI script"
    variants: ClassVar[Mapping[str, str]] = {
        "lighttpd": "started by lighttpd's mod_cgi",
        "apache": "started by Apache's mod_cgid",
    }
    unprivileged_user = True
    # A process for every request: a run takes a quarter of an hour and says of each load what everybody knows.
    default_variants = None
    environ_support = "in the environment of its processes, which CGIHandler copies into environ"

    def find(self, python: str) -> Installation:
        """Take any interpreter that the web server's user can reach; see `lacking` for the web servers."""
        if unreachable_when_unprivileged(python):
            return Installation(
                why=f"web servers run as an ordinary user, who cannot reach {python}",
                get="an interpreter elsewhere, as --python /usr/bin/python3",
            )
        return Installation(version=python_version(python), executable=python)

    def missing_for(self, python: str, variant: str) -> Installation:  # noqa: ARG002 - they are the system's
        """Return what is missing of the web server."""
        return _web_server(variant)

    def command(self, launch: Launch) -> Command:
        """Return a script that starts the web server, whose configuration has the CGI script for all paths."""
        asked, folder = launch.settings, launch.folder
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"CGI scripts do not speak {launch.protocol}")
        executable = _web_server(launch.variant).executable
        # With the slash at its end all of a path that begins with the mount is PATH_INFO, and SCRIPT_NAME the mount.
        script_path = str(folder / "app.cgi") + ("" if asked.mount else "/")
        files = {
            "start.py": START_SCRIPT,
            "serve.py": SERVE_SCRIPT.format(app=launch.app),
            "app.cgi": CGI_SCRIPT.format(
                python=shlex.quote(launch.python), serve=shlex.quote(str(folder / "serve.py"))
            ),
        }
        if launch.variant == "apache":
            reject_unsupported("cgi", unix_sockets=launch.address.path)
            quoted = apache_configuration.quoted
            lines = [
                *apache_configuration.processes(launch),
                "ScriptSock /proc/self/cwd/cgid",
                f"ScriptAlias {quoted(asked.mount or '/')} {quoted(script_path)}",
            ]
            made = apache_configuration.command(launch, executable, ["alias", "cgid"], lines, files)
        else:
            quoted = lighttpd_configuration.quoted
            lines = [
                f"alias.url = ( {quoted(asked.mount or '/')} => {quoted(script_path)} )",
                'cgi.assign = ( ".cgi" => "" )',
            ]
            made = lighttpd_configuration.command(launch, executable, ["alias", "cgi"], lines, files)
        return Command(
            (launch.python, "start.py", *made.argv),
            files=made.files,
            executables=("app.cgi",),
            stop_signal=made.stop_signal,
            reload_signal=made.reload_signal,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return the web server's settings and that the app has a process for each request."""
        server = apache_configuration if launch.variant == "apache" else lighttpd_configuration
        effective = server.conditions(launch)
        return {
            **effective,
            "workers": "one a request",
            "threads": 1,
            "web server": _web_server(launch.variant).version,
            "web server's workers": effective["workers"],
            "web server's threads": effective["threads"],
        }


def _web_server(variant: str) -> Installation:
    return apache_configuration.found() if variant == "apache" else lighttpd_configuration.found()


ADAPTER = Cgi()
