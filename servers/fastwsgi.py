"""FastWSGI: a server in C on libuv, the predecessor of FastPySGI. https://github.com/jamesroberts/fastwsgi"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Launch, no_option_for
from wsgi_gauntlet.servers.fastpysgi import FastPySGI


class FastWSGI(FastPySGI):
    """FastWSGI through its `run`, with fewer settings than FastPySGI."""

    name = "fastwsgi"
    title = "FastWSGI"
    distribution = "fastwsgi"
    minimum_version = "0.0.8"
    # It imports pkg_resources, which newer versions of setuptools do not have.
    requires = ("fastwsgi", "setuptools<81")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"": ("setuptools",)}
    backlog: ClassVar[int] = 1024
    """class _Server in fastwsgi.py of 0.0.9."""

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        if launch.identity is not None:
            return "fastwsgi speaks no TLS; a proxy in front of it does, as nginx[tls]+fastwsgi"
        if asked.keep_alive:
            return "fastwsgi has no option for the keep-alive time; it can only keep no connection: keep-alive=0"
        return super().supports(launch) or no_option_for(self.name, timeout=asked.timeout)

    def settings(self, launch: Launch) -> dict[str, object]:
        """Return the attributes to set on its `server`."""
        return {} if launch.settings.keep_alive is None else {"allow_keepalive": 0}


ADAPTER = FastWSGI()
