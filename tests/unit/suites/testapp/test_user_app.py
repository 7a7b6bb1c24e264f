"""The control paths in front of an app of the user's own, called directly."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.suites.testapp.core.user_app_loader import (
    CONTROL_PREFIX,
    USER_APP_FOLDER_VARIABLE,
    USER_APP_VARIABLE,
    load_user_app,
    with_control_paths,
)

from ....helpers.testapp_client import FakeServer, environ

SHOP = """
made = 0
class Shop:
    def __call__(self, environ, start_response):
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]
    wsgi_app = __call__
shop = Shop()
def create_app():
    global made
    made += 1
    return shop
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "gauntlet_test_shop.py").write_text(SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("gauntlet_test_shop")
    for name in ("user_app", "user_app_flask", "with_user_app", "with_user_app_flask"):
        sys.modules.pop(f"wsgi_gauntlet.suites.testapp.{name}", None)
    sys.modules.pop("gauntlet_test_shop", None)


def asked(app: Any, path: str, **variables: str) -> tuple[str, bytes]:
    server = FakeServer()
    body = b"".join(app({**environ(path), **variables}, server.start_response))
    return server.status, body


@pytest.mark.parametrize("path", ["/", "", "/x", f"{CONTROL_PREFIX}x/page", "/x" + CONTROL_PREFIX, "*"])
def test_what_is_not_below_control_goes_to_the_app_untouched(path: str) -> None:
    seen = []

    def app(environ: Any, _start_response: Any) -> list[bytes]:
        seen.append(environ)
        return []

    given = environ(path)
    before = dict(given)
    with_control_paths(app)(given, None)
    assert seen[0] is given
    assert given == before


def test_what_is_below_control_goes_to_the_reference_app() -> None:
    def app(_environ: Any, _start_response: Any) -> list[bytes]:
        raise AssertionError

    given = environ(f"{CONTROL_PREFIX}/page?n=abc&size=10")
    server = FakeServer()
    assert b"".join(with_control_paths(app)(given, server.start_response)) == b"abc\nwsgi-g"
    assert given["PATH_INFO"] == f"{CONTROL_PREFIX}/page"


@pytest.mark.parametrize("name", ["shop", "create_app()", "shop.__call__"])
@pytest.mark.usefixtures("shop")
def test_apps_are_found_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(USER_APP_VARIABLE, f"gauntlet_test_shop:{name}")
    assert asked(load_user_app(), "/x") == ("200 OK", b"/x")


@pytest.mark.parametrize("name", ["", "shop", ":app", "shop:"])
def test_without_a_name_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(USER_APP_VARIABLE, name)
    with pytest.raises(RuntimeError, match=USER_APP_VARIABLE):
        load_user_app()


def test_an_app_that_fails_leaves_the_server_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mod_wsgi imports it again at each request, by a path that begins where it was started."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "gauntlet_test_broken.py").write_text("raise RuntimeError('not today')\n")
    (tmp_path / "server").mkdir()
    monkeypatch.chdir(tmp_path / "server")
    monkeypatch.syspath_prepend(tmp_path / "app")
    monkeypatch.setenv(USER_APP_FOLDER_VARIABLE, str(tmp_path / "app"))
    for name in ("gauntlet_test_broken:application", "gauntlet_test_missing:application", "json:nothing"):
        monkeypatch.setenv(USER_APP_VARIABLE, name)
        with pytest.raises((RuntimeError, ImportError, AttributeError)):
            load_user_app()
        assert Path.cwd() == tmp_path / "server", name
    monkeypatch.setenv(USER_APP_VARIABLE, "json:dumps")
    load_user_app()
    assert Path.cwd() == tmp_path / "app"


def test_each_module_makes_the_app_once(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER_APP_VARIABLE, "gauntlet_test_shop:create_app()")
    own = importlib.import_module("wsgi_gauntlet.suites.testapp.user_app")
    assert asked(own.application, "/y") == ("200 OK", b"/y")
    assert asked(own.application, f"{CONTROL_PREFIX}/mine?n=z") == ("200 OK", b"z")
    own_flask = importlib.import_module("wsgi_gauntlet.suites.testapp.user_app_flask")
    assert own_flask.application is shop.shop
    assert asked(shop.shop.wsgi_app, f"{CONTROL_PREFIX}/mine?n=z") == ("200 OK", b"z")
    assert shop.made == 2
    importlib.import_module("wsgi_gauntlet.suites.testapp.with_user_app_flask")
    assert shop.made == 3
    importlib.import_module("wsgi_gauntlet.suites.testapp.with_user_app")
    assert shop.made == 4


@pytest.mark.usefixtures("shop")
def test_flask_needs_a_flask_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER_APP_VARIABLE, "gauntlet_test_shop:create_app")
    with pytest.raises(TypeError, match="werkzeug serves any app"):
        importlib.import_module("wsgi_gauntlet.suites.testapp.user_app_flask")
