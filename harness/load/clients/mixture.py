"""Slow clients of several kinds at once, in equal parts, as a day on the open Internet brings them."""

from __future__ import annotations

from collections.abc import Sequence

from .personas import Dial, Persona
from .slowlink import Script


class Mixture:
    """A crowd of `kinds`: the first client is of the first kind, and so on by turns.

    A client stays of its kind when it comes back. Were each life drawn anew, the kinds that a server drops soon would
    be all there is after a while, or none.
    """

    def __init__(self, kinds: Sequence[Persona]) -> None:
        self._kinds = tuple(kinds)

    def of(self, number: int) -> Persona:
        """Return what the client with this number, counted from 0, is for all its lives."""
        return self._kinds[number % len(self._kinds)]

    def live(self, dial: Dial) -> Script:
        """Live as the first client, for who has only one."""
        return self.of(0).live(dial)
