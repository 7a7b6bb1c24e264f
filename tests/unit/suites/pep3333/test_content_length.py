"""Whether a log tells of a body that is too short: access lines do not, whatever they look like."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.suites.pep3333.content_length import _normalized_line, _reports_short_body

USUAL = """\
127.0.0.1 - - [22/Nov/2026 20:01:09] "GET /echo HTTP/1.1" 200 18
127.0.0.1 - - [22/Nov/2026 20:01:09] "GET /sync HTTP/1.1" 200 18
[2026-11-22 20:01:09 +0000] [4711] [DEBUG] GET /echo
"""


@pytest.mark.parametrize(
    "log",
    [
        "",
        '127.0.0.1 - - [22/Nov/2026 20:01:10] "GET /too-short HTTP/1.1" 200 5\n',
        '127.0.0.1 "GET /too-short HTTP/1.1" 200 5 0.003\n',
        "[2026-11-22 20:01:10 +0000] [4711] [DEBUG] GET /too-short\n",
        "\n  \n",
    ],
)
def test_what_comes_with_every_request_tells_nothing(log: str) -> None:
    assert not _reports_short_body(log, {_normalized_line(line) for line in USUAL.splitlines()})


@pytest.mark.parametrize(
    "log",
    [
        "application returned too few bytes (5) for specified Content-Length (10) via app_iter\n",
        'error: "GET /too-short HTTP/1.1": the body is 5 bytes shorter than its Content-Length\n',
        "Traceback (most recent call last):\n  ...\nValueError: 5 != 10\n",
    ],
)
def test_anything_else_does(log: str) -> None:
    assert _reports_short_body(USUAL + log, {_normalized_line(line) for line in USUAL.splitlines()})
