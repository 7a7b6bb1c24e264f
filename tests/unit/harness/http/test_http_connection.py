"""Connections of healthy users, beside thousands of others."""

import os
import resource

from wsgi_gauntlet.harness.http.http_connection import readable
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections

HIGH = 1500
"""Above FD_SETSIZE, 1,024, which is all that select() knows of."""


def test_what_there_is_to_read_is_seen_on_a_high_descriptor_too() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reserve_connections(HIGH)
    low, other = os.pipe()
    try:
        high = os.dup2(low, HIGH)
        assert not readable(high)
        os.write(other, b"x")
        assert readable(high)
        os.read(high, 1)
        assert not readable(high)
        os.close(other)
        assert readable(high)
        os.close(high)
    finally:
        os.close(low)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
