"""Observing changes nothing: a server sends the same bytes whether its app tells us of every step or of none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.instance import running
from wsgi_gauntlet.harness.server.user_app import USER_APP_HEADER, plan_with_reference_app

pytestmark = pytest.mark.live

TARGETS = (
    "/echo",
    "/sized?what=list-1",
    "/sized?what=tuple-2",
    "/kinds?what=generator",
    "/closing",
    "/watched",
    "/written-then-list",
    "/empty-body",
    "/unknown-length",
    "/too-short",
    "/fail?when=before-start",
    "/fail?when=mid-body",
    "/file-wrapper?what=offset",
    "/play-dumb",
)


async def sent(server: str, tmp_path: Path, *, observe: bool) -> list[bytes]:
    answers = []
    async with running(planning.plan(server), scratch=tmp_path, logs=tmp_path, observe=observe) as instance:
        for target in TARGETS:
            connection = await Connection.open(instance.address, Transcript())
            await connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await connection.response(timeout=20.0)
            await connection.close()
            answers.append(re.sub(rb"\r\nDate: [^\r]*", b"", answer.raw))
        assert bool(instance.channel.since(0)) is observe
    return answers


@pytest.mark.parametrize("server", ["waitress", "wsgiref", "gunicorn"])
async def test_the_bytes_are_the_same(server: str, tmp_path: Path) -> None:
    observed = await sent(server, tmp_path, observe=True)
    assert all(observed)
    assert observed == await sent(server, tmp_path, observe=False)


KINDS = """
import os
from wsgiref.util import FileWrapper

class Closing:
    def __iter__(self): return iter([b"one", b"two"])
    def close(self): pass

def app(environ, start_response):
    kind = environ["PATH_INFO"].strip("/")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if kind == "list-1": return [b"one"]
    if kind == "tuple-2": return (b"one", b"two")
    if kind == "generator": return (each for each in [b"one", b"two"])
    if kind == "closing": return Closing()
    if kind == "empty": return []
    wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
    return wrapper(open(__file__, "rb"))
"""


async def pages(server: str, folder: Path, *, beside: bool) -> list[bytes]:
    plan = planning.plan(server, app="kinds:app", app_path=folder)
    answers = []
    asks = f"{USER_APP_HEADER}: ask\r\n" if beside else ""
    async with running(plan_with_reference_app(plan) if beside else plan, scratch=folder, logs=folder) as instance:
        for kind in ("list-1", "tuple-2", "generator", "closing", "empty", "file"):
            connection = await Connection.open(instance.address, Transcript())
            await connection.send(f"GET /{kind} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{asks}\r\n".encode())
            answer = await connection.response(timeout=20.0)
            await connection.close()
            answers.append(re.sub(rb"\r\nDate: [^\r]*", b"", answer.raw))
    return answers


@pytest.mark.parametrize("server", ["waitress", "wsgiref", "gunicorn:gthread"])
async def test_beside_the_reference_app_the_user_s_app_is_answered_for_the_same(server: str, tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text(KINDS)
    alone = await pages(server, tmp_path, beside=False)
    assert all(alone)
    assert len(set(alone)) > 3
    assert await pages(server, tmp_path, beside=True) == alone
