"""What the fixture makes of its arguments: the name of a server, and the module of an app that a function makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.pytest_plugin.live_server import ServerRequest, factory_module, server_name
from wsgi_gauntlet.harness.server import name as naming
from wsgi_gauntlet.harness.server.app_name import parse_app_name


@pytest.mark.parametrize(
    ("server", "settings", "name"),
    [
        ("gunicorn", {}, "gunicorn"),
        ("gunicorn", {"workers": 2, "threads": 4}, "gunicorn[workers=2,threads=4]"),
        ("gunicorn[workers=2]", {"tls": True}, "gunicorn[workers=2,tls]"),
        ("gunicorn:gthread@25.1.0", {"keep_alive": 2.5}, "gunicorn:gthread@25.1.0[keep_alive=2.5]"),
        ("nginx+gunicorn", {"max_requests": 100}, "nginx+gunicorn[max_requests=100]"),
        ("gunicorn", {"tls": False, "http_2": True, "other": False}, "gunicorn[tls=off,http-2]"),
    ],
)
def test_settings_are_those_of_a_server_name(server: str, settings: dict[str, object], name: str) -> None:
    found = server_name(ServerRequest(server, "a:b", settings=settings))
    assert found == name
    naming.parse(found)


def test_a_command_is_a_server_of_the_name_custom() -> None:
    assert server_name(ServerRequest("", "a:b", command="mine {port}")) == "custom"
    request = ServerRequest("nginx+custom", "a:b", command="mine {port} {workers}", settings={"workers": 2})
    assert server_name(request) == "nginx+custom[workers=2]"


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (ServerRequest("", "a:b"), 'name a server, as wsgi_server("gunicorn", app=...), or give command="..."'),
        (ServerRequest("gunicorn", "a:b", command="m {port}"), "command= describes the server named custom, and the"),
        (ServerRequest("./my.py", "a:b", command="m {port}"), "command= describes the server named custom, and the"),
        (ServerRequest("./my.py", "a:b", settings={"workers": 2}), "workers= cannot be combined with an adapter file"),
        (ServerRequest("gunicorn", "a:b", settings={"workers": "2"}), "workers='2': a setting is a number, True or"),
        (ServerRequest("gunicorn", "a:b", settings={"workers": None}), "workers=None: a setting is a number, True or"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line(request_: ServerRequest, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        server_name(request_)
    assert says in str(raised.value)


SHOP = """
class Factories:
    @staticmethod
    def make(name, *, debug=False):
        return (name, debug)
"""


def test_the_module_of_a_factory_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_of_factories.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = parse_app_name('shop_of_factories:Factories.make("it\'s", debug=True)')
    space: dict[str, object] = {}
    exec(compile(factory_module(made), "made", "exec"), space)
    assert space["application"] == ("it's", True)
