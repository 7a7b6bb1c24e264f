"""`check --app`: the server is judged through the reference app, and the user's app by what holds for every app."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import Event, EventHandler, Message, ignore_event
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.model import CaseResult, Verdict
from wsgi_gauntlet.harness.server import planning

from ..helpers.page_content import page_content
from ..helpers.preloaded_program import Program, run_preloaded
from ..helpers.pytest_project import PLUGIN
from ..helpers.requirements import installed, module

pytestmark = pytest.mark.live

APPS = '''
"""Apps with one fault each, and one without."""

def good(environ, start_response):
    tag = environ.get("HTTP_IF_NONE_MATCH")
    if tag == '"v1"':
        start_response("304 Not Modified", [("ETag", tag)])
        return []
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5"), ("ETag", '"v1"')])
    return Closable() if environ["REQUEST_METHOD"] != "HEAD" else Closable(b"")

class Closable:
    def __init__(self, data=b"hello"):
        self.data = data
    def __iter__(self):
        return iter([self.data])
    def close(self):
        pass

def refuses_head(environ, start_response):
    if environ["REQUEST_METHOD"] == "HEAD":
        start_response("405 Method Not Allowed", [("Content-Length", "0")])
        return []
    return good(environ, start_response)

def long_head(environ, start_response):
    if environ["REQUEST_METHOD"] == "HEAD":
        start_response("200 OK", [("Content-Length", "50")])
        return []
    return good(environ, start_response)

def talks_in_304(environ, start_response):
    start_response("304 Not Modified", [])
    return [b"but hello"]

def talks_to_head(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]

def promises_more(environ, start_response):
    start_response("200 OK", [("Content-Length", "50")])
    return [b"hello"]

def refuses_everybody(environ, start_response):
    start_response("405 Method Not Allowed", [("Content-Length", "0")])
    return []

def raises(environ, start_response):
    raise ValueError("the till is empty")

def create_app():
    return good
'''


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "shop.py").write_text(APPS)
        monkeypatch.chdir(name)
        yield Path(name)


def checked(
    folder: Path, server: str, app: str, *prefixes: str, handle: EventHandler = ignore_event
) -> dict[str, CaseResult]:
    installed(planning.plan(server))
    call = session.RunOptions(
        servers=(server,),
        cases=Selection(prefixes or ("own-app",)),
        app=app,
        out=folder / f"out-{app.partition(':')[2].strip('()')}",
        load_options=runner.LoadOptions(page="/"),
    )
    results, _, _ = session.run(call, Configuration(), handle)
    return {each.case.removeprefix("own-app/page/"): each for each in results.conformance}


def test_an_app_without_fault_is_not_blamed(folder: Path) -> None:
    events: list[Event] = []
    cells = checked(folder, "gunicorn:gthread", "shop:create_app()", handle=events.append)
    assert {name: each.verdict for name, each in cells.items()} == dict.fromkeys(cells, Verdict.PASS), [
        each.actual for each in cells.values()
    ]
    assert len(cells) == 6
    messages = [each.text for each in events if isinstance(each, Message)]
    assert messages[0].startswith("shop:create_app() runs beside the test app.")


@pytest.mark.parametrize(
    ("app", "case", "actual"),
    [
        ("refuses_head", "head-status", "the app gives 405"),
        ("long_head", "head-length", "the app gives 50"),
        ("talks_in_304", "no-body", "the app gives 9 bytes"),
        ("promises_more", "length", "the app gives 5 bytes"),
    ],
)
def test_a_fault_of_the_app_is_called_the_app_s(folder: Path, app: str, case: str, actual: str) -> None:
    cells = checked(folder, "waitress", f"shop:{app}", f"own-app/page/{case}")
    assert (cells[case].verdict, cells[case].actual) == (Verdict.FAIL, actual)
    assert cells[case].expected.startswith("the app to ")
    assert cells[case].findings == ()


@pytest.mark.parametrize(
    ("app", "case", "expected", "actual"),
    [
        ("good", "closed", "the server to call close() once", "it called close() 0 times"),
        ("talks_to_head", "head-body", "the server to send nothing after the head of the response to HEAD", "b'hello'"),
    ],
)
def test_a_fault_of_the_server_is_called_the_server_s(
    folder: Path, app: str, case: str, expected: str, actual: str
) -> None:
    (folder / "quiet.py").write_text(
        "import http.server, importlib, sys, wsgiref.handlers, wsgiref.simple_server as simple\n"
        "wsgiref.handlers.SimpleHandler.close = lambda self: None\n"
        "module, name = sys.argv[2].split(':')\n"
        "app = getattr(importlib.import_module(module), name)\n"
        "simple.make_server('127.0.0.1', int(sys.argv[1]), app).serve_forever()\n"
    )
    call = session.RunOptions(
        command="{python} quiet.py {port} {app}",
        cases=Selection((f"own-app/page/{case}",)),
        app=f"shop:{app}",
        out=folder / "out",
    )
    results, _, code = session.run(call, Configuration(), ignore_event)
    (cell,) = results.conformance
    assert (cell.verdict, code) == (Verdict.FAIL, 1)
    assert (cell.expected, cell.actual) == (expected, actual)


def test_an_app_that_raises_is_not_judged_and_the_reason_is_reported(folder: Path) -> None:
    cells = checked(folder, "waitress", "shop:raises")
    assert {each.verdict for each in cells.values()} == {Verdict.SKIPPED}
    assert "ValueError: the till is empty" in cells["length"].actual


def test_a_server_is_judged_as_without_the_app(folder: Path) -> None:
    """The app refuses everything, so a case that reached it would fail."""
    prefixes = (
        "http/request-line/absolute-form",
        "http/request-line/options-star",
        "http/request-line/double-slash",
        "pep3333/environ/callable",
        "pep3333/environ/script-name-mounted/exact",
        "pep3333/environ/path-info/plain",
    )
    without = checked(folder, "waitress", registry.REFERENCE_APP, *prefixes)
    cells = checked(folder, "waitress", "shop:refuses_everybody", *prefixes)
    settled = {Verdict.FLAKY, Verdict.ERROR}
    assert set(cells) == set(without)
    assert not {
        name: (without[name].verdict, each.verdict, each.actual)
        for name, each in cells.items()
        if each.verdict is not without[name].verdict and not {each.verdict, without[name].verdict} & settled
    }


def test_a_flask_app_on_flask_s_own_launch(folder: Path) -> None:
    module("flask")
    (folder / "stall.py").write_text(
        "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef home(): return 'a stall'\n"
    )
    cells = checked(folder, "flask", "stall:app", "own-app", "http/responses/head-no-body")
    assert cells["length"].verdict is Verdict.PASS
    assert cells["head-status"].verdict is Verdict.PASS


def test_the_cases_of_an_own_app_need_one(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"needs your own app: .*--app"):
        checked(folder, "waitress", registry.REFERENCE_APP, "own-app")


def replay(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_preloaded(("replay", "waitress", *words), folder, os.environ)


def test_replay_asks_the_reference_app_or_the_user_s_as_the_case_says(folder: Path) -> None:
    server = replay(folder, "pep3333/environ/native-strings", "--app", "shop:refuses_everybody")
    assert server.returncode == 0, server.stderr
    assert "test app; serve it as app:application" in server.stdout
    case = "own-app/page/head-status"
    own = replay(folder, case, "--app", "shop:refuses_head", "--app-path", "/a")
    assert own.returncode == 1, own.stderr
    assert "the app gives 405" in own.stdout
    assert "shop:refuses_head" in own.stdout
    none = replay(folder, case)
    assert (none.returncode, len(none.stderr.splitlines())) == (2, 1)
    assert "--app" in none.stderr


def test_the_plugin_does_the_same(folder: Path) -> None:
    words = ("--wsgi-server=waitress", "--wsgi-app=shop:refuses_head", "--wsgi-app-path=/a")
    chosen = ("--wsgi-select=own-app/page/head-status", "--wsgi-select=pep3333/environ/callable-class")
    # Other plugins take longer to load than this does.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ("-p", PLUGIN, "-p", "no:cacheprovider", "-q")
    done = run_preloaded((*options, *words, *chosen), folder, environment, program=Program.PYTEST)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the app gives 405" in done.stdout
    assert "1 failed" in done.stdout
    assert "own-app/page/head-status --app shop:refuses_head --app-path /a" in done.stdout


def test_run_checks_the_server_and_loads_the_app(folder: Path) -> None:
    installed(planning.plan("waitress"))
    call = session.RunOptions(
        servers=("waitress",),
        cases=Selection(("own-app/page/length", "pep3333/environ/path-info/plain")),
        scenarios=("throughput",),
        app="shop:good",
        out=folder / "out",
        load_options=runner.LoadOptions(clients=2, duration=0.5, page="/a"),
    )
    results, where, _ = session.run(call, Configuration(), ignore_event)
    assert {each.verdict for each in results.conformance} == {Verdict.PASS}
    assert results.load[0].conditions["page"] == "/a"
    first = (where / "summary.md").read_text().index("**Your app**: shop:good runs beside the test app.")
    assert first < (where / "summary.md").read_text().index("## ")
    assert "shop:good runs beside the test app." in page_content(where / "report.html")
