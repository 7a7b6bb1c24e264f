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
