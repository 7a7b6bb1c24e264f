"""Exhausted resources of this machine. They make a figure of load invalid, and no server is to blame."""

from __future__ import annotations

import errno
import resource
import sys
from pathlib import Path

from wsgi_gauntlet.harness.errors import OutOfResources, leaf_exceptions

EXHAUSTION_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""The errors that the kernel reports when the client side has no resources left."""


def as_out_of_resources(error: OSError) -> OSError | OutOfResources:
    """Return OutOfResources if `error` means that this machine has no resources left, else `error` itself."""
    if error.errno in EXHAUSTION_ERRNOS:
        return OutOfResources(
            f"this machine has no more open files, local ports or memory for clients ({error.strerror}): lower "
            "--slow-clients, raise `ulimit -n`, or wait a minute until the system frees closed connections"
        )
    return error


def describe_exhausted_resource(problem: BaseException) -> str:
    """Return the exhausted resource and what to do, if `problem` or an exception in its group reports one, else ''."""
    if isinstance(problem, BaseExceptionGroup):
        return next(filter(None, map(describe_exhausted_resource, leaf_exceptions(problem))), "")
    if isinstance(problem, OutOfResources):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "this machine, or the limit of this process, has no more memory: lower --slow-clients or raise ulimit -v"
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
