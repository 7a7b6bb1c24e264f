"""Where this machine ran out of something while load was made: then no figure of that cell means anything."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.http_connection import as_out_of_resources


def describe_exhausted_resource(problem: BaseException) -> str:
    """Return what ran out and what to do about it, where `problem` or something in its group says so, else ''."""
    if isinstance(problem, BaseExceptionGroup):
        return next(filter(None, map(describe_exhausted_resource, problem.exceptions)), "")
    if isinstance(problem, OutOfResources):
        return str(problem)
    if isinstance(problem, MemoryError):
        return (
            "this machine, or the limit of this process, has no more memory: ask for fewer --clients or raise ulimit -v"
        )
    if isinstance(problem, OSError):
        found = as_out_of_resources(problem)
        return str(found) if isinstance(found, OutOfResources) else ""
    return ""


SLOW_CLIENT_RESERVE = 256
"""Descriptors that the harness keeps for everything but the connections of slow clients."""

GENERATOR_RESERVE = 32
"""Descriptors that a generator process keeps for everything but its connections."""

FREE_DESCRIPTORS = 64
"""Descriptors that stay free in the harness while it runs a generator itself."""


def descriptor_limits() -> tuple[int, int]:
    """Return the soft and the hard limit on open files of this process; sys.maxsize means no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        sys.maxsize if soft == resource.RLIM_INFINITY else soft,
        sys.maxsize if hard == resource.RLIM_INFINITY else hard,
    )


def raise_descriptor_limit(needed: int) -> None:
    """Raise the soft limit on open files of this process to `needed`, but not above the hard limit."""
    soft, hard = descriptor_limits()
    if soft < min(needed, hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def require_descriptors(connections: int) -> None:
    """Raise the soft limit of a generator process as far as `connections` need.

    Raises OutOfResources if the hard limit is too low.
    """
    needed, (_, hard) = connections + GENERATOR_RESERVE, descriptor_limits()
    if needed > hard:
        raise OutOfResources(
            f"{connections} connections need {needed} open files, but a process may have only {hard}: raise "
            f"`ulimit -Hn`, or use --slow-clients {max(1, hard - GENERATOR_RESERVE)}"
        )
    raise_descriptor_limit(needed)


def descriptors_left() -> int:
    """Return how many connections this process can still open without a higher limit on open files."""
    soft, _ = descriptor_limits()
    return soft - sum(1 for _ in Path("/proc/self/fd").iterdir()) - FREE_DESCRIPTORS
