"""A user's lighttpd.conf: its statements, and a copy with the addresses of the harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support import lighttpd_user_configuration as user_file
from wsgi_gauntlet.servers._support.lighttpd_user_configuration import Behind

CONFIGURATION = """\
server.port = 80   # a comment with ( and "
server.username = "www-data"
var.where = "/srv/" +
    "x"
include "more/*.conf"
include_shell "/bin/echo " + server.port
$SERVER["socket"] == ":443" { ssl.engine = "enable"
    $HTTP["host"] == "a" { ssl.pemfile = "/etc/a.pem" } }
$HTTP["url"] =~ "^/a" { server.max-read-idle = 9 }
"""
PROXY = """\
proxy.server = ( "" =>
    (( "host" => "10.0.0.1", "port" => 80 ),
     ( "socket" => "/run/x.sock" ), ( "host" => "b" )) )
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/proxy.conf").write_text(PROXY)
    (tmp_path / "lighttpd.conf").write_text(CONFIGURATION)
    return tmp_path / "lighttpd.conf"


def test_statements() -> None:
    found = [(each.kind, each.name, each.value) for each in user_file.statements(CONFIGURATION)]
    assert found == [
        ("set", "server.port", "80"),
        ("set", "server.username", '"www-data"'),
        ("set", "var.where", '"/srv/" +\n    "x"'),
        ("include", "include", '"more/*.conf"'),
        ("include_shell", "include_shell", '"/bin/echo " + server.port'),
        ("socket", '$SERVER["socket"]', '":443"'),
        ("set", "server.max-read-idle", "9"),
    ]


def test_addresses_are_replaced_in_their_places(main: Path) -> None:
    own = {"server.port": "8000", "server.bind": '"h"'}
    copy = user_file.copy(main, Path("/private"), Behind("h", 9), own, frozenset(own))
    text = copy.files["config/0000-lighttpd.conf"]
    assert text.count("\n") == CONFIGURATION.count("\n")
    assert text.startswith("server.port = 8000")
    assert "www-data" not in text
    assert "443" not in text
    assert "ssl." not in text
    assert 'include "/private/config/1/*"' in text
    assert copy.written == {"server.port"}
    proxy = copy.files["config/1/0001-proxy.conf"]
    assert proxy.count('"host" => "h", "port" => 9') == 3
    assert "10.0.0.1" not in proxy
    assert {each.setting for each in copy.overrides} == {"server.port", "server.username", "listen", "proxy.server"}


def test_a_socket_replaces_hosts(main: Path) -> None:
    copy = user_file.copy(main, Path("/p"), Behind(socket="/s"), {}, frozenset())
    proxy = copy.files["config/1/0001-proxy.conf"]
    assert proxy.count('"socket" => "/s"') == 3
    assert "host" not in proxy
    assert "port" not in proxy


def test_a_file_without_a_proxy_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("server.port = 80\n")
    with pytest.raises(ConfigurationError, match=r"no proxy\.server"):
        user_file.copy(tmp_path / "x", tmp_path, Behind("h", 1), {}, frozenset())


def test_effective_values_are_numbers(main: Path) -> None:
    assert user_file.effective(main) == {"server.port": "80", "server.max-read-idle": "9"}


def test_a_block_without_an_end_stays_for_lighttpd_to_report() -> None:
    assert list(user_file.statements('$SERVER["socket"] == ":443" {\n ssl.engine = "enable"\n')) == []
