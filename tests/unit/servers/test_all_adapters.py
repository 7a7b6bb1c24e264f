"""What holds of every file in servers/, the ones to come included."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.registry import adapters
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch
from wsgi_gauntlet.harness.server.name import SERVER_PATTERN

Launching = Callable[..., Launch]


@pytest.fixture(params=list(adapters().values()), ids=list(adapters()))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    chosen: Adapter = request.param
    return chosen


def test_its_names_can_be_written_on_the_command_line(adapter: Adapter) -> None:
    assert adapter.title
    for variant in adapter.variants:
        match = SERVER_PATTERN.fullmatch(f"{adapter.name}:{variant}")
        assert match is not None
        assert match["variant"] == variant
        assert adapter.variants[variant]


def test_it_is_here_or_says_how_to_get_it(adapter: Adapter) -> None:
    found = adapter.find(sys.executable)
    assert (
        (found.version and found.executable)
        if found.available
        else found.get or found.why == adapter.unavailable_reason
    )


def test_conditions_name_the_workers_and_are_plain_values(adapter: Adapter, launching: Launching) -> None:
    for variant in () if adapter.unavailable_reason else adapter.variants or ("",):
        conditions = adapter.conditions(launching(variant=variant, upstream=Address(port=1) if adapter.front else None))
        # Apache starts three and more as it needs them, a CGI script is a process for each request.
        assert conditions["workers"] == 1 or isinstance(conditions["workers"], str)
        assert all(isinstance(value, (int, float, str)) for value in conditions.values())
