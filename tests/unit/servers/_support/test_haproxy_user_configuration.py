"""A user's haproxy.cfg: a copy with the addresses of the harness, line by line."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support import haproxy_user_configuration as user_file

CONFIGURATION = """\
global
    daemon
    user haproxy
    stats socket /run/admin.sock
    stats timeout 30s
    nbthread 4
defaults
    mode http
    timeout client 30s
frontend stats
    bind *:8404
    stats enable
frontend www
    bind *:80 maxconn 5 # a comment
    bind *:443 ssl crt /etc/a.pem
    http-request set-header X "a # b"
    default_backend app
backend app
    server a 10.0.0.1:80 check ssl verify none ca-file /etc/ca.pem maxconn 9
    server b 10.0.0.2:80 backup
peers p
    peer me 10.0.0.3:1024
"""


def test_the_frontend_with_servers_behind_is_served() -> None:
    text, overrides = user_file.copy(CONFIGURATION, "h.cfg", "127.0.0.1:1", "127.0.0.1:2", {})
    lines = text.splitlines()
    assert lines[13] == "    bind 127.0.0.1:1 maxconn 5"
    assert lines[18] == "    server a 127.0.0.1:2 maxconn 9"
    assert lines[15] == '    http-request set-header X "a # b"'
    assert lines[4] == "    stats timeout 30s"
    for number in (1, 2, 3, 10, 14, 19, 20, 21):
        assert lines[number] == "", number
    assert "log stderr" in "\n".join(lines[22:])
    replaced = {each.setting: each.now for each in overrides}
    assert replaced["frontend www: bind"] == "not used"
    assert replaced["backend app: server"] == "not used"
    assert replaced["daemon"] == replaced["user"] == replaced["peers p"] == "not used"


def test_settings_of_the_server_name_win() -> None:
    text, overrides = user_file.copy(
        CONFIGURATION, "h.cfg", "b", "s", {"nbthread": "1", "timeout client": "5ms", "timeout server": "5ms"}
    )
    assert "    nbthread 1" in text
    assert "    timeout client 5ms" in text
    assert "    timeout server 5ms" in text.partition("default_backend app")[2].partition("backend app")[0]
    assert ("timeout client", "30s", "5ms") in [(each.setting, each.was, each.now) for each in overrides]


def test_a_listen_section_is_served_too_and_gets_a_bind() -> None:
    text, _ = user_file.copy("listen x\n mode http\n server a 1.2.3.4:80\n", "h", "b", "s", {})
    assert "    server a s\n    bind b" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "frontend a\n bind :80\n",
        "listen x\n mode tcp\n server a b:1\n",
        "frontend a\n mode http\n default_backend b\n",
    ],
)
def test_a_file_that_passes_nothing_on_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no frontend"):
        user_file.copy(text, "h.cfg", "b", "s", {})


def test_effective_values() -> None:
    assert user_file.effective(CONFIGURATION) == {"nbthread": "4", "timeout client": "30s"}
    assert [user_file.seconds(each) for each in ("30s", "1500", "2m", "x")] == [30, 1.5, 120, "x"]
    assert [user_file.number(each, 7) for each in ('"4"', "4", "${N}", None)] == [4, 4, "${N}", 7]
