"""FastPySGI: a server in C on libuv, the successor of FastWSGI. https://github.com/remittor/fastpysgi"""

from __future__ import annotations

import json
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for

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
    """FastPySGI through its `run`: one event loop in each worker, which runs the app too."""

    name = "fastpysgi"
    title = "FastPySGI"
    distribution = "fastpysgi"
    environ_support = "in the environment of its processes; it has no option for environ"
    backlog: ClassVar[int] = 2048
    """class _Server in fastpysgi.py of 0.6."""
    timer_interval_ms: ClassVar[int] = 3000
    """svc_timer_interval in the same file: the milliseconds between two checks for expired time-outs."""

    def supports(self, launch: Launch) -> str:
        """Reject Unix sockets, several threads and a mount.

        Its setting root_path is no mount: in 0.6 '/x' crashes it, and b'/x' changes nothing in environ.
        """
        asked = launch.settings
        return no_option_for(
            self.name,
            unix_sockets=launch.address.path,
            more_than_one_thread=(asked.threads or 1) > 1,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return a script: workers and time-outs are attributes of its `server`, and no options of its command."""
        asked, address = launch.settings, launch.address
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
        """Return the attributes to set on its `server`: times in milliseconds; by default there are none.

        The interval of its checks is set to the shortest time if that is shorter than the default interval.
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
        """Return its settings with FastPySGI's defaults."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": 1,
            "keep-alive": "no limit" if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or "no limit",
            "backlog": asked.backlog or self.backlog,
        }


ADAPTER = FastPySGI()
