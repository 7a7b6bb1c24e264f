"""Where a server listens: TCP or a Unix socket, plain or TLS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """A listening server. `path` is its Unix socket, and then host and port are only what requests name."""

    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    tls: bool = False

    @property
    def authority(self) -> str:
        """What belongs into the Host header."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def loopback(self) -> bool:
        """Say whether the address cannot leave this machine."""
        if self.path:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else self.authority
