"""Faults in the call of the app and in the variables for its address and mount."""

from __future__ import annotations

import contextlib
from dataclasses import replace as changed
from types import FunctionType
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, server
from wsgi_gauntlet.servers.reference_server.gateway import Gateway

from .mutation import is_harness_path, mutant, wrap_function


def _place(**wrong: str) -> None:
    wrap_function(server, "place", lambda right, *about: changed(right(*about), **wrong))


def _refuses(kind: Any) -> None:
    def call(right: Any, self: Gateway, application: Any, variables: Any) -> Any:
        if kind(application) and not is_harness_path(self.request.target.path.decode()):
            raise TypeError(f"{application!r} is no app")
        return right(self, application, variables)

    wrap_function(Gateway, "call", call)


@mutant("pep3333/environ/callable-instance")
def instances_refused() -> None:
    """An app that is an object with __call__ is not called."""
    _refuses(lambda application: not isinstance(application, (FunctionType, type)))


@mutant("pep3333/environ/callable-class")
def classes_refused() -> None:
    """An app that is a class is not called."""
    _refuses(lambda application: isinstance(application, type))


@mutant("pep3333/environ/called-once")
def called_twice() -> None:
    """The server calls the app twice and discards the first response."""

    def call(right: Any, self: Gateway, application: Any, variables: Any) -> Any:
        if not is_harness_path(self.request.target.path.decode()):
            with contextlib.suppress(Exception):
                right(self, application, dict(variables))
            self.called = False
        return right(self, application, variables)

    wrap_function(Gateway, "call", call)


@mutant("pep3333/environ/called-once/failed")
def failed_calls_repeated() -> None:
    """If the app raises, the server calls it again."""

    def call(right: Any, self: Gateway, application: Any, variables: Any) -> Any:
        try:
            return right(self, application, dict(variables))
        except Exception:  # noqa: BLE001 - whatever an app raises
            self.called = False
            return right(self, application, variables)

    wrap_function(Gateway, "call", call)


@mutant("pep3333/environ/server-address/name")
def server_name_unresolvable() -> None:
    """SERVER_NAME is a name that nobody can look up."""
    _place(name="reference.invalid")


@mutant("pep3333/environ/server-address/port")
def port_always_80() -> None:
    """SERVER_PORT is always 80."""
    _place(port="80")


@mutant("pep3333/environ/mount-boundary")
def mount_matched_by_prefix() -> None:
    """Every path that begins with the characters of the mount counts as a path below it."""

    def split(_right: Any, path: str, mount: str) -> tuple[str, str]:
        return mount, path.removeprefix(mount)

    wrap_function(environ, "split", split)


@mutant("pep3333/environ/multithread-not-claimed")
def multithread_claimed() -> None:
    """wsgi.multithread is always true."""
    wrap_function(environ, "wsgi", lambda right, *about: {**right(*about), "wsgi.multithread": True})


@mutant("pep3333/environ/multiprocess-not-claimed")
def multiprocess_claimed() -> None:
    """wsgi.multiprocess is always true."""
    wrap_function(environ, "wsgi", lambda right, *about: {**right(*about), "wsgi.multiprocess": True})
