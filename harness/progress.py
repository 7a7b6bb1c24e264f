"""What a run tells while it goes on. The terminal listens; so can anything else."""

from __future__ import annotations

from typing import Protocol

from .model import Check, Load


class Listener(Protocol):
    """Hears of a run as it happens. Every method returns at once: it is called from the run's own loop."""

    def stage(self, name: str, total: int) -> None:
        """A stretch of work begins: `name` ('check' or 'load') with `total` cells."""

    def working(self, server: str, doing: str, fraction: float | None = None) -> None:
        """`server` is at something that takes a while; `fraction` of it (0 to 1) is done, where that is known."""

    def checked(self, cell: Check) -> None:
        """One cell of conformance is decided."""

    def loaded(self, cell: Load) -> None:
        """One cell of load is measured."""

    def remark(self, text: str) -> None:
        """One line that the user should read: a server that is not here, a restart, an interruption."""


class Silence:
    """Hears everything and says nothing."""

    def stage(self, name: str, total: int) -> None:
        """Say nothing."""

    def working(self, server: str, doing: str, fraction: float | None = None) -> None:
        """Say nothing."""

    def checked(self, cell: Check) -> None:
        """Say nothing."""

    def loaded(self, cell: Load) -> None:
        """Say nothing."""

    def remark(self, text: str) -> None:
        """Say nothing."""
