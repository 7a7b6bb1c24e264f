"""A server's name taken apart."""

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.name import ServerSpec, parse, same_version, with_version, without_version


@pytest.mark.parametrize(
    ("text", "server", "front"),
    [
        ("gunicorn", ServerSpec("gunicorn"), None),
        ("gunicorn:gthread", ServerSpec("gunicorn", "gthread"), None),
        ("gunicorn@20.1.0", ServerSpec("gunicorn", "", "20.1.0"), None),
        (
            "gunicorn:gthread@27.0.1[workers=4, threads=2]",
            ServerSpec("gunicorn", "gthread", "27.0.1", Settings(workers=4, threads=2)),
            None,
        ),
        ("nginx@1.22.1+gunicorn", ServerSpec("gunicorn"), ServerSpec("nginx", "", "1.22.1")),
        ("nginx+gunicorn:sync", ServerSpec("gunicorn", "sync"), ServerSpec("nginx")),
        ("nginx:unix+uwsgi", ServerSpec("uwsgi"), ServerSpec("nginx", "unix")),
        ("gunicorn[tls]", ServerSpec("gunicorn", settings=Settings(tls=True)), None),
        (
            "nginx[tls, workers=2]+gunicorn",
            ServerSpec("gunicorn"),
            ServerSpec("nginx", settings=Settings(workers=2, tls=True)),
        ),
    ],
)
def test_names(text: str, server: ServerSpec, front: ServerSpec | None) -> None:
    name = parse(text)
    assert (name.text, name.server, name.front) == (text, server, front)


def test_versions_that_are_one() -> None:
    assert same_version("20.1", "20.1.0")
    assert not same_version("20.1.0", "20.1.1")
    assert same_version("2.0.21-debian", "2.0.21-debian")
    assert not same_version("2.0.21-debian", "2.0.21")


def test_settings() -> None:
    name = parse("gunicorn[workers=4,keep-alive=2.5,timeout=0,max-requests=100]")
    assert name.server.settings == Settings(workers=4, keep_alive=2.5, timeout=0.0, max_requests=100)


@pytest.mark.parametrize(("text", "tls"), [("tls", True), ("tls=on", True), ("tls = off", False), ("", False)])
def test_tls_is_a_switch(text: str, tls: bool) -> None:
    assert parse(f"gunicorn[{text}]").server.settings == Settings(tls=tls)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a server name"),
        ("gunicorn:", "is not a server name"),
        ("gunicorn[workers", "is not a server name"),
        ("../evil", "is not a server name"),
        ("gunicorn[worker=4]", "did you mean workers?"),
        ("gunicorn[workers=0]", "workers is a number"),
        ("gunicorn[workers=-3]", "workers is a number"),
        ("gunicorn[workers=four]", "workers is a number"),
        ("gunicorn[workers=1000000000]", "workers is a number"),
        ("gunicorn[timeout=nan]", "timeout is a number"),
        ("gunicorn[mount=/x]", "is no setting"),
        ("gunicorn[deployed=x]", "is no setting"),
        ("gunicorn[workers]", "workers is a number; write workers=4, 1 or more"),
        ("gunicorn[backlog=0]", "backlog is a number; write backlog=4, 1 or more"),
        ("gunicorn[tls=yes]", "tls is on or off; write tls, tls=on or tls=off"),
        ("gunicorn[tls=]", "tls is on or off"),
        ("gunicorn[https=on]", "settings are backlog, keep_alive, max_requests, threads, timeout, tls, "),
        ("gunicorn[max-requests=0]", "max_requests is a number; write max_requests=4, 1 or more"),
        ("gunicorn[Gzip]", "'Gzip' in 'gunicorn[Gzip]' is no setting"),
        ("a+b+c", "chains 3 servers"),
    ],
)
def test_what_is_no_name_says_so(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bare_word_is_a_feature_that_only_the_adapter_knows() -> None:
    assert parse("nginx[gzip,cache,workers=2]+gunicorn").front == ServerSpec(
        "nginx", settings=Settings(workers=2, features=frozenset({"gzip", "cache"}))
    )


@pytest.mark.parametrize(
    ("text", "versioned"),
    [
        ("gunicorn", "gunicorn@20.1.0"),
        ("gunicorn:gthread[workers=2]", "gunicorn:gthread@20.1.0[workers=2]"),
        ("nginx@1.22.1+gunicorn", "nginx@1.22.1+gunicorn@20.1.0"),
        ("nginx[tls]+gunicorn:sync", "nginx[tls]+gunicorn:sync@20.1.0"),
    ],
)
def test_a_version_is_put_in_and_taken_out(text: str, versioned: str) -> None:
    assert with_version(text, "20.1.0") == versioned
    assert without_version(versioned) == text
    assert parse(versioned).server.version == "20.1.0"
    with pytest.raises(ConfigurationError, match=r"names version 20\.1\.0"):
        with_version(versioned, "1")
