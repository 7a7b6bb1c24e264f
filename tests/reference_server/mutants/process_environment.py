"""Faults in what the server takes from its process environment."""

from __future__ import annotations

import os
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ

from .mutation import is_harness_path, mutant, wrap_function


@mutant(
    "pep3333/environ/process-for-request",
    "pep3333/environ/process-for-scheme",
    "pep3333/environ/process-for-port",
    "pep3333/environ/process-for-header",
    "pep3333/environ/process-for-client",
)
def process_wins() -> None:
    """The variables of the process replace those of the request, except its path."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if not is_harness_path(variables["PATH_INFO"]):
            variables.update({**os.environ, "PATH_INFO": variables["PATH_INFO"]})
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/process-for-path")
def path_of_process() -> None:
    """PATH_INFO of the process replaces that of the request."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if not is_harness_path(variables["PATH_INFO"]):
            variables["PATH_INFO"] = os.environ.get("PATH_INFO", variables["PATH_INFO"])
        return variables

    wrap_function(environ, "build", build)


@mutant(
    "pep3333/environ/process-for-request/absent",
    "pep3333/environ/process-for-header/not-sent",
    "pep3333/environ/process-for-client",
)
def process_fills_gaps() -> None:
    """A variable that the request does not have comes from the process."""

    def build(right: Any, *about: Any) -> Any:
        return {**os.environ, **right(*about)}

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/process-for-scheme")
def https_of_process() -> None:
    """wsgi.url_scheme is https if the process has HTTPS=on."""
    wrap_function(environ, "scheme", lambda right, place: "https" if os.environ.get("HTTPS") == "on" else right(place))
