"""What servers are compared by: two cells of one case, a gain, a loss or neither; and versions in their order. Pure."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.model import CaseResult, Verdict

BLAMING_VERDICTS = frozenset({Verdict.FAIL, Verdict.WARN})
"""What can be gained from and lost to. Of a flaky cell nobody can say whether the difference was at work, or luck."""


def improved(before: CaseResult, after: CaseResult) -> bool:
    """Say whether `before` is blamed and `after` passes."""
    return before.verdict in BLAMING_VERDICTS and after.verdict is Verdict.PASS


def worsened(before: CaseResult, after: CaseResult) -> bool:
    """Say whether `before` passes and `after` is blamed."""
    return improved(after, before)


def version_sort_key(version: str) -> tuple[bool, Version | str]:
    """Return what versions are ordered by, as `23.0.0rc1` before `23.0.0`; those that are no PEP 440 come first."""
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, version
