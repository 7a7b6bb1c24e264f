"""The level of a case and the verdict on a server."""

from __future__ import annotations

import enum


class Level(enum.StrEnum):
    """How strongly the source of a case asks for the behaviour."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    INFO = "info"


class Verdict(enum.StrEnum):
    """The result of one server in one case. `error` is a fault of the harness and never of the server."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    INFO = "info"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    FLAKY = "flaky"
    ERROR = "error"

    @property
    def blames_server(self) -> bool:
        """Say whether the server broke the requirement each time."""
        return self in (Verdict.FAIL, Verdict.WARN)

    @property
    def is_met(self) -> bool:
        """Say whether cases that need this one can run."""
        return self in (Verdict.PASS, Verdict.INFO)

    @property
    def is_not_applicable(self) -> bool:
        """Say whether the case could not be applied to the server."""
        return self in (Verdict.UNSUPPORTED, Verdict.SKIPPED)

    @property
    def is_judged(self) -> bool:
        """Say whether the verdict says anything about the server."""
        return self is not Verdict.ERROR and not self.is_not_applicable

    @property
    def needs_attention(self) -> bool:
        """Say whether a user should look at the cell. `--rerun-failed` runs such cells again."""
        return self.blames_server or self in (Verdict.FLAKY, Verdict.ERROR)
