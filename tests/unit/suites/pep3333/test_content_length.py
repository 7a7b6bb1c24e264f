"""The search for a log line about a short body ignores access lines, whatever their format."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.suites.pep3333.content_length import _normalized_line, _reports_short_body

USUAL_LOG = """\
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
def test_lines_of_every_request_report_nothing(log: str) -> None:
    assert not _reports_short_body(log, {_normalized_line(line) for line in USUAL_LOG.splitlines()})


@pytest.mark.parametrize(
    "log",
    [
        "application returned too few bytes (5) for specified Content-Length (10) via app_iter\n",
        'error: "GET /too-short HTTP/1.1": the body is 5 bytes shorter than its Content-Length\n',
        "Traceback (most recent call last):\n  ...\nValueError: 5 != 10\n",
    ],
)
def test_other_lines_report_a_short_body(log: str) -> None:
    assert _reports_short_body(USUAL_LOG + log, {_normalized_line(line) for line in USUAL_LOG.splitlines()})
