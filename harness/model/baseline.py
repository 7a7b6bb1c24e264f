"""The relation of a cell to the verdict that the user's baseline accepts."""

from __future__ import annotations

import enum

import msgspec

from wsgi_gauntlet.harness.model.verdict import Verdict


class BaselineStatus(enum.StrEnum):
    """The relation of a cell to its entry in the baseline. The two unexpected ones end the run with exit code 1."""

    EXPECTED = "expected"
    UNEXPECTED_FAIL = "unexpected_fail"
    UNEXPECTED_PASS = "unexpected_pass"
    OTHER = "other"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        """The status as a reader sees it."""
        return "other than expected" if self is BaselineStatus.OTHER else self.value.replace("_", " ")


class BaselineExpectation(msgspec.Struct, frozen=True):
    """The entry of the baseline for a cell. If the baseline has no entry, only `status` is set.

    `expires` is the last day (ISO 8601) on which the entry counts. `where` names the entry's place in the file.
    """

    status: BaselineStatus
    verdict: Verdict | None = None
    reason: str = ""
    link: str = ""
    expires: str = ""
    expired: bool = False
    where: str = ""
