"""A replay as a terminal shows it."""

import io
import json
from pathlib import Path

from rich.console import Console

from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import (
    AppEvent,
    CaseInfo,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Level,
    Reference,
    Verdict,
)
from wsgi_gauntlet.harness.replay.reproducer import Reproducer
from wsgi_gauntlet.harness.replay.runner import ReplayResult
from wsgi_gauntlet.reports.terminal.replay import MAX_PIECES_SHOWN, ReplayPrinter, as_json

HOSTILE = "a\x1b[2J\x07\u202eb"
INFO = CaseInfo("http/a/b", Level.MUST, (), "It holds.", Reference("RFC", "1", "q", "u"))


def cell(verdict: Verdict, **given: str) -> CaseResult:
    return CaseResult("gunicorn", "http/a/b", Level.MUST, (), verdict, findings=("date: odd",), **given)  # type: ignore[arg-type]


def shown() -> tuple[ReplayPrinter, io.StringIO]:
    out = io.StringIO()
    return ReplayPrinter(Console(file=out, width=80)), out


def test_each_kind_of_thing_is_a_line() -> None:
    show, out = shown()
    show.message("gunicorn runs as: x [bold]")
    show.wire(ConnectionEvent(5.0, 1, ConnectionEventKind.OPENED, note="127.0.0.1:1"))
    show.wire(ConnectionEvent(5.0, 1, ConnectionEventKind.SENT, b"GET / HTTP/1.1\r\n\r\n"))
    show.app(AppEvent(5.001, "called", 7, 7, detail={"path": "/"}))
    show.app(AppEvent(5.001, "called", 7, 7, detail={"path": "/sync"}))
    show.log(5.002, "[1] ready")
    show.process(5.003, "the server ended")
    show.wire(ConnectionEvent(5.0045, 1, ConnectionEventKind.EOF))
    assert out.getvalue().splitlines() == [
        "gunicorn runs as: x [bold]",
        "      0.0 ms · #1 connected  127.0.0.1:1",
        "      0.0 ms → #1 sent 18 B",
        "             GET / HTTP/1.1\\r\\n",
        "             \\r\\n",
        '      1.0 ms app called (pid 7)  path="/"',
        "      2.0 ms log  [1] ready",
        "      3.0 ms · process  the server ended",
        "      4.5 ms ← #1 end (FIN)",
    ]


def test_nothing_that_a_server_says_controls_the_terminal() -> None:
    show, out = shown()
    for text in (HOSTILE, HOSTILE * 500):
        show.wire(ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, text.encode(), note=text))
        show.wire(ConnectionEvent(1.0, 1, ConnectionEventKind.NOTE, note=text))
        show.app(AppEvent(1.0, text, 1, 1, detail={text: text}))
        show.log(1.0, text)
        show.process(1.0, text)
    made = Reproducer({"app.py": text}, text, text)
    result = ReplayResult(cell(Verdict.FAIL, expected=text, actual=text), Segmentation.WHOLE, reproducer=made)
    show.print_result(result, INFO)
    show.print_files([Path(HOSTILE)])
    assert not set(out.getvalue()) & set("\x1b\x07\u202e\r")
    assert max(map(len, out.getvalue().partition("fail")[0].splitlines())) < 8000


def test_long_answers_are_counted_and_not_shown() -> None:
    show, out = shown()
    for number in range(20):
        data, omitted = (b"x" * 5000, 0) if number < 15 else (b"", 5000)
        show.wire(ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, data, omitted=omitted))
    show.wire(ConnectionEvent(1.0, 1, ConnectionEventKind.EOF))
    text = out.getvalue()
    assert f"received {20 - MAX_PIECES_SHOWN} more pieces, {(20 - MAX_PIECES_SHOWN) * 5000:,} B, not shown" in text
    assert "4,200 characters more" in text
    assert text.rstrip().endswith("← #1 end (FIN)")


def test_the_end_says_what_it_came_to_and_how_to_see_it() -> None:
    show, out = shown()
    made = Reproducer({"app.py": "an app\n"}, "a command\n", "requests\n")
    result = ReplayResult(cell(Verdict.FAIL, expected="one", actual="two"), Segmentation.WHOLE, reproducer=made)
    show.print_result(result, INFO)
    show.print_files([Path("x/app.py")])
    text = out.getvalue()
    for each in (
        "fail  http/a/b\n",
        "expected  one",
        "actual    two",
        "lint      date: odd",
        "explain http/a/b",
        "--- app.py\n\nan app\n\n--- the server, in the folder of app.py",
        "wrote x/app.py",
    ):
        assert each in text
    assert result.exit_code == 1


def test_a_pass_says_how_else_it_can_be_sent() -> None:
    show, out = shown()
    none = Reproducer(why_not="there is no socket")
    result = ReplayResult(cell(Verdict.PASS), Segmentation.WHOLE, well_formed=True, reproducer=none)
    show.print_result(result, INFO)
    assert "--pattern bytes" in out.getvalue()
    assert "No reproducer: there is no socket." in out.getvalue()
    assert result.exit_code == 0


def test_as_json_it_is_one_document() -> None:
    result = ReplayResult(cell(Verdict.ERROR), Segmentation.BYTES, needs={"http/c/d": Verdict.FAIL})
    read = json.loads(as_json(result))
    assert read["check"]["verdict"] == "error"
    assert read["needs"] == {"http/c/d": "fail"}
    assert read["reproducer"]["files"] == {}
    assert result.exit_code == 4
