"""A rich, made-up Results: every verdict and grade, hostile evidence, missing values. The same each time."""

from __future__ import annotations

import math
import random
from typing import Any

from wsgi_gauntlet.harness import model as m
from wsgi_gauntlet.harness.references import pep3333, rfc9110, rfc9112

PASS, FAIL, WARN, INFO = m.Verdict.PASS, m.Verdict.FAIL, m.Verdict.WARN, m.Verdict.INFO

AREAS: dict[str, str] = {
    "pep3333/environ": "exact-dict mutable request-method script-name path-info query-string content-type"
    " server-protocol http-variables native-strings path-bytes url-scheme multithread-truth run-once",
    "pep3333/input": "methods eof-at-content-length read-past-end readline-size no-bleed chunked-decoded unread-body",
    "pep3333/start-response": "returns-write checks-arguments no-injection adds-required-headers exc-info-replaces"
    " exc-info-reraises late-call second-call-fatal nothing-sent-on-call",
    "pep3333/body": "binary-exact block-by-block len-used-right empty-block-in-chunked str-block-is-error",
    "pep3333/close": "once-on-success on-iteration-error on-client-gone on-head",
    "pep3333/error-handling": "before-start mid-body no-start-response survives no-details-leaked",
    "http/request-line": "baseline leading-crlf bare-cr method-case uri-huge nul-ctl-target non-ascii-target",
    "http/host": "missing duplicate-different empty missing-on-http10",
    "http/framing": "cl-duplicate-different te-and-cl te-obfuscated/vt te-obfuscated/ff desync unread-1mb cl-overflow",
    "http/chunked": "one-chunk many-chunks hex-case extension-bad size-syntax spill trailer",
    "http/responses": "head-no-body no-body-204 date-once error-framed",
    "http/limits": "header-too-large slow-headers garbage",
}
SECURITY = {"no-injection", "bare-cr", "te-and-cl", "te-obfuscated/vt", "te-obfuscated/ff", "desync", "size-syntax"}
SHOULD = {
    "checks-arguments",
    "http-variables",
    "leading-crlf",
    "exc-info-replaces",
    "eof-at-content-length",
    "survives",
}
MAY = {"empty", "slow-headers", "no-details-leaked"}

HOSTILE = (
    b"HTTP/1.1 200 OK\r\nServer: <script>window.hacked=1</script>\r\nX: \x1b[2J\x1b]0;owned\x07\xff\xfe\x00\r\n"
    b'Set-Cookie: a="><img src=x onerror="window.hacked=2">\r\n\r\n<script>window.hacked=3</script>'
    b"</pre></details></section><iframe src='javascript:parent.hacked=4'></iframe>"
)
HUGE = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"0123456789abcdef" * 3750
HOSTILE_TEXT = (
    "[bold red]not markup[/] <script>window.hacked=5</script> \x1b[31mred\x1b[0m \x00 \ud800 {{ 7*7 }} | `tick`"
    "\r\n# not a heading"
)

SERVERS: tuple[m.ServerInfo, ...] = (
    m.ServerInfo("werkzeug", "Werkzeug", True, "3.1.9", "", "python serve.py 127.0.0.1 41001", "3.11.7"),
    m.ServerInfo("werkzeug:threaded", "Werkzeug", True, "3.1.9", "threaded", "python serve.py --threaded", "3.11.7"),
    m.ServerInfo("gunicorn:sync", "gunicorn", True, "27.0.1", "sync", "gunicorn -w 2 -b 127.0.0.1:41003", "3.11.7"),
    m.ServerInfo("gunicorn:gthread", "gunicorn", True, "27.0.1", "gthread", "gunicorn --threads 4", "3.11.7"),
    m.ServerInfo("pyuwsgi", "uWSGI", True, "2.0.30", "http-socket", "pyuwsgi --http-socket 127.0.0.1:41005", "3.11.7"),
    m.ServerInfo("waitress", "waitress", True, "3.0.2", "", "waitress-serve --listen=127.0.0.1:41006", "3.11.7"),
    m.ServerInfo("nginx+gunicorn:sync", "nginx + gunicorn", True, "1.31.3 + 27.0.1", "sync", "nginx -p .", "3.11.7"),
    m.ServerInfo("wsgiref", "wsgiref", True, "3.11.7", "", "python -m wsgiref.simple_server", "3.11.7"),
    m.ServerInfo(
        "bjoern", "bjoern", False, why="bjoern is not installed for python3", get="python3 -m pip install bjoern-binary"
    ),
    m.ServerInfo("cheroot", "cheroot", False, why="cheroot <i>is</i> not installed", get="pip install 'cheroot>=11'"),
)

# How slow people fare: (goodput, seconds of p50, seconds of p99, N*, grade) in the classroom
CLASSROOM: dict[str, tuple[float, float, float, m.Grade]] = {
    "werkzeug": (0.041, 4.2, 5.0, m.Grade.COLLAPSES),
    "werkzeug:threaded": (0.998, 0.004, 0.021, m.Grade.IMMUNE),
    "gunicorn:sync": (0.312, 2.9, 5.0, m.Grade.WEDGED),
    "gunicorn:gthread": (0.874, 0.02, 3.1, m.Grade.DEGRADES),
    "pyuwsgi": (0.22, 3.6, 5.0, m.Grade.COLLAPSES),
    "waitress": (1.0, 0.003, 0.009, m.Grade.IMMUNE),
    "nginx+gunicorn:sync": (1.0, 0.003, 0.011, m.Grade.IMMUNE),
    "wsgiref": (0.04, 4.3, 5.0, m.Grade.INVALID),
}


def build(*, finished: bool = True, checks: bool = True, loads: bool = True) -> m.Results:
    """Return the sample; `checks` and `loads` leave that half out, `finished` False is a run that Ctrl-C ended."""
    cases = {each.id: each for each in _cases()}
    return m.Results(
        schema=m.SCHEMA,
        environment=environment(),
        servers={each.name: each for each in SERVERS},
        checks=tuple(_checks(cases)) if checks else (),
        loads=tuple(_loads()) if loads else (),
        cases=cases if checks else {},
        scenarios={each.id: each for each in SCENARIOS} if loads else {},
        finished=finished,
    )


def environment() -> dict[str, Any]:
    """What a run says of its machine and call."""
    return {
        "program": "wsgi-gauntlet 0.1.0",
        "python": "3.11.7",
        "system": "Linux 6.1.0 x86_64",
        "processor": "Some <i>processor</i> at 2.60 GHz",
        "cores": 2,
        "memory": 25_769_803_776,
        "date": "2026-11-22T16:40:12+00:00",
        "app": "gauntlet_apps.reference:application",
        "full": False,
        "nested": {"governor": "performance", "list": [1, 2.0, True]},
    }


def _cases() -> list[m.CaseInfo]:
    found = []
    for area, names in AREAS.items():
        for name in names.split():
            level = m.Level.SHOULD if name in SHOULD else m.Level.MAY if name in MAY else m.Level.MUST
            level = m.Level.INFO if name == "no-details-leaked" else level
            found.append(
                m.CaseInfo(
                    f"{area}/{name}",
                    level,
                    ("security",) if name in SECURITY else (),
                    f"What {name.replace('-', ' ').replace('/', ' with ')} asks of a server holds",
                    _reference(area, name),
                    "Sent on one connection in one piece; the app reports what it was called with, and a second"
                    " request follows to see whether the connection is still in step.",
                )
            )
    return found


def _reference(area: str, name: str) -> m.Reference:
    if area.startswith("pep3333"):
        return pep3333(
            "environ Variables",
            "The environ parameter is a dictionary object, containing CGI-style environment variables. This object"
            " must be a builtin Python dictionary (not a subclass, UserDict or other dictionary emulation)",
        )
    if area == "http/host":
        return rfc9112(
            "3.2",
            "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a"
            " Host header field and to any request message that contains more than one Host header field line",
        )
    if name == "date-once":
        return rfc9110("6.6.1", "An origin server with a clock MUST generate a Date header field")
    return rfc9112(
        "6.3", "A sender MUST NOT send a Content-Length header field in any message that contains <TE> & more"
    )


BREAKS: dict[str, str] = {
    "werkzeug": "no-injection returns-write path-bytes missing duplicate-different te-obfuscated/vt size-syntax"
    " chunked-decoded unread-1mb header-too-large uri-huge",
    "werkzeug:threaded": "no-injection returns-write path-bytes missing duplicate-different te-obfuscated/vt"
    " size-syntax chunked-decoded unread-1mb header-too-large",
    "gunicorn:sync": "unread-1mb on-client-gone",
    "gunicorn:gthread": "unread-1mb multithread-truth",
    "pyuwsgi": "missing duplicate-different te-and-cl te-obfuscated/vt te-obfuscated/ff desync spill chunked-decoded"
    " bare-cr no-injection uri-huge cl-overflow",
    "waitress": "second-call-fatal",
    "nginx+gunicorn:sync": "block-by-block",
    "wsgiref": "missing duplicate-different te-and-cl desync chunked-decoded unread-body garbage date-once one-chunk",
}


def _checks(cases: dict[str, m.CaseInfo]) -> list[m.Check]:
    chance = random.Random(7)
    found = []
    for server in SERVERS:
        broken = BREAKS.get(server.name, "").split()
        for case in cases.values() if server.available else ():
            name = case.id.split("/", 2)[2]
            verdict = INFO if case.level is m.Level.INFO else PASS
            if name in broken or (name in SHOULD and chance.random() < 0.25):
                verdict = {m.Level.MUST: FAIL, m.Level.SHOULD: WARN}.get(case.level, INFO)
            elif chance.random() < 0.03:
                verdict = chance.choice([m.Verdict.FLAKY, m.Verdict.SKIPPED, m.Verdict.UNSUPPORTED, m.Verdict.ERROR])
            found.append(_check(server.name, case, verdict, chance))
    return found


def _check(server: str, case: m.CaseInfo, verdict: m.Verdict, chance: random.Random) -> m.Check:
    expected, actual = "", ""
    if verdict in {FAIL, WARN, m.Verdict.FLAKY}:
        expected = "400 Bad Request, the app not called, the connection closed"
        actual = "200 OK, 14 bytes; the app was called twice; the connection stayed open"
        if "no-injection" in case.id:
            actual = HOSTILE_TEXT
        if verdict is m.Verdict.FLAKY:
            actual = f"1 of 2 attempts: {actual}"
    elif verdict is m.Verdict.SKIPPED:
        actual = "http/connection/keep-alive did not pass here"
    elif verdict is m.Verdict.UNSUPPORTED:
        actual = f"{server} has no option for threads"
    elif verdict is m.Verdict.ERROR:
        actual = "EventsLost: the app's event 3 of process 4711 never arrived"
    return m.Check(
        server,
        case.id,
        case.level,
        case.tags,
        verdict,
        case.summary,
        expected,
        actual,
        2 if verdict in {FAIL, WARN, m.Verdict.FLAKY} else 1,
        chance.uniform(0.004, 0.3),
        _evidence(case.id, chance, verdict),
    )


def _evidence(case: str, chance: random.Random, verdict: m.Verdict) -> m.Evidence:
    at = 81234.5 + chance.random()
    token = f"t{chance.randrange(16**8):08x}"
    answer = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 14\r\n\r\ngauntlet t0001\n"
    if "no-injection" in case or "garbage" in case:
        answer = HOSTILE
    if "unread-1mb" in case:
        answer = HUGE
    wire = [
        m.WireEvent(at, 1, m.WireKind.OPENED, note="127.0.0.1:41001"),
        m.WireEvent(at + 0.0002, 1, m.WireKind.SENT, f"POST /echo?t={token} HTTP/1.1\r\nHost: x\r\n".encode()),
        m.WireEvent(
            at + 0.0004, 1, m.WireKind.SENT, b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
        ),
        m.WireEvent(at + 0.0031, 1, m.WireKind.RECEIVED, answer),
        m.WireEvent(at + 0.0032, 1, m.WireKind.WAITED, note="for the end of the connection, 5 s at most"),
        m.WireEvent(at + 0.0052, 1, m.WireKind.RESET if verdict is FAIL else m.WireKind.EOF),
    ]
    app = (
        m.AppEvent(
            at + 0.0011,
            "called",
            4711,
            140234,
            token,
            0,
            {
                "method": "POST",
                "path": "/echo",
                "query": f"t={token}",
                "environ": {"SERVER_NAME": "127.0.0.1", "PATH_INFO": "/<b>\udcff", "HTTP_X": "\x85\u202e"},
            },
        ),
        m.AppEvent(at + 0.0015, "block", 4711, 140234, token, 1, {"size": 14}),
        m.AppEvent(at + 0.0019, "close", 4711, 140234, token, 2),
    )
    log = "[2026-11-22 16:40:13] [4711] [INFO] Booting worker <script>window.hacked=6</script>\n" + HOSTILE_TEXT
    process = ("ended by signal SIGSEGV in attempt 1; restarted",) if verdict is m.Verdict.FLAKY else ()
    if "unread-1mb" in case:
        log += "a line of a server that is never quiet\n" * 4000
    return m.Evidence(tuple(wire), app, log, process)


SCENARIOS = (
    m.ScenarioInfo(
        "classroom",
        "Forty people in a classroom",
        "40 people open the app at once, a fifth of them on bad Wi-Fi: their requests come a byte at a time.",
    ),
    m.ScenarioInfo(
        "throughput",
        "Throughput",
        "A closed loop at 1, 8 and 64 connections; times are service times at that concurrency.",
    ),
    m.ScenarioInfo(
        "slow-headers/byte",
        "Slow headers, a byte at a time",
        "N clients send their request's head a byte a second; N doubles until the others get nothing, then bisects.",
    ),
)


def _loads() -> list[m.Load]:
    found = []
    for index, name in enumerate(CLASSROOM):
        found.append(_classroom(name, index))
        found.append(_throughput(name, index))
        found.append(_slow_headers(name))
    return found


def _conditions(name: str) -> dict[str, Any]:
    return {
        "workers": 2 if "gunicorn" in name else 1,
        "threads": 4,
        "keep-alive": 5.0,
        "backlog": 128,
        "python": "3.11.7",
    }


def _classroom(name: str, index: int) -> m.Load:
    goodput, p50, p99, grade = CLASSROOM[name]
    chance = random.Random(index)
    samples = []
    for _ in range(360):
        at = chance.uniform(0, 18)
        bad = 4 <= at < 14
        if bad and chance.random() > goodput:
            outcome = chance.choices([m.Outcome.TIMEOUT, m.Outcome.ERROR, m.Outcome.WRONG], [12, 1, 1])[0]
            latency = 5.0 if outcome is m.Outcome.TIMEOUT else chance.uniform(0.01, 4)
        else:
            outcome = m.Outcome.OK
            typical = p50 if bad else 0.003
            latency = min(4.99, typical * math.exp(chance.gauss(0, 0.5)))
        samples.append(m.Sample(at, latency, latency * 0.9, outcome))
    samples.sort(key=lambda each: each.intended)
    censored = p99 >= 5
    phases = (
        m.Phase("baseline", 0, 4, 80, {"ok": 80}, 1.0, 0.003, 0.005, 0.009, 0.012, 0.008),
        m.Phase(
            "crowd",
            4,
            14,
            200,
            {"ok": int(200 * goodput), "time-out": 200 - int(200 * goodput)},
            goodput,
            p50,
            p99 * 0.8,
            p99,
            p99,
            p99 * 0.9,
            censored,
        ),
        m.Phase("recovery", 14, 18, 80, {"ok": 80}, 1.0, 0.003, 0.005, 0.009, 0.02, 0.008),
    )
    percentiles = tuple(
        m.Percentile(phase, p, base * (1 + (p / 100) ** 12 * spread))
        for phase, base, spread in (
            ("baseline", 0.003, 2),
            ("crowd", min(p50, 4.9), min(p99 / p50, 5 / min(p50, 4.9)) - 1),
        )
        for p in (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9)
    )
    health = m.GeneratorHealth(True, 0.21, 0.0004, 20.0, 20.0)
    if grade is m.Grade.INVALID:
        health = m.GeneratorHealth(False, 0.99, 0.31, 20.0, 14.2, "the generator sent 14.2 of 20.0 requests a second")
    return m.Load(
        name,
        "classroom",
        grade,
        goodput,
        p99 / 0.009,
        censored,
        None,
        None if grade is m.Grade.WEDGED else 3.2,
        m.Reaped("408" if name == "waitress" else "never", 10.0 if name == "waitress" else None, 8, 8),
        m.Cost(8, 1_200_000 * index, 8, index, 0.21),
        health,
        phases,
        (),
        tuple(samples),
        ((0, 0), (4, 8), (14, 0), (18, 0)),
        percentiles,
        {"people": 40, "slow": 8, "seconds": 18, "timeout": 5.0},
        _conditions(name),
        ("a 40 ms plateau with an idle CPU: Nagle with delayed ACK",) if name == "wsgiref" else (),
        "the noise is wider than the threshold" if name == "pyuwsgi" else "",
        20.3,
        "[CRITICAL] WORKER TIMEOUT (pid:4711) <script>window.hacked=7</script>\n" if "sync" in name else "",
    )


def _throughput(name: str, index: int) -> m.Load:
    rate = 900 + 700 * index
    steps = tuple(
        m.Step(n, 1.0, n / rate, 3 * n / rate, rate * (1 - 0.5 / n) if not (name == "wsgiref" and n == 64) else None)
        for n in (1, 8, 64)
    )
    return m.Load(
        name,
        "throughput",
        m.Grade.MEASURED,
        1.0,
        steps=steps,
        generator=m.GeneratorHealth(True, 0.6),
        parameters={"connections": [1, 8, 64]},
        conditions=_conditions(name),
        seconds=9.1,
    )


def _slow_headers(name: str) -> m.Load:
    star = {"werkzeug": 1, "gunicorn:sync": 2, "pyuwsgi": 1, "gunicorn:gthread": 9, "wsgiref": 1}.get(name)
    if name == "wsgiref":
        return m.Load(name, "slow-headers/byte", m.Grade.ERROR, note="OutOfResources: no descriptors left", seconds=1.0)
    if name == "werkzeug:threaded":
        return m.Load(
            name, "slow-headers/byte", m.Grade.INCONCLUSIVE, 0.98, note="the noise is wider than the threshold"
        )
    steps = []
    n = 1
    while n <= 256:
        down = star is not None and n >= star
        steps.append(m.Step(n, 0.02 if down else 1.0, 0.003, 5.0 if down else 0.01, None, down, down))
        if down:
            break
        n *= 2
    if star == 9:
        steps = [s for s in steps if s.clients < 9] + [
            m.Step(12, 0.1, 3.0, 5.0, None, True, True),
            m.Step(9, 0.4, 1.0, 5.0, None, True, True),
        ]
    return m.Load(
        name,
        "slow-headers/byte",
        m.Grade.COLLAPSES if star else m.Grade.IMMUNE,
        0.02 if star else 1.0,
        500.0 if star else 1.1,
        bool(star),
        star,
        2.5 if star else 0.0,
        m.Reaped("RST", 30.2, 256, 12),
        m.Cost(256, 9_000_000, 256, 0, 0.9),
        m.GeneratorHealth(True, 0.1, 0.0002, 20, 20),
        steps=tuple(steps),
        parameters={"largest": 256},
        conditions=_conditions(name),
        seconds=14.0,
    )
