"""The inputs of a fuzzing run: requests from the grammar, mutated. Pure, and a function of the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from wsgi_gauntlet.harness.fuzz.grammar import GRAMMAR
from wsgi_gauntlet.harness.fuzz.message import CRLF, Chunk, Field, Message
from wsgi_gauntlet.harness.fuzz.mutations import BYTE_MUTATIONS, MUTATIONS

MUTATION_COUNTS = (0, 1, 1, 1, 1, 1, 1, 1, 2, 2)
"""How many mutations an input has, each number as often as it stands here. With more, their effects hide each other."""

MAX_INPUT_BYTES = 600
"""Bytes of an input; a longer one is replaced. Limits of servers are the business of cases, not of the fuzzer."""

READ_TARGET = b"/read?to=end"
"""The target at which the test app reads the whole body and reports it."""


@dataclass(frozen=True)
class FuzzInput:
    """The bytes of one connection. `mutated` names the parts that were changed."""

    number: int
    data: bytes
    mutated: tuple[str, ...] = ()


def inputs(seed: int) -> Iterator[FuzzInput]:
    """Yield the inputs of `seed`, without end. No two of them are equal."""
    seen: set[bytes] = set()
    for number in count():
        made = make_input(seed, number)
        if made.data not in seen:
            seen.add(made.data)
            yield made


def make_input(seed: int, number: int) -> FuzzInput:
    """Return input `number` of `seed`. Equal arguments give equal inputs."""
    random = Random(f"{seed}/{number}")
    while True:
        message = base_message(random)
        before = message.encode()
        mutated: list[str] = []
        last: list[str] = []
        for _ in range(random.choice(MUTATION_COUNTS)):
            name, message = _mutate(message, random)
            (last if name in BYTE_MUTATIONS else mutated).append(name)
        data = message.encode()
        for name in last:
            data = BYTE_MUTATIONS[name][1](data, random)
        if (mutated or last) and data == before:
            continue
        if 0 < len(data) <= MAX_INPUT_BYTES:
            return FuzzInput(number, data, (*mutated, *last))


def base_message(random: Random) -> Message:
    """Return a well-formed request: with or without a body, with a few fields."""
    kind = random.choice(("get", "get", "length", "length", "chunked", "chunked", "chunked", "old", "other"))
    fields = [Field(b"Host", b"a")]
    if random.random() < 0.25:
        fields.append(Field(b"X-A", GRAMMAR.generate("field-content", random)))
    if kind == "length":
        body = random.choice((b"hello", b"hello", b"a", b"0\r\n\r\n", b""))
        fields.append(Field(b"Content-Length", str(len(body)).encode()))
        return Message(b"POST", _body_target(random), fields=tuple(fields), body=body)
    if kind == "chunked":
        fields.append(Field(b"Transfer-Encoding", b"chunked"))
        return Message(b"POST", _body_target(random), fields=tuple(fields), chunks=_chunks(random), body_end=CRLF)
    target = b"/" if random.random() < 0.5 else GRAMMAR.generate("origin-form", random)
    if kind == "old":
        if random.random() < 0.5:
            fields.append(Field(b"Connection", b"keep-alive"))
        return Message(target=target, version=b"HTTP/1.0", fields=tuple(fields))
    if kind == "other":
        if random.random() < 0.3:
            target = GRAMMAR.generate("absolute-form", random)
        method = random.choice((b"HEAD", b"OPTIONS", b"PUT", b"DELETE", GRAMMAR.generate("method", random)))
        return Message(method, target, fields=tuple(fields))
    return Message(target=target, fields=tuple(fields))


def _body_target(random: Random) -> bytes:
    return READ_TARGET if random.random() < 0.9 else b"/"


def _chunks(random: Random) -> tuple[Chunk, ...]:
    datas = random.choice(((b"hello",), (b"hello",), (b"hel", b"lo"), (), (b"0123456789",)))
    made = [Chunk(f"{len(data):x}".encode(), data) for data in datas]
    if random.random() < 0.15:
        made = [Chunk(each.size, each.data, GRAMMAR.generate("chunk-ext", random)) for each in made]
    return (*made, Chunk(b"0", data_end=b""))


def _mutate(message: Message, random: Random) -> tuple[str, Message]:
    """Return the name of a mutation and the changed message; a mutation of bytes changes it later."""
    tables = {**MUTATIONS, **BYTE_MUTATIONS}
    weights = [weight for weight, _ in tables.values()]
    while True:
        (name,) = random.choices(list(tables), weights)
        if name in BYTE_MUTATIONS:
            return name, message
        changed = MUTATIONS[name][1](message, random)
        if changed is not None and changed != message:
            return name, changed
