"""Requests that were lost, exactly, by the way in which their users learned of it. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult


@dataclass(frozen=True)
class LostRequests:
    """Counts. `disconnected` is a connection that was reset or closed before the whole answer was there.

    `wrong` is an answer that is not the right one (a status like 502, another body), `never_sent` what found no
    connection in time.
    """

    refused: int = 0
    disconnected: int = 0
    wrong: int = 0
    timed_out: int = 0
    never_sent: int = 0
    unfinished: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(count for _, count in self.kinds())

    def kinds(self) -> tuple[tuple[str, int], ...]:
        """Return each kind by the name that users know, with its count."""
        return (
            ("refused", self.refused),
            ("reset or closed", self.disconnected),
            ("wrong answer", self.wrong),
            ("timed out", self.timed_out),
            ("never answered", self.unfinished + self.never_sent),
        )

    @property
    def summary(self) -> str:
        """Say which kinds there were, '' for none."""
        return ", ".join(f"{count} {kind}" for kind, count in self.kinds() if count)


def count_lost_requests(results: Iterable[GeneratorResult]) -> LostRequests:
    """Count what was lost in open loops: all that was scheduled and not rightly answered."""
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
