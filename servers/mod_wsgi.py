"""Apache with mod_wsgi, both of the system. https://modwsgi.readthedocs.io/en/develop/configuration.html"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, no_option_for
from wsgi_gauntlet.servers._support import apache_configuration, script_server
from wsgi_gauntlet.servers._support.apache_configuration import quoted

SCRIPT = """\
import importlib

module, _, attribute = {app!r}.partition(":")
application = getattr(importlib.import_module(module), attribute)
"""

INTERPRETER_PATH = "/usr/bin:/usr/local/bin"
"""The folders of the interpreter whose library the module loads. An interpreter of the same version that the user put
first on PATH is another one."""

PROCESSES = 1
THREADS = 15
"""mod_wsgi's defaults, WSGIDaemonProcess."""


class ModWsgi(Adapter):
    """Apache with the mod_wsgi that was built for the system's interpreter."""

    name = "mod_wsgi"
    title = "Apache with mod_wsgi"
    deployment_guides = ("Django", "Flask")
    variants: ClassVar[Mapping[str, str]] = {
        "daemon": "the app in its own processes, by WSGIDaemonProcess, as its documentation recommends",
        "embedded": "the app in Apache's own processes",
    }
    unprivileged_user = True
    recycles_workers = True
    maps_static_files = True
    environ_support = "in the environment of its processes, and by SetEnv into environ"

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the module runs the app in its own interpreter
        """Look for Apache, for its module, and for the interpreter that the module was built for."""
        apache = apache_configuration.found()
        if not apache.available:
            return apache
        file = apache_configuration.module("wsgi")
        if file is None:
            return Installation(why="Apache has no mod_wsgi", get="apt-get install libapache2-mod-wsgi-py3")
        version, interpreter = read_module_build(file)
        python3 = shutil.which(interpreter, path=INTERPRETER_PATH) if interpreter else None
        if python3 is None:
            return Installation(
                why=f"{file} was built for {interpreter or 'no Python 3'}, which is not there",
                get="apt-get install libapache2-mod-wsgi-py3",
            )
        return Installation(version=version, executable=apache.executable, python=python3)

    def supports(self, launch: Launch) -> str:
        return no_option_for("mod_wsgi", unix_sockets=launch.address.path) or apache_configuration.supports(
            launch, ["wsgi", *apache_configuration.static_modules(launch)]
        )

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one WSGIScriptAlias; deployed variables go through SetEnv."""
        asked = launch.settings
        daemon = launch.variant != "embedded"
        lines = [] if daemon else apache_configuration.processes(launch)
        if daemon:
            options = ["home=/proc/self/cwd", "locale=C.UTF-8"]
            # With processes=1 it sets wsgi.multiprocess, as if there could be more.
            options += [f"processes={asked.workers}"] if (asked.workers or 1) > 1 else []
            options += [f"threads={asked.threads}"] if asked.threads is not None else []
            options += [f"request-timeout={math.ceil(asked.timeout)}"] if asked.timeout is not None else []
            options += [f"maximum-requests={asked.max_requests}"] if asked.max_requests is not None else []
            # A path through the working directory is short, even if the path of the folder is long.
            lines += ["WSGISocketPrefix /proc/self/cwd/wsgi", f"WSGIDaemonProcess app {' '.join(options)}"]
        group = "app" if daemon else "%{GLOBAL}"
        script = quoted(launch.folder / "app.wsgi")
        lines += [f"SetEnv {name} {quoted(value)}" for name, value in asked.deployed]
        lines += apache_configuration.static_files(launch, passed_on=False)
        lines += [
            f"WSGIScriptAlias {quoted(asked.mount or '/')} {script} process-group={group} application-group=%{{GLOBAL}}"
        ]
        modules = ["wsgi", *apache_configuration.static_modules(launch)]
        files = {"app.wsgi": SCRIPT.format(app=launch.app)}
        return apache_configuration.command(launch, launch.executable, modules, lines, files)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return the settings of mod_wsgi and Apache with their defaults."""
        effective = {
            **apache_configuration.conditions(launch),
            **script_server.recycling(launch.settings),
            "apache": apache_configuration.found().version,
        }
        if launch.variant == "embedded":
            return effective
        return {
            **effective,
            "workers": launch.settings.workers or PROCESSES,
            "threads": launch.settings.threads or THREADS,
        }


@lru_cache(maxsize=4)
def read_module_build(file: Path) -> tuple[str, str]:
    """Return the version of the module in `file` and the name of its interpreter, as `python3.11`; '' if unknown."""
    data = file.read_bytes()
    version = re.search(rb"\0(\d[^\0]*)\0+mod_wsgi/%s\0", data)  # the text for the Server header
    library = re.search(rb"libpython(3\.\d+)", data)
    return version[1].decode() if version else "", f"python{library[1].decode()}" if library else ""


ADAPTER = ModWsgi()
