"""FastWSGI: a server in C on libuv, from which FastPySGI grew. https://github.com/jamesroberts/fastwsgi"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Launch, reject_unsupported
from wsgi_gauntlet.servers.fastpysgi import FastPySGI


class FastWSGI(FastPySGI):
    """FastWSGI through its `run`, which is FastPySGI's with fewer settings."""

    name = "fastwsgi"
    title = "FastWSGI"
    distribution = "fastwsgi"
    minimum_version = "0.0.8"
    # It imports pkg_resources, which newer versions of setuptools no longer have.
    requires = ("fastwsgi", "setuptools<81")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"": ("setuptools",)}
    backlog: ClassVar[int] = 1024
    """class _Server in fastwsgi.py of 0.0.9."""

    def settings(self, launch: Launch) -> dict[str, object]:
        """Return what to set on its `server`: it knows whether connections are kept, not for how long."""
        asked = launch.settings
        if launch.identity is not None:
            raise Unsupported("fastwsgi speaks no TLS; a proxy in front of it does, as nginx[tls]+fastwsgi")
        if asked.keep_alive:
            raise Unsupported("fastwsgi has no option for how long it keeps a connection, only for none: keep-alive=0")
        reject_unsupported(self.name, timeout=asked.timeout)
        return {} if asked.keep_alive is None else {"allow_keepalive": 0}


ADAPTER = FastWSGI()
