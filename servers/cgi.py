"""A CGI script: the server starts a process for each request. https://docs.python.org/3/library/wsgiref.html"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    no_option_for,
    python_version,
)
from wsgi_gauntlet.servers._support import apache_configuration, lighttpd_configuration
from wsgi_gauntlet.servers._support.system_programs import unreachable_when_unprivileged

START_SCRIPT = """\
import json
import os
import sys

# Servers give a CGI script only a part of their environment, so this file passes it on.
with open("environment.json", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
    json.dump(dict(os.environ), file)
os.execv(sys.argv[1], sys.argv[1:])
"""

CGI_SCRIPT = """\
#!/bin/sh
exec {python} {serve}
"""
"""A shell script: the name of an interpreter after `#!` may not contain spaces."""

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
    # With a process for every request a run takes 15 minutes, and its load figures are no surprise.
    default_variants = None
    environ_support = "in the environment of its processes, which CGIHandler copies into environ"

    def find(self, python: str) -> Installation:
        """Accept any interpreter that the web server's user can reach; `missing_for` checks the web servers."""
        if unreachable_when_unprivileged(python):
            return Installation(
                why=f"web servers run as an unprivileged user, who cannot reach {python}",
                get="an interpreter in another place, as --python /usr/bin/python3",
            )
        return Installation(version=python_version(python), executable=python)

    def missing_for(self, python: str, variant: str) -> Installation:  # noqa: ARG002 - the system's programs
        """Return what the system lacks of the web server."""
        return _web_server(variant)

    def supports(self, launch: Launch) -> str:
        if launch.variant == "apache":
            return no_option_for("cgi", unix_sockets=launch.address.path) or apache_configuration.supports(
                launch, ["alias", "cgid"]
            )
        return lighttpd_configuration.supports(launch)

    def command(self, launch: Launch) -> Command:
        """Return a script that starts the web server; its configuration has the CGI script for all paths."""
        asked, folder = launch.settings, launch.folder
        executable = _web_server(launch.variant).executable
        # With a final slash, SCRIPT_NAME is the mount and PATH_INFO is the rest of the path.
        script_path = str(folder / "app.cgi") + ("" if asked.mount else "/")
        files = {
            "start.py": START_SCRIPT,
            "serve.py": SERVE_SCRIPT.format(app=launch.app),
            "app.cgi": CGI_SCRIPT.format(
                python=shlex.quote(launch.python), serve=shlex.quote(str(folder / "serve.py"))
            ),
        }
        if launch.variant == "apache":
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
            graceful_signals=made.graceful_signals,
            quick_signals=made.quick_signals,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return the settings of the web server; the app has a process for each request."""
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
