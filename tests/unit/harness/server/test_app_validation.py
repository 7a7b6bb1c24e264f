"""What `--app` may name, found out before a server is started; what is wrong with it is one line."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan

APPS = """
import functools

def app(environ, start_response): return []
def any_arguments(*arguments): return app(*arguments)
def create_app(): return app
def create_with(settings="live"): return app
def create_broken(): raise LookupError("no settings")
def create_without_path(): raise LookupError("set PYTHONPATH, for I import with PYTHON")
def create_nothing(): return None
def one(request): return []
bound = functools.partial(lambda extra, environ, start_response: [], 1)

async def asgi(scope, receive, send): pass
def three(scope, receive, send): pass
class Asgi:
    async def __call__(self, scope, receive, send): pass
asgi_object = Asgi()
class Wsgi:
    def __call__(self, environ, start_response): return []
wsgi_object = Wsgi()
class Native:
    def __call__(self, request): pass
Native.__module__ = "tornado.web"
native = Native()
number = 3
"""

BROKEN = """
def settings():
    raise LookupError("no settings here")
settings()
"""


NOTED = """
problem = LookupError("no settings")
problem.add_note("set SHOP_SETTINGS")
raise problem
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APPS)
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "typo.py").write_text("import os\ndef app(environ:\n    return []\n")
    (tmp_path / "noted.py").write_text(NOTED)
    (tmp_path / "leaves.py").write_text("import os, sys\nprint('goodbye', file=sys.stderr)\nos._exit(3)\n")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["app", "any_arguments", "create_app()", "bound", "wsgi_object", "wsgi_object.__call__"]
)
def test_a_wsgi_app_is_taken(folder: Path, name: str) -> None:
    planning.require_app(f"shop:{name}", sys.executable, folder)


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("shop:create_app", r"a function that makes the app.*name it as 'shop:create_app\(\)'"),
        ("shop:asgi", r"is an ASGI app \(an async function\)"),
        ("shop:asgi_object", r"is an ASGI app \(shop.Asgi\)"),
        ("shop:three", "is an ASGI app"),
        ("shop:native", r"an app of Tornado's own \(tornado.web.Native\)"),
        ("shop:one", r"cannot be called as a WSGI app.*its signature is \(request\)"),
        ("shop:number", "cannot be called: it is a builtins.int"),
        ("shop:create_nothing()", "cannot be called: it is a builtins.NoneType"),
        ("shop:create_broken()", "raises: LookupError: 'no settings'|raises: LookupError: no settings"),
        ("shop:create_without_path()", r"raises: LookupError: .?set PYTHONPATH, for I import with PYTHON"),
        ("shop:nothing", "does not import with .*AttributeError"),
        ("shop:PYTHON", f"shop:PYTHON does not import with {sys.executable}: AttributeError"),
        ("broken:app", r"does not import with .*LookupError: .*no settings here.*broken.py, line 3"),
        ("typo:app", r"does not import with .*SyntaxError: .*typo.py, line 2: def app\(environ:"),
        ("noted:app", r"does not import with .*LookupError: no settings set SHOP_SETTINGS \(.*noted.py, line 4: raise"),
        ("leaves:app", r"does not import with .*it ended with 3: goodbye"),
        ("shop", "write module:callable"),
        ("shop:()", "write module:callable"),
    ],
)
def test_what_is_none_is_refused_in_one_line(folder: Path, app: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        planning.require_app(app, sys.executable, folder)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"--app {app}")


def test_what_the_app_prints_when_it_ends_is_no_fault(folder: Path) -> None:
    (folder / "talks.py").write_text(
        "import atexit\nprint('hello')\natexit.register(print, 'goodbye')\n"
        "def app(environ, start_response): return []\n"
    )
    planning.require_app("talks:app", sys.executable, folder)


def test_it_is_found_by_the_user_s_pythonpath(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (folder / "shop.py").rename(tmp_path / "src" / "shop.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "src")
    planning.require_app("shop:app", sys.executable, tmp_path)


def test_what_an_app_prints_when_it_is_imported_is_no_answer(folder: Path) -> None:
    (folder / "loud.py").write_text("print('wsgi-gauntlet: hello')\ndef app(environ, start_response): return []\n")
    planning.require_app("loud:app", sys.executable, folder)


def test_a_command_finds_the_app_by_itself(folder: Path) -> None:
    custom = {"mine": "other-python -m mine --chdir other {port} {app}"}
    plan = planning.plan("mine", app="absent:app", app_path=folder, custom=custom)
    assert planning.require_user_app([plan]) == {plan.python}
    with pytest.raises(ConfigurationError, match="module:callable"):
        planning.require_user_app([planning.plan("mine", app="absent", app_path=folder, custom=custom)])
    with pytest.raises(ConfigurationError, match="does not import"):
        planning.require_user_app([plan, planning.plan("waitress", app="absent:app", app_path=folder)])


def test_a_server_with_an_interpreter_of_its_own_needs_the_packages_there(folder: Path, tmp_path: Path) -> None:
    """As mod_wsgi: it does not see the packages of a virtual environment."""
    own = tmp_path / "own-python"
    own.symlink_to(Path(sys.executable).resolve())
    (folder / "packages.py").write_text("import msgspec\ndef app(environ, start_response): return []\n")

    def planned(app: str, python: str) -> Plan:
        made = planning.plan("waitress", app=app, app_path=folder)
        return replace(made, found=replace(made.found, python=python))

    assert planning.own_interpreter_fault(planned("packages:app", "")) == ""
    assert planning.own_interpreter_fault(planned("packages:app", sys.executable)) == ""
    assert planning.own_interpreter_fault(planned("shop:app", str(own))) == ""
    fault = planning.own_interpreter_fault(planned("packages:app", str(own)))
    assert fault.startswith(
        f"waitress runs apps in its own interpreter, {own}; install their packages for it, or leave"
    )
    assert "ModuleNotFoundError" in fault
    with pytest.raises(ConfigurationError, match="runs apps in its own interpreter"):
        planning.require_user_app([planned("packages:app", str(own))])
