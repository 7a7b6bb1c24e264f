"""A rich, made-up Results: every verdict and grade, hostile evidence, missing values. The same each time."""

from __future__ import annotations

import random
from typing import Any

from wsgi_gauntlet.harness import model as m
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, from_recipient_semantics, pep3333, rfc9110, rfc9112
from wsgi_gauntlet.harness.model import Breach, Reference

from .sample_load_results import SCENARIOS
from .sample_load_results import loads as every_load

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


def build(*, finished: bool = True, checks: bool = True, loads: bool = True) -> m.Results:
    """Return the sample; `checks` and `loads` leave that half out, `finished` False is a run that Ctrl-C ended."""
    cases = {each.id: each for each in _cases()}
    return m.Results(
        schema=m.SCHEMA,
        environment=environment(),
        servers={each.name: each for each in SERVERS},
        conformance=tuple(_checks(cases)) if checks else (),
        load=tuple(every_load()) if loads else (),
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
                    basis=from_recipient_semantics("Another reading would be <b>another</b> request.")
                    if area == "http/host"
                    else MUST_TEXT,
                    breach=Breach.CLIENT if area == "http/host" else Breach.NOBODY,
                )
            )
    return found


def _reference(area: str, name: str) -> Reference:
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


def _checks(cases: dict[str, m.CaseInfo]) -> list[m.CaseResult]:
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


def _check(server: str, case: m.CaseInfo, verdict: m.Verdict, chance: random.Random) -> m.CaseResult:
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
    return m.CaseResult(
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
    response = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 14\r\n\r\ngauntlet t0001\n"
    if "no-injection" in case or "garbage" in case:
        response = HOSTILE
    if "unread-1mb" in case:
        response = HUGE
    wire = [
        m.ConnectionEvent(at, 1, m.ConnectionEventKind.OPENED, note="127.0.0.1:41001"),
        m.ConnectionEvent(
            at + 0.0002, 1, m.ConnectionEventKind.SENT, f"POST /echo?t={token} HTTP/1.1\r\nHost: x\r\n".encode()
        ),
        m.ConnectionEvent(
            at + 0.0004,
            1,
            m.ConnectionEventKind.SENT,
            b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        ),
        m.ConnectionEvent(at + 0.0031, 1, m.ConnectionEventKind.RECEIVED, response),
        m.ConnectionEvent(
            at + 0.0032, 1, m.ConnectionEventKind.WAITED, note="for the end of the connection, 5 s at most"
        ),
        m.ConnectionEvent(
            at + 0.0052, 1, m.ConnectionEventKind.RESET if verdict is FAIL else m.ConnectionEventKind.EOF
        ),
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
