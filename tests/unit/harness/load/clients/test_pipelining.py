"""Pipelined requests against servers inside the test that answer them in every possible way."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load.clients.pipelining import (
    PipelineEnd,
    PipelineResult,
    ResponseMatch,
    classify_response,
    request,
    send_pipeline,
)
from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.suites.load.throughput.pipelining import judge_pipelines, pipeline_measures

from .....helpers.tcp_server import listening

NONCES = ("a-1", "a-2", "a-3")
KNOWN = frozenset({*NONCES, "b-1"})
SIZE = 50


def page(nonce: str, size: int = SIZE) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + f"{nonce}\n".encode().ljust(size, b".")


Turn = Callable[[list[str]], bytes]


@asynccontextmanager
async def serving(turn: Turn, keep: bool) -> AsyncIterator[Address]:
    """Answers what `turn` makes of all nonces, once all have come; then closes, or says nothing more."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            got = b""
            while got.count(b"\r\n\r\n") < len(NONCES):
                got += await stream.receive_some(65536)
            nonces = [each.decode() for each in re.findall(rb"n=([^& ]+)", got)]
            await stream.send_all(turn(nonces))
            if keep:
                await stream.receive_some(1)

    async with listening(handle) as address:
        yield address


async def asked(turn: Turn, keep: bool = False, patience: float = 5) -> PipelineResult:
    async with serving(turn, keep) as address:
        return await send_pipeline(address, "/m", NONCES, KNOWN, size=SIZE, wait=1, patience=patience)


async def test_all_in_order() -> None:
    found = await asked(lambda nonces: b"".join(page(each) for each in nonces))
    assert (found.right, found.ended, found.response_match) == (3, PipelineEnd.ALL, ResponseMatch.RIGHT)
    assert found.second_response_delay is not None
    assert found.second_response_delay >= 0
    assert judge_pipelines([found])[0] is Grade.UNAFFECTED
    assert "right after" in judge_pipelines([replace(found, second_response_delay=0.0)])[1]


async def test_closing_after_the_first_is_allowed() -> None:
    found = await asked(lambda nonces: page(nonces[0]))
    assert (found.right, found.ended, found.lost) == (1, PipelineEnd.CLOSED, 0)
    grade, note = judge_pipelines([found])
    assert grade is Grade.UNAFFECTED
    assert "only the first response" in note


async def test_closing_in_the_middle_of_an_answer_is_no_wrong_answer() -> None:
    found = await asked(lambda nonces: page(nonces[0]) + page(nonces[1])[:-1])
    assert (found.right, found.ended, found.response_match) == (1, PipelineEnd.CLOSED, ResponseMatch.RIGHT)


async def test_neither_answering_nor_closing_loses_requests() -> None:
    found = await asked(lambda nonces: page(nonces[0]), keep=True, patience=0.2)
    assert (found.right, found.ended, found.lost) == (1, PipelineEnd.SILENT, 2)
    grade, note = judge_pipelines([found])
    assert grade is Grade.DEGRADED
    assert "2 of 3 requests" in note


@pytest.mark.parametrize(
    ("turn", "response_match"),
    [
        (lambda nonces: b"".join(page(each) for each in reversed(nonces)), ResponseMatch.SWAPPED),
        (lambda _: page("b-1"), ResponseMatch.FOREIGN),
        (lambda _: page("c-1"), ResponseMatch.BROKEN),
        (lambda nonces: page(nonces[0], SIZE + 1), ResponseMatch.BROKEN),
        (lambda _: b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", ResponseMatch.BROKEN),
        (lambda nonces: b"".join(page(each) for each in nonces) + b"more", ResponseMatch.BROKEN),
    ],
)
async def test_wrong_responses_are_distinguished(turn: Turn, response_match: ResponseMatch) -> None:
    found = await asked(turn)
    assert (found.ended, found.response_match) == (PipelineEnd.WRONG, response_match)
    grade, note = judge_pipelines([found])
    assert grade is Grade.COLLAPSED
    assert response_match in note


async def test_nothing_at_all() -> None:
    found = await asked(lambda _: b"")
    assert (found.right, found.ended) == (0, PipelineEnd.CLOSED)
    assert judge_pipelines([found])[0] is Grade.DEGRADED
    refused = await send_pipeline(Address(port=1), "", NONCES, KNOWN, size=SIZE, wait=0, patience=1)
    assert refused.ended is PipelineEnd.REFUSED
    assert "accepted no connection" in judge_pipelines([refused])[1]


def test_only_the_first_is_slow() -> None:
    assert b"&wait=150 " in request(Address(port=1), "/m", "n", 9, 150)
    assert b"wait" not in request(Address(port=1), "/m", "n", 9, 0)


def test_an_answer_is_recognised_by_its_nonce() -> None:
    parser = ResponseParser()
    parser.feed(page("a-2"))
    answer = parser.response()
    assert classify_response(answer, "a-2", SIZE, NONCES, KNOWN) is ResponseMatch.RIGHT
    assert classify_response(answer, "a-1", SIZE, NONCES, KNOWN) is ResponseMatch.SWAPPED


def test_figures_are_there_whatever_came() -> None:
    found = [
        PipelineResult(2, 2, PipelineEnd.ALL, second_response_delay=0.2),
        PipelineResult(16, 3, PipelineEnd.CLOSED, second_response_delay=0.4),
    ]
    figures = {each.label: each.value for each in pipeline_measures(found)}
    assert figures["connections in order"] == 2
    assert figures["second response after the first"] == pytest.approx(0.3)
    assert "1 of 2 connections" in judge_pipelines(found)[1]
    assert "300 ms" in judge_pipelines([PipelineResult(2, 2, PipelineEnd.ALL, second_response_delay=0.3)])[1]
    assert {each.label: each.value for each in pipeline_measures([PipelineResult(2, 1, PipelineEnd.CLOSED)])}[
        "second response after the first"
    ] is None
