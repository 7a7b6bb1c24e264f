"""A user's configuration of Apache: a copy in which one virtual host has the addresses of the harness."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.adapter import Protocol
from wsgi_gauntlet.servers._support import apache_user_configuration as user_file
from wsgi_gauntlet.servers._support.apache_user_configuration import Copy, Own

SITE = """\
Listen 80
<VirtualHost *:80>
    Redirect / https://a.example/
</VirtualHost>
<VirtualHost *:443>
    SSLEngine on
    # ProxyPass / http://old:80/
    CustomLog ${APACHE_LOG_DIR}/a.log \\
        combined
    ProxyPreserveHost On
    Include more/*.inc
    ProxyPass /static/ !
    ProxyPass / http://10.0.0.1:80/app/ timeout=9
    ProxyPassReverse / "http://10.0.0.1:80/app/"
</VirtualHost>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"more/{name}.inc").write_text(f"RequestHeader set {name} 1\n")
    (tmp_path / "site.conf").write_text(SITE)
    return tmp_path / "site.conf"


def copied(path: Path, url: str = "h:9", scheme: str = "http", **values: str) -> Copy:
    return user_file.copy(user_file.load(path), Own("h:8", scheme, url, Path("/private"), values=values))


def test_the_host_that_passes_requests_on_is_served(site: Path) -> None:
    copy = copied(site)
    lines = copy.files[copy.main].split("\n")
    assert len(lines) == len(SITE.split("\n"))
    assert lines[1] == "<VirtualHost 127.0.0.1:1>"
    assert lines[4] == "<VirtualHost h:8>"
    assert lines[12] == "ProxyPass / http://h:9/app/ timeout=9"
    assert lines[13] == 'ProxyPassReverse / "http://h:9/app/"'
    assert lines[10] == 'Include "/private/config/0-10/*"'
    assert lines[0] == lines[5] == lines[7] == lines[8] == ""
    assert not copy.full
    assert [name for name in copy.files if name.startswith("config/0-10/")] == [
        "config/0-10/0001-a.inc",
        "config/0-10/0002-b.inc",
    ]
    replaced = {each.setting: each.now for each in copy.overrides}
    assert replaced["VirtualHost"] == "h:8"
    assert replaced["SSLEngine"] == replaced["CustomLog"] == replaced["Listen"] == "not used"


def test_a_socket_and_other_settings(site: Path) -> None:
    copy = copied(site, url="unix:../s|localhost", timeout="7")
    assert "ProxyPass / unix:../s|http://localhost/app/ timeout=9" in copy.files[copy.main]


def test_modules_have_whole_paths(tmp_path: Path) -> None:
    (tmp_path / "httpd.conf").write_text(
        "LoadModule x_module modules/mod_x.so\nProxyPass / http://a/\nTimeout 9\nTimeout off\n"
    )
    copy = copied(tmp_path / "httpd.conf", timeout="7")
    assert copy.full
    assert f'LoadModule x_module "{tmp_path}/modules/mod_x.so"' in copy.files[copy.main]
    assert "Timeout" not in copy.files[copy.main]


def test_balancers_and_handlers(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text(
        "<Proxy balancer://b>\nBalancerMember http://a:1\n</Proxy>\nProxyPass / balancer://b/\n"
        '<FilesMatch x>\nSetHandler "proxy:unix:/run/a.sock|http://localhost"\n</FilesMatch>\n'
    )
    text = copied(tmp_path / "x.conf").files["config/0000-x.conf"]
    assert "BalancerMember http://h:9\n" in text
    assert "ProxyPass / balancer://b/\n" in text
    assert 'SetHandler "proxy:http://h:9"' in text


def test_the_protocol_is_that_of_the_file(tmp_path: Path) -> None:
    def protocol(text: str) -> Protocol:
        (tmp_path / "x").write_text(text)
        return user_file.protocol(user_file.load(tmp_path / "x"))

    assert protocol("ProxyPass / unix:/s|uwsgi://x/") is Protocol.UWSGI
    assert protocol(SITE) is Protocol.HTTP
    with pytest.raises(ConfigurationError, match="no virtual host"):
        protocol("ProxyPass / !\n")
    with pytest.raises(ConfigurationError, match="http and uwsgi"):
        protocol("ProxyPass /a http://a/\nProxyPass /b uwsgi://b/\n")


def test_an_include_of_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("Include x\n")
    with pytest.raises(ConfigurationError, match="includes itself"):
        user_file.load(tmp_path / "x")
