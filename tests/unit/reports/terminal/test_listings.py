"""What there is to run and what the cache keeps, as JSON that any reader takes, whatever a file is called."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.registry import ServerListing
from wsgi_gauntlet.harness.server.environments.versioned import CachedEnvironment
from wsgi_gauntlet.reports.terminal import environments as kept
from wsgi_gauntlet.reports.terminal import listings

UNDECODABLE = b"/tmp/caf\xe9".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("print_list", "field"),
    [
        (lambda: kept.show([CachedEnvironment("gunicorn-20.1.0", UNDECODABLE, 1, None)], as_json=True), "path"),
        (
            lambda: listings.servers(
                [ServerListing("mine", "", {}, {}, front=False, version="", why=UNDECODABLE, get="")], as_json=True
            ),
            "why",
        ),
    ],
)
def test_a_path_that_is_no_utf8_is_printed_as_an_escape(
    print_list: Callable[[], None], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_list()
    [each] = json.loads(capsys.readouterr().out)
    assert each[field] == r"/tmp/caf\udce9"
