"""Slow clients of several kinds at once, in equal parts, as a day on the open Internet brings them."""

from __future__ import annotations

from collections.abc import Sequence

from .personas import Dial, Persona
from .slowlink import Script


class Mixture:
    """Is whichever of `kinds` has the fewest clients there now, the first of them on a tie.

    So the parts stay equal, also where a server drops one kind much faster than another.
    """

    def __init__(self, kinds: Sequence[Persona]) -> None:
        self._kinds = tuple(kinds)
        self._living = [0] * len(self._kinds)

    @property
    def living(self) -> tuple[int, ...]:
        """How many clients of each kind there are now."""
        return tuple(self._living)

    def live(self, dial: Dial) -> Script:
        """Live as one of the kinds."""
        kind = min(range(len(self._kinds)), key=self._living.__getitem__)
        self._living[kind] += 1
        try:
            yield from self._kinds[kind].live(dial)
        finally:
            self._living[kind] -= 1
