"""FastPySGI: a server in C on libuv, the successor of FastWSGI. https://github.com/remittor/fastpysgi"""

from __future__ import annotations

import json
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import importlib
import json
import sys

package, host, port, workers, certificate, key, settings, name = sys.argv[1:]
package = importlib.import_module(package)
for option, value in json.loads(settings).items():
    setattr(package.server, option, value)
if key:
    package.server.tls_list = [(certificate, key, None)]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
package.run(application, host, int(port), workers=int(workers))
"""


class FastPySGI(Adapter):
    """FastPySGI through its `run`: one event loop a worker, on which the app runs."""

    name = "fastpysgi"
    title = "FastPySGI"
    distribution = "fastpysgi"
    environ_support = "in the environment of its processes; it has no option for environ"
    backlog: ClassVar[int] = 2048
    """class _Server in fastpysgi.py of 0.6."""
    timer_interval_ms: ClassVar[int] = 3000
    """Likewise, its svc_timer_interval: in milliseconds, how often it looks whose time is over."""

    def command(self, launch: Launch) -> Command:
        """Return a script: its command has options for neither workers nor time-outs, its `server` object has.

        It has a setting root_path, but in 0.6 that is no mount: '/x' crashes it, b'/x' changes nothing in environ.
        """
        asked, address = launch.settings, launch.address
        script_server.require_http(launch, self.name, tls=True)
        reject_unsupported(self.name, unix_sockets=address.path, more_than_one_thread=(asked.threads or 1) > 1)
        reject_unsupported(self.name, mounting=asked.mount)
        settings = self.settings(launch)
        if asked.backlog is not None:
            settings["backlog"] = asked.backlog
        argv = (
            *(launch.python, "serve.py", self.distribution, address.host, str(address.port), str(asked.workers or 1)),
            str(launch.identity.certificate) if launch.identity else "",
            str(launch.identity.key) if launch.identity else "",
            json.dumps(settings),
            launch.app,
        )
        return Command(argv, files={"serve.py": SCRIPT})

    def settings(self, launch: Launch) -> dict[str, object]:
        """Return what to set on its `server`: its times are milliseconds, and none unless they are set.

        It is told to look as often as the shortest of them, where that is more often than by itself.
        """
        asked = launch.settings
        times: dict[str, int] = {}
        if asked.keep_alive:
            times["next_req_timeout"] = max(1, round(asked.keep_alive * 1000))
        if asked.timeout:
            times["curr_req_timeout"] = max(1, round(asked.timeout * 1000))
        if times and min(times.values()) < self.timer_interval_ms:
            times["svc_timer_interval"] = min(times.values())
        return {"allow_keepalive": False, **times} if asked.keep_alive == 0 else dict(times)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings, FastPySGI's defaults filled in."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": 1,
            "keep-alive": "no limit" if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or "no limit",
            "backlog": asked.backlog or self.backlog,
        }


ADAPTER = FastPySGI()
