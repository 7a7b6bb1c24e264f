"""Count lost requests by kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult


@dataclass(frozen=True)
class LostRequests:
    """Counts. `disconnected`: the connection was reset or closed before the response was complete.

    `wrong`: a wrong response (a status such as 502, another body). `never_sent`: no connection was free in time.
    """

    refused: int = 0
    disconnected: int = 0
    wrong: int = 0
    timed_out: int = 0
    never_sent: int = 0
    unfinished: int = 0

    @property
    def total(self) -> int:
        """The number of all lost requests."""
        return sum(count for _, count in self.kinds())

    def kinds(self) -> tuple[tuple[str, int], ...]:
        """Return each kind by its name in reports, with its count."""
        return (
            ("refused", self.refused),
            ("reset or closed", self.disconnected),
            ("wrong response", self.wrong),
            ("timed out", self.timed_out),
            ("no response", self.unfinished + self.never_sent),
        )

    @property
    def summary(self) -> str:
        """The kinds with their counts, '' for none."""
        return ", ".join(f"{count} {kind}" for kind, count in self.kinds() if count)


def count_lost_requests(results: Iterable[GeneratorResult]) -> LostRequests:
    """Count the scheduled requests of open loops without a correct response."""
    found = [_count_lost(each) for each in results]
    return LostRequests(
        refused=sum(each.refused for each in found),
        disconnected=sum(each.disconnected for each in found),
        wrong=sum(each.wrong for each in found),
        timed_out=sum(each.timed_out for each in found),
        never_sent=sum(each.never_sent for each in found),
        unfinished=sum(each.unfinished for each in found),
    )


def _count_lost(result: GeneratorResult) -> LostRequests:
    return LostRequests(
        refused=result.refused,
        disconnected=result.disconnected,
        wrong=result.wrong + result.errors - result.refused - result.disconnected,
        timed_out=result.timeouts,
        never_sent=result.never_sent,
        unfinished=result.unfinished,
    )
