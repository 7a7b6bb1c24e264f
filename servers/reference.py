"""The reference server of this project, to compare others with. It is no server for production."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for

PACKAGE = "wsgi_gauntlet.servers.reference_server"
SOURCES = Path(__file__).parent / "reference_server"


class ReferenceServer(Adapter):
    """The reference server, from a copy of its source: the interpreter of the app need not have wsgi_gauntlet."""

    name = "reference"
    title = "reference server"
    default_variants = None
    for_development = "“It is no server for production.” (the documentation of its adapter, servers/reference.py)"
    environ_support = "in the environment of its processes, which it copies into environ"

    def preload(self, launch: Launch) -> tuple[str, ...]:  # noqa: ARG002 - the same for each launch
        return (f"{PACKAGE}.command_line",)

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        return no_option_for("the reference server", keep_alive=asked.keep_alive, timeout=asked.timeout)

    def command(self, launch: Launch) -> Command:
        """Return its command line, with its modules as files."""
        asked = launch.settings
        bind = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        argv = [launch.python, "-m", PACKAGE, "--bind", bind]
        for option, value in (
            ("--workers", asked.workers),
            ("--threads", asked.threads),
            ("--backlog", asked.backlog),
            ("--mount", asked.mount),
        ):
            if value:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certificate", str(launch.identity.certificate), "--key", str(launch.identity.key)]
        return Command((*argv, launch.app), files=_files())

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": asked.threads or "no limit",
            "keep-alive": 20,
            "timeout": 10,
            "backlog": asked.backlog or 128,
        }


def _files() -> dict[str, str]:
    """Return the files of the package below `wsgi_gauntlet`, by their paths in the folder of the server."""
    folder = PACKAGE.replace(".", "/")
    parents = {"wsgi_gauntlet/__init__.py": "", "wsgi_gauntlet/servers/__init__.py": ""}
    return parents | {f"{folder}/{each.name}": each.read_text() for each in sorted(SOURCES.glob("*.py"))}


ADAPTER = ReferenceServer()
