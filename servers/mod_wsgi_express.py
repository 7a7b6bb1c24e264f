"""mod_wsgi-express: mod_wsgi built for an interpreter, which writes its Apache's configuration itself."""

from __future__ import annotations

import math

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Protocol, reject_unsupported
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers._support.system_programs import unreachable_when_unprivileged

START_SCRIPT = """\
import os
import sys

try:
    from mod_wsgi.express.cli import main
except ImportError:  # it moved there in 6.0
    from mod_wsgi.server import main

host = sys.argv.pop(1)
main()
if ":" in host:
    # Its one --host goes into `Listen host:port`, which wants brackets, and into `ServerName host`, which takes none.
    with open("httpd.conf") as file:
        configuration = file.read()
    with open("httpd.conf", "w") as file:
        file.write(configuration.replace("Listen localhost:", "Listen [" + host + "]:"))
os.execv("./apachectl", ["./apachectl", "start", "-DFOREGROUND"])
"""
"""What its start-server does, in two steps, as its documentation has it for a server that stays."""

WORKING_FOLDER = "/proc/self/cwd"
"""The launch folder, which is the working directory: the script that it writes to start Apache quotes no spaces."""

PROCESSES = 1
THREADS = 5
KEEP_ALIVE = 2
SOCKET_TIMEOUT = 60
REQUEST_TIMEOUT = 60
READ_TIMEOUTS = "a head for 15 s, a body for 15 s; a second more for each 500 bytes, a head for 30 s at most"
BACKLOG = 500
"""mod_wsgi-express's own defaults, mod_wsgi/express/options.py of 6.1."""


class ModWsgiExpress(Adapter):
    """mod_wsgi-express with its own defaults: the app in a process of its own."""

    name = "mod_wsgi-express"
    title = "mod_wsgi-express"
    distribution = "mod_wsgi"
    unprivileged_user = True
    environ_support = "in the environment of its processes, and by its option --setenv into environ"

    def find(self, python: str) -> Installation:
        """Look for it in `python`, which Apache's user must be able to reach: its processes would die in a loop."""
        found = super().find(python)
        if found.available and unreachable_when_unprivileged(python):
            return Installation(
                why=f"Apache runs as an ordinary user, who cannot reach {python}",
                get="python3 -m venv /opt/w && /opt/w/bin/pip install mod_wsgi, then --python /opt/w/bin/python",
            )
        return found

    def command(self, launch: Launch) -> Command:
        """Return a script that does what its command does; that itself has an interpreter's name in its first line."""
        asked, address = launch.settings, launch.address
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"mod_wsgi-express does not speak {launch.protocol}")
        reject_unsupported("mod_wsgi-express", unix_sockets=address.path)
        apache_configuration.reject_unlimited_timeout(launch)
        module, _, name = launch.app.partition(":")
        argv = [launch.python, "start.py", address.host, "setup-server", "--application-type", "module", module]
        argv += [
            "--callable-object",
            name,
            "--server-root",
            WORKING_FOLDER,
            "--working-directory",
            WORKING_FOLDER,
            "--log-to-terminal",
        ]
        host = "localhost" if ":" in address.host else address.host
        argv += ["--error-log-format", "%M", "--host", host, "--port", str(address.port)]
        argv += ["--locale", "C.UTF-8"]
        files = {"start.py": START_SCRIPT}
        if launch.identity is not None:
            # Its --https-port is a second port beside that for plain HTTP, and one name alone is served there.
            argv += ["--include-file", f"{WORKING_FOLDER}/tls.conf"]
            files["tls.conf"] = "\n".join(apache_configuration.tls(launch.identity)) + "\n"
        for option, value in (
            ("--processes", asked.workers if (asked.workers or 1) > 1 else None),
            ("--threads", asked.threads),
            ("--keep-alive-timeout", None if asked.keep_alive is None else math.ceil(asked.keep_alive)),
            ("--socket-timeout", None if asked.timeout is None else math.ceil(asked.timeout)),
            ("--request-timeout", None if asked.timeout is None else math.ceil(asked.timeout)),
            ("--server-backlog", asked.backlog),
            ("--mount-point", asked.mount or None),
        ):
            if value is not None:
                argv += [option, str(value)]
        for variable, content in asked.deployed:
            argv += ["--setenv", variable, content]
        return Command(
            tuple(argv),
            files=files,
            stop_signal=apache_configuration.STOP_SIGNAL,
            reload_signal=apache_configuration.RELOAD_SIGNAL,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings, its defaults filled in."""
        asked = launch.settings
        return {
            "workers": asked.workers or PROCESSES,
            "threads": asked.threads or THREADS,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else math.ceil(asked.keep_alive),
            "timeout": SOCKET_TIMEOUT if asked.timeout is None else math.ceil(asked.timeout),
            "request-timeout": REQUEST_TIMEOUT if asked.timeout is None else math.ceil(asked.timeout),
            "waits for": READ_TIMEOUTS,
            "backlog": asked.backlog or BACKLOG,
            "apache": apache_configuration.found().version,
        }


ADAPTER = ModWsgiExpress()
