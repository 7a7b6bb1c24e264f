"""The limits on open files."""

from __future__ import annotations

import resource
import sys

import pytest

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.limits import (
    descriptor_limits,
    descriptors_left,
    raise_descriptor_limit,
    require_descriptors,
)


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Set the limits 100 and 1000, and collect changes."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (100, 1000))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: found.append(limits))
    return found


def test_a_generator_process_raises_its_limit_or_reports_the_limit(changes: list[tuple[int, int]]) -> None:
    require_descriptors(50)
    assert changes == []
    require_descriptors(900)
    assert changes == [(932, 1000)]
    with pytest.raises(OutOfResources, match="--slow-clients 968"):
        require_descriptors(2000)


def test_the_hard_limit_is_never_exceeded(changes: list[tuple[int, int]]) -> None:
    raise_descriptor_limit(5000)
    assert changes == [(1000, 1000)]


def test_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    infinity = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (infinity, infinity))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("nothing to raise"))
    assert descriptor_limits() == (sys.maxsize, sys.maxsize)
    raise_descriptor_limit(1 << 40)
    require_descriptors(1 << 40)
    assert descriptors_left() > 1 << 40
