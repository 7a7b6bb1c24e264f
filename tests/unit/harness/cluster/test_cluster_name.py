"""What names a cluster, and what does not."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.cluster.cluster_name import MAX_WORKERS, parse_cluster
from wsgi_gauntlet.harness.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("local:4", "local:4"),
        (f"local:{MAX_WORKERS}", f"local:{MAX_WORKERS}"),
        ("10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("tcp://scheduler:8786", "tcp://scheduler:8786"),
        ("tls://dask-scheduler.default.svc:8786", "tls://dask-scheduler.default.svc:8786"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
    ],
)
def test_a_name_of_a_cluster(text: str, found: str) -> None:
    assert str(parse_cluster(text)) == found


@pytest.mark.parametrize("text", ["local", "local:", "local:0", "local:65", "local:-1", "local:four", "local:²"])
def test_a_local_cluster_has_a_number_of_workers(text: str) -> None:
    with pytest.raises(ConfigurationError, match="give the number of workers"):
        parse_cluster(text)


@pytest.mark.parametrize(
    "text",
    ["", "8786", "host", "host:", "host:0", "host:65536", "http://host:1", "tcp://host:1/x", "a b:1", "host:1\n"],
)
def test_other_text_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the address of a dask scheduler"):
        parse_cluster(text)
