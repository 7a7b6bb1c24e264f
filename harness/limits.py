"""Where this machine ran out of something while load was made: then no figure of that cell means anything."""

from __future__ import annotations

from wsgi_gauntlet.harness.errors import OutOfResources, leaf_exceptions
from wsgi_gauntlet.harness.http.http_connection import as_out_of_resources


def describe_exhausted_resource(problem: BaseException) -> str:
    """Return what ran out and what to do about it, where `problem` or something in its group says so, else ''."""
    if isinstance(problem, BaseExceptionGroup):
        return next(filter(None, map(describe_exhausted_resource, leaf_exceptions(problem))), "")
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
