"""The options of the command line for all scenarios, and the page that they request.

This module does not import what runs the load: a check needs only the options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.catalog import Scenario, overrides_for
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX
from wsgi_gauntlet.harness.traffic.model import Traffic

_REQUEST_TARGET = re.compile(r"/[!-\"$-~]*")
"""A path with or without a query, as in a request line: visible ASCII, no fragment."""


@dataclass(frozen=True)
class LoadOptions:
    """The options of the command line for every scenario. `full` chooses the parameters for full runs.

    `clients`, `duration` and `rate` replace the parameters of the same names; `other_parameters` are those that
    `--set NAME=VALUE` gives, as text. `page` is the page of the user app that healthy users request; they send
    `traffic` in its place if there is one.
    """

    full: bool = False
    clients: int | None = None
    duration: float | None = None
    rate: float | None = None
    page: str = "/"
    traffic: Traffic | None = None
    other_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def overrides(self) -> dict[str, object]:
        """The replaced parameters by name, for whichever scenario declares them."""
        options = {"clients": self.clients, "duration": self.duration, "rate": self.rate}
        return {**{name: value for name, value in options.items() if value is not None}, **self.other_parameters}

    def parameters(self, scenario: Scenario) -> Parameters:
        """Return the parameters of `scenario`. Raises ConfigurationError for a value of the wrong kind."""
        return scenario.parameters(overrides_for(scenario, self.overrides), full=self.full)


def validated_path(path: str) -> str:
    """Return the page of --app-path for a request line. Raises ConfigurationError if it is not a path."""
    if not _REQUEST_TARGET.fullmatch(path):
        raise ConfigurationError(
            f"--app-path {path!r} is not a path: it must begin with /, for example /shop?page=2, and have only ASCII "
            "characters without spaces and fragments; percent-encode all others"
        )
    if path.partition("?")[0].rstrip("/").startswith(CONTROL_PREFIX):
        raise ConfigurationError(
            f"--app-path {path}: paths below {CONTROL_PREFIX} belong to the harness; use a path of the app"
        )
    return path


def user_app_page(app: str | None, path: str | None) -> str:
    """Return the page of the user app, `/` if the user names none.

    Raises ConfigurationError if `path` is not a path, or if there is no user app.
    """
    if path is None:
        return "/"
    if not app:
        raise ConfigurationError("--app-path needs --app: name the app that has the page")
    return validated_path(path)
