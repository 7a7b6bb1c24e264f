"""Faults in wsgi.early_hints."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.servers.reference_server import response
from wsgi_gauntlet.servers.reference_server.gateway import Gateway

from .mutation import mutant, replace


def _sends(self: Gateway, headers: Any) -> None:
    self.send(response.head("103 Early Hints", headers))


@mutant("http/responses/early-hints-first")
def hints_lost() -> None:
    """wsgi.early_hints does nothing."""
    replace(Gateway, "early_hints", lambda _self, _headers: None)


@mutant("http/responses/early-hints-first")
def hints_without_fields() -> None:
    """A 103 has no fields."""
    replace(Gateway, "early_hints", lambda self, _headers: _sends(self, []))


@mutant("http/responses/early-hints-http10", "http/responses/early-hints-injection", "http/responses/early-hints-late")
def hints_unchecked() -> None:
    """wsgi.early_hints sends its fields unchecked, to every client, at any time."""
    replace(Gateway, "early_hints", _sends)
