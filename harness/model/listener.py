"""What a run tells while it goes on. The terminal listens; so can anything else."""

from __future__ import annotations

from typing import Protocol

from wsgi_gauntlet.harness.model import CaseResult, ScenarioResult


class Listener(Protocol):
    """Hears of a run as it happens. Every method returns at once: it is called from the run's own loop."""

    def stage_started(self, name: str, total: int) -> None:
        """A stretch of work begins: `name` ('check' or 'load') with `total` cells."""

    def progress(self, server: str, activity: str, fraction: float | None = None) -> None:
        """`server` is at something that takes a while; `fraction` of it (0 to 1) is done, where that is known."""

    def case_finished(self, cell: CaseResult) -> None:
        """One cell of conformance is decided."""

    def scenario_finished(self, cell: ScenarioResult) -> None:
        """One cell of load is measured."""

    def message(self, text: str) -> None:
        """One line that the user should read: a server that is not here, a restart, an interruption."""


class NullListener:
    """Hears everything and says nothing."""

    def stage_started(self, name: str, total: int) -> None:
        """Say nothing."""

    def progress(self, server: str, activity: str, fraction: float | None = None) -> None:
        """Say nothing."""

    def case_finished(self, cell: CaseResult) -> None:
        """Say nothing."""

    def scenario_finished(self, cell: ScenarioResult) -> None:
        """Say nothing."""

    def message(self, text: str) -> None:
        """Say nothing."""
