"""mod_wsgi-express: mod_wsgi built for an interpreter; it writes the configuration of its Apache itself."""

from __future__ import annotations

import math

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, no_option_for
from wsgi_gauntlet.servers._support import apache_configuration, script_server
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
    # --host goes into `Listen host:port`, which needs brackets, and into `ServerName host`, which allows none.
    with open("httpd.conf") as file:
        configuration = file.read()
    with open("httpd.conf", "w") as file:
        file.write(configuration.replace("Listen localhost:", "Listen [" + host + "]:"))
os.execv("./apachectl", ["./apachectl", "start", "-DFOREGROUND"])
"""
"""The steps of its start-server, one by one, as its documentation describes them for a permanent server."""

WORKING_FOLDER = "/proc/self/cwd"
"""The launch folder, by way of the working directory: its start script does not quote spaces."""

PROCESSES = 1
THREADS = 5
KEEP_ALIVE = 2
SOCKET_TIMEOUT = 60
REQUEST_TIMEOUT = 60
READ_TIMEOUTS = "a head for 15 s, a body for 15 s; a second more for each 500 bytes, a head for 30 s at most"
BACKLOG = 500
"""mod_wsgi-express's defaults, mod_wsgi/express/options.py of 6.1."""


class ModWsgiExpress(Adapter):
    """mod_wsgi-express with its defaults: the app in its own process."""

    name = "mod_wsgi-express"
    title = "mod_wsgi-express"
    distribution = "mod_wsgi"
    unprivileged_user = True
    recycles_workers = True
    environ_support = "in the environment of its processes, and by its option --setenv into environ"

    def find(self, python: str) -> Installation:
        """Look for it in `python`. Apache's user must be able to reach that, or its processes would die in a loop."""
        found = super().find(python)
        if found.available and unreachable_when_unprivileged(python):
            return Installation(
                why=f"Apache runs as an unprivileged user, who cannot reach {python}",
                get="python3 -m venv /opt/w && /opt/w/bin/pip install mod_wsgi, then --python /opt/w/bin/python",
            )
        return found

    def supports(self, launch: Launch) -> str:
        return no_option_for(
            "mod_wsgi-express", unix_sockets=launch.address.path
        ) or apache_configuration.unlimited_timeout_reason(launch)

    def command(self, launch: Launch) -> Command:
        """Return a script that does the same as its command, whose first line names an interpreter."""
        asked, address = launch.settings, launch.address
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
            # Its --https-port adds a second port to the one for plain HTTP, and serves one name only.
            argv += ["--include-file", f"{WORKING_FOLDER}/tls.conf"]
            files["tls.conf"] = "\n".join(apache_configuration.tls(launch.identity)) + "\n"
        argv += script_server.options(
            ("--processes", asked.workers if (asked.workers or 1) > 1 else None),
            ("--threads", asked.threads),
            ("--keep-alive-timeout", None if asked.keep_alive is None else math.ceil(asked.keep_alive)),
            ("--socket-timeout", None if asked.timeout is None else math.ceil(asked.timeout)),
            ("--request-timeout", None if asked.timeout is None else math.ceil(asked.timeout)),
            ("--server-backlog", asked.backlog),
            ("--maximum-requests", asked.max_requests),
            ("--mount-point", asked.mount or None),
        )
        for variable, content in asked.deployed:
            argv += ["--setenv", variable, content]
        return Command(
            tuple(argv),
            files=files,
            stop_signal=apache_configuration.STOP_SIGNAL,
            reload_signal=apache_configuration.RELOAD_SIGNAL,
            graceful_signals=apache_configuration.GRACEFUL_SIGNALS,
            quick_signals=apache_configuration.QUICK_SIGNALS,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults."""
        asked = launch.settings
        return {
            "workers": asked.workers or PROCESSES,
            "threads": asked.threads or THREADS,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else math.ceil(asked.keep_alive),
            "timeout": SOCKET_TIMEOUT if asked.timeout is None else math.ceil(asked.timeout),
            "request-timeout": REQUEST_TIMEOUT if asked.timeout is None else math.ceil(asked.timeout),
            "waits for": READ_TIMEOUTS,
            "backlog": asked.backlog or BACKLOG,
            **script_server.recycling(asked),
            "apache": apache_configuration.found().version,
        }


ADAPTER = ModWsgiExpress()
