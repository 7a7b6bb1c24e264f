"""Made-up conformance of any size: servers, requirements with variants, and evidence as hostile as the sample's."""

from __future__ import annotations

import random

from wsgi_gauntlet.harness import model as m
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333, rfc9112

from .sample_results import HOSTILE, environment

HOSTILE_MARKDOWN = "before\n```\n@maintainer look at #1 <img src=x onerror=alert(1)>\n````\n\u202egnirts desrever\u202c [link](http://evil.example)"
"""Text of a server that would end a block of code, mention a user, name an issue, add markup and turn text around."""

AREAS = ("pep3333/environ", "pep3333/input", "http/framing", "http/host", "http/connection", "http/responses")

MANY_SERVERS, MANY_CASES = 56, 1300
"""A large run."""

VARIANTS = 10
"""Variants of each second requirement."""


def build_conformance(servers: int = 3, cases: int = 66, seed: int = 3) -> m.Results:
    """Return `servers` with a result in each of about `cases` cases. The first requirement is broken by the first."""
    infos = _cases(cases)
    names = [f"server-{number:02}" for number in range(servers)]
    chance = random.Random(seed)
    cells = tuple(_cell(name, info, number, chance) for number, name in enumerate(names) for info in infos)
    return m.Results(
        m.SCHEMA,
        environment(),
        {
            name: m.ServerInfo(name, name.title(), True, f"1.{number}", python="3.11.7")
            for number, name in enumerate(names)
        },
        cells,
        cases={each.id: each for each in infos},
    )


def _cases(count: int) -> list[m.CaseInfo]:
    found: list[m.CaseInfo] = []
    number = 0
    while len(found) < count:
        area = AREAS[number * len(AREAS) // max(count // 5, 1) % len(AREAS)]
        level = m.Level.SHOULD if number % 5 == 4 else m.Level.MUST
        variants = [f"/v{variant}" for variant in range(VARIANTS)] if number % 2 else [""]
        reference = (
            pep3333("environ Variables", "The environ parameter is a dictionary object.")
            if area.startswith("pep3333")
            else rfc9112("6.3", "A server MUST respond with a 400 (Bad Request) status code.")
        )
        found += [
            m.CaseInfo(
                f"{area}/requirement-{number:03}{variant}", level, ("security",) if number % 3 == 0 else (),
                f"The server keeps requirement {number} in `this` case", reference, "Users care.", "One request.",
                "A `400`.", MUST_TEXT, m.Breach.CLIENT,
            )
            for variant in variants
        ]  # fmt: skip
        number += 1
    return sorted(found, key=lambda each: AREAS.index("/".join(each.id.split("/")[:2])))


def _cell(server: str, info: m.CaseInfo, number: int, chance: random.Random) -> m.CaseResult:
    roll = chance.random()
    broken = m.Verdict.FAIL if info.level is m.Level.MUST else m.Verdict.WARN
    verdict = m.Verdict.PASS
    if "requirement-001" in info.id:
        verdict = broken if number == 0 and info.id[-1] in "123" else m.Verdict.PASS
    elif roll < 0.12:
        verdict = broken
    elif roll < 0.2:
        verdict = chance.choice([m.Verdict.FLAKY, m.Verdict.SKIPPED, m.Verdict.UNSUPPORTED, m.Verdict.ERROR])
    actual = {
        m.Verdict.PASS: "", m.Verdict.SKIPPED: "needs http/host/requirement-000, which did not pass",
        m.Verdict.UNSUPPORTED: f"{server} has no option for threads", m.Verdict.ERROR: "the app event 3 never arrived",
    }.get(verdict, HOSTILE_MARKDOWN)  # fmt: skip
    expected = "" if verdict is m.Verdict.PASS else "400 Bad Request, and the app is not called"
    findings = ("missing-date: the response has no Date (RFC 9110, section 6.6.1)",) if roll < 0.05 else ()
    return m.CaseResult(
        server, info.id, info.level, info.tags, verdict, info.summary, expected, actual, 2, 0.1, _evidence(chance),
        ("whole", "bytes", "lines", "paused") if verdict is m.Verdict.PASS else (), findings,
    )  # fmt: skip


def _evidence(chance: random.Random) -> m.Evidence:
    at = 500.0 + chance.random()
    kind = m.ConnectionEventKind
    return m.Evidence(
        (
            m.ConnectionEvent(at, 1, kind.OPENED, note="127.0.0.1:41001"),
            m.ConnectionEvent(at + 0.001, 1, kind.SENT, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
            m.ConnectionEvent(at + 0.002, 1, kind.RECEIVED, HOSTILE + HOSTILE_MARKDOWN.encode()),
            m.ConnectionEvent(at + 0.003, 1, kind.EOF),
        ),
        (m.AppEvent(at + 0.0015, "called", 4711, 1, "t1", 0, {"method": "GET", "environ": {"HTTP_X": "\u202e</td>"}}),),
        f"log line <b>\n{HOSTILE_MARKDOWN}",
        ("restarted after @maintainer #1",),
    )
