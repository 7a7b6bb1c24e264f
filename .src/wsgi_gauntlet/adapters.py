"""The adapter API: everything that the author of a server needs to describe it. docs/servers.md shows how."""

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    ServerDescription,
    Settings,
    distribution_version,
    executable_beside,
    no_option_for,
    pip_install_command,
    python_version,
    reject_unsupported,
)
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping

__all__ = [
    "Adapter",
    "Address",
    "CertificateFiles",
    "Command",
    "ConfigurationError",
    "Installation",
    "Launch",
    "Protocol",
    "ServerDescription",
    "Settings",
    "StaticMapping",
    "Unsupported",
    "distribution_version",
    "executable_beside",
    "no_option_for",
    "pip_install_command",
    "python_version",
    "reject_unsupported",
]
