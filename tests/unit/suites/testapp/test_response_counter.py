"""Answers that the app counts, and how it says them."""

import os

from wsgi_gauntlet.suites.testapp import reference

from ....helpers.testapp_client import FakeServer, environ, run


def counts() -> tuple[int, int]:
    pid, opened, closed = run("/open-answers?wait=1")[1].split()
    assert int(pid) == os.getpid()
    return int(opened), int(closed)


def test_an_answer_is_open_until_it_is_closed_and_closed_once() -> None:
    opened, closed = counts()
    result = reference.application(environ("/counted-page?n=abc&size=70000"), FakeServer().start_response)
    assert counts() == (opened + 1, closed)
    assert next(iter(result)).startswith(b"abc\n")
    result.close()
    result.close()
    assert counts() == (opened + 1, closed + 1)
    assert len(b"".join(result)) == 70000 - 65536
