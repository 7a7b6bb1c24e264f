"""A cluster as the user names it: `local:4`, or the address of a dask scheduler."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import ConfigurationError

MAX_WORKERS = 64
"""Workers at most, as many as generator processes: no single server needs more generators."""

FORMS = "local:4 (workers on this machine), or the address of a dask scheduler, such as tcp://10.0.0.1:8786"

_ADDRESS = re.compile(r"(?:(tcp|tls|ws|wss)://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True)
class ClusterName:
    """The `address` of a scheduler, or the number of `workers` of a cluster to start on this machine."""

    address: str = ""
    workers: int = 0

    def __str__(self) -> str:
        return self.address or f"local:{self.workers}"


def parse_cluster(text: str) -> ClusterName:
    """Return the cluster that `text` names. Raises ConfigurationError."""
    if text == "local" or text.startswith("local:"):
        number = text.partition(":")[2]
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= MAX_WORKERS):
            raise ConfigurationError(
                f"--cluster {text!r}: give the number of workers, 1 to {MAX_WORKERS}, for example local:4"
            )
        return ClusterName(workers=int(number))
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise ConfigurationError(f"--cluster {text!r} names no cluster; write {FORMS}")
    return ClusterName(address=f"{found[1] or 'tcp'}://{found[2]}:{found[3]}")
