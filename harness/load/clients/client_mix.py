"""Slow clients of several kinds at once, in equal parts, as a day on the open Internet brings them."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, Connector
from wsgi_gauntlet.harness.load.clients.slow_connection import Script


class ClientMix:
    """A crowd of `kinds`: the first client is of the first kind, and so on by turns.

    A client stays of its kind when it comes back. Were each life drawn anew, the kinds that a server drops soon would
    be all there is after a while, or none.
    """

    def __init__(self, kinds: Sequence[ClientBehaviour]) -> None:
        self._kinds = tuple(kinds)

    def behaviour_of(self, number: int) -> ClientBehaviour:
        """Return what the client with this number, counted from 0, is for all its lives."""
        return self._kinds[number % len(self._kinds)]

    def script(self, connect: Connector) -> Script:
        """Live as the first client, for who has only one."""
        return self.behaviour_of(0).script(connect)
