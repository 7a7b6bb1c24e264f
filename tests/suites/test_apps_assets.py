"""The files below /static/, which the app answers and a front may serve instead."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.assets import ASSETS, content

from .app_rig import run


@pytest.mark.parametrize("name", ASSETS)
def test_the_app_answers_what_a_front_would_serve(name: str) -> None:
    server, body = run(f"/static/{name}")
    assert body == content(name).encode("ascii")
    assert server.headers == [("Content-Type", ASSETS[name].type), ("Content-Length", str(ASSETS[name].size))]
    assert body.startswith(f"{name}\n".encode())


@pytest.mark.parametrize("path", ["/static/", "/static", "/static/../load.py", "/static/none.css"])
def test_there_is_nothing_else(path: str) -> None:
    server, _ = run(path)
    assert server.status == "404 Not Found"
