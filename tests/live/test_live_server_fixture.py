"""The fixtures `wsgi_server` and `wsgi_server_factory`, as a user's own tests have them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..helpers.pytest_project import Project
from ..helpers.wheel_index import make_package_index

pytestmark = pytest.mark.live

APP = """
import os

class Callable:
    def __call__(self, environ, start_response):
        return application(environ, start_response)

def application(environ, start_response):
    if environ["PATH_INFO"] == "/end":
        os._exit(3)
    print("asked for", environ["PATH_INFO"], flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ.get("SHOP", "none").encode()]

def create_app(name="nobody"):
    def made(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"made for {name}".encode()]
    return made

instance = Callable()
number = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.made(tmp_path)
    made.write("shop/__init__.py", "")
    made.write("shop/wsgi.py", APP)
    yield made
    made.wait_until_clean()


TESTS = """
import os

import pytest
import shop.wsgi
from shop.wsgi import instance

def here(environ, start_response):
    return shop.wsgi.application(environ, start_response)

@pytest.mark.parametrize("app", ["shop.wsgi:application", shop.wsgi.application, instance, here])
def test_an_app_by_its_name_or_itself(wsgi_server, app):
    server = wsgi_server("waitress", app=app)
    assert server.client.get("/a").text == "none"
    assert server.url == f"http://127.0.0.1:{server.address.port}"
    assert server.name == "waitress" and "waitress" in server.command_line

def test_its_whole_life(wsgi_server, monkeypatch):
    monkeypatch.setenv("SHOP", "open")
    server = wsgi_server("gunicorn:gthread[threads=4]", app="shop.wsgi:application")
    assert server.client.get("/before").text == "open"
    before = server.pid, server.client
    assert before[0] and not server.ended
    server.restart()
    assert server.pid != before[0] and server.client is not before[1] and before[1].is_closed
    assert server.client.get("/after").text == "open"
    server.stop()
    server.stop()
    assert server.pid == 0 and server.ended == "stopped"
    assert "asked for /before" in server.log and "asked for /after" in server.log

def test_two_at_once_one_of_them_on_a_unix_socket(wsgi_server):
    one = wsgi_server("waitress", app="shop.wsgi:application", environment={"SHOP": "one"}, unix=True)
    two = wsgi_server("waitress", app="shop.wsgi:application", environment={"SHOP": "two"})
    assert os.path.exists(one.address.path)
    assert (one.client.get("/").text, two.client.get("/").text) == ("one", "two")

def test_it_ends_by_itself(wsgi_server):
    server = wsgi_server("waitress", app="shop.wsgi:application")
    with pytest.raises(Exception, match="disconnected"):
        server.client.get("/end")
    server.restart()
    assert server.client.get("/").status_code == 200

async def test_in_an_async_test(wsgi_server):
    assert wsgi_server("waitress", app="shop.wsgi:application").client.get("/").status_code == 200
"""

ASYNC = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_in_an_async_test(wsgi_server):
    assert wsgi_server("waitress", app="shop.wsgi:application").client.get("/").status_code == 200
"""


FACTORY = """
import ssl

import httpx
import pytest
import shop.wsgi

urls = []

@pytest.fixture(scope="module")
def shop_server(wsgi_server_factory):
    with wsgi_server_factory("waitress", app="shop.wsgi:create_app('module')", threads=2) as server:
        urls.append(server.url)
        yield server
    assert server.ended == "stopped"

def test_the_server_of_a_module_is_there(shop_server):
    assert shop_server.name == "waitress[threads=2]"
    assert shop_server.client.get("/").text == "made for module"

def test_and_stays(shop_server):
    assert urls == [shop_server.url]
    assert shop_server.client.get("/").text == "made for module"

def test_a_function_that_makes_the_app(wsgi_server):
    server = wsgi_server("waitress", app=shop.wsgi.create_app, factory=True)
    assert server.client.get("/").text == "made for nobody"
    server.restart()
    assert server.client.get("/").text == "made for nobody"

def test_a_command_of_ones_own(wsgi_server):
    server = wsgi_server(command="{python} -m mine {host} {port} {app}", app="shop.wsgi:application")
    assert (server.name, server.client.get("/").text) == ("custom", "none")

def test_settings_and_tls(wsgi_server):
    server = wsgi_server("gunicorn", app="shop.wsgi:application", workers=2, tls=True)
    assert server.url.startswith("https://127.0.0.1:")
    assert server.client.get("/").text == "none"
    context = ssl.create_default_context(cadata=server.certificate_authority)
    assert httpx.get(server.url, verify=context, trust_env=False).text == "none"
"""

MINE = """
import importlib, sys
from wsgiref.simple_server import make_server

host, port, app = sys.argv[1:]
module, _, name = app.partition(":")
make_server(host, int(port), getattr(importlib.import_module(module), name)).serve_forever()
"""


def test_factories_scopes_commands_and_settings(project: Project) -> None:
    project.write("mine.py", MINE)
    project.write("tests/test_factory.py", FACTORY)
    assert "5 passed" in project.run()


def test_a_server_with_the_users_app(project: Project) -> None:
    project.write("tests/test_shop.py", TESTS)
    assert "8 passed" in project.run("-p", "pytest_trio.plugin", "-o", "trio_mode=true")


def test_a_server_in_a_test_under_anyio(project: Project) -> None:
    project.write("tests/test_shop.py", ASYNC)
    assert "1 passed" in project.run("-p", "anyio")


WRONG = """
import pytest

@pytest.mark.parametrize("name, app", [
    ("gunicornn", "shop.wsgi:application"),
    ("gunicorn[threads=2]", "shop.wsgi:application"),
    ("waitress", "shop.wsgy:application"),
    ("waitress", "shop.wsgi:number"),
    ("waitress", "shop.wsgi"),
    ("waitress", lambda environ, start_response: []),
    ("waitress@99", "shop.wsgi:application"),
])
def test_wrong(wsgi_server, name, app):
    wsgi_server(name, app=app)

def test_fails_in_the_server(wsgi_server):
    wsgi_server("waitress", app="shop.sulking:application", environment={"SHOP": "closed"})
"""


def test_what_cannot_be_is_one_line_below_the_users_own(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package_index(tmp_path_factory.mktemp("packages") / "index", monkeypatch, "waitress")
    project.write("tests/test_shop.py", WRONG)
    project.write(
        "shop/sulking.py", "import os\nassert 'SHOP' not in os.environ, 'closed'\nfrom .wsgi import application\n"
    )
    out = project.run(code=1)
    lines = [line.removeprefix("E").strip() for line in out.splitlines() if line.startswith("E  ")]
    assert len(lines) == 8, out
    for line, says in zip(
        lines,
        [
            "UnknownName: no server is named 'gunicornn' (did you mean gunicorn or uvicorn?)",
            "Unsupported: gunicorn's sync worker has one thread",
            "ConfigurationError: app=shop.wsgy:application does not import with",
            "ConfigurationError: app=shop.wsgi:number cannot be called: it is a builtins.int",
            "ConfigurationError: app=shop.wsgi: write module:callable",
            "ConfigurationError: app=<function <lambda> at",
            "EnvironmentUnavailable: waitress@99: waitress has no version 99; the nearest is 5.0rc1",
            "ServerDidNotStart: waitress did not start: exit code 1: ",
        ],
        strict=True,
    ):
        assert says in line
    assert "background.py" not in out
