"""The files below /static/, which the app answers and a front may serve instead."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.server.static_files import STATIC_FILES, static_content

from ....helpers.testapp_client import run


@pytest.mark.parametrize("name", STATIC_FILES)
def test_the_app_answers_what_a_front_would_serve(name: str) -> None:
    server, body = run(f"/static/{name}")
    assert body == static_content(name).encode("ascii")
    assert server.headers == [
        ("Content-Type", STATIC_FILES[name].type),
        ("Content-Length", str(STATIC_FILES[name].size)),
    ]
    assert body.startswith(f"{name}\n".encode())


@pytest.mark.parametrize("path", ["/static/", "/static", "/static/../load.py", "/static/none.css"])
def test_there_is_nothing_else(path: str) -> None:
    server, _ = run(path)
    assert server.status == "404 Not Found"
