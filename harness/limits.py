"""Exhausted resources of this machine. They make a figure of load invalid, and no server is to blame."""

from __future__ import annotations

import errno

from wsgi_gauntlet.harness.errors import OutOfResources

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
        return next(filter(None, map(describe_exhausted_resource, problem.exceptions)), "")
    if isinstance(problem, OutOfResources):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "this machine, or the limit of this process, has no more memory: lower --slow-clients or raise ulimit -v"
    if isinstance(problem, OSError):
        found = as_out_of_resources(problem)
        return str(found) if isinstance(found, OutOfResources) else ""
    return ""
