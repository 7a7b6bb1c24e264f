"""Observing changes nothing: a server sends the same bytes whether its app tells us of every step or of none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.launch import running
from wsgi_gauntlet.harness.wire import Transcript, Wire

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
            wire = await Wire.open(instance.address, Transcript())
            await wire.send(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await wire.response(timeout=1.0)
            await wire.close()
            answers.append(re.sub(rb"\r\nDate: [^\r]*", b"", answer.raw))
        assert bool(instance.channel.since(0)) is observe
    return answers


@pytest.mark.parametrize("server", ["waitress", "wsgiref", "gunicorn"])
async def test_the_bytes_are_the_same(server: str, tmp_path: Path) -> None:
    observed = await sent(server, tmp_path, observe=True)
    assert all(observed)
    assert observed == await sent(server, tmp_path, observe=False)
