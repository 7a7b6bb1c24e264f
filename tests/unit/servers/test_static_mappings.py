"""Static files of the user in the configuration of servers; tests/live/test_app_setup.py shows that they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping, mime_types_file
from wsgi_gauntlet.servers import apache, caddy, lighttpd, nginx, uwsgi

Launching = Callable[..., Launch]

STATIC = (StaticMapping("/static/a.b", Path("/files/with space")), StaticMapping("/static", Path("/files/x")))
FRONTS = (apache.ADAPTER, caddy.ADAPTER, lighttpd.ADAPTER, nginx.ADAPTER)


@pytest.fixture
def behind(launching: Launching) -> Launching:
    def launch(**given: object) -> Launch:
        return launching(**{"upstream": Address(port=9000), "static": STATIC, **given})

    return launch


def test_nginx(behind: Launching) -> None:
    text = nginx.ADAPTER.command(behind(mount="/m")).files["nginx.conf"]
    assert "location /m/static/a.b/ {" in text
    assert 'alias "/files/with space/";' in text
    assert "location /m/static/ {" in text
    assert "text/css css;" in text


def test_apache(behind: Launching) -> None:
    lines = apache.ADAPTER.command(behind(mount="/m")).files["apache.conf"].splitlines()
    wanted = [
        'ProxyPass "/m/static/a.b/" !',
        'Alias "/m/static/a.b/" "/files/with space/"',
        'ProxyPass "/m/static/" !',
        'Alias "/m/static/" "/files/x/"',
        'ProxyPass / "http://127.0.0.1:9000/"',
    ]
    assert [each for each in lines if each in wanted] == wanted
    assert "AddType text/css .css" in lines
    assert any(each.startswith("LoadModule alias_module") for each in lines)


def test_caddy(behind: Launching) -> None:
    made = json.loads(caddy.ADAPTER.command(behind()).files["caddy.json"])
    first, second, rest = made["apps"]["http"]["servers"]["front"]["routes"]
    assert first["match"] == [{"path": ["/static/a.b/*"]}]
    assert [each["handler"] for each in second["handle"]] == ["rewrite", "file_server"]
    assert (second["handle"][1]["root"], second["terminal"]) == ("/files/x", True)
    assert rest["handle"][0]["handler"] == "reverse_proxy"


def test_lighttpd(behind: Launching) -> None:
    text = lighttpd.ADAPTER.command(behind()).files["lighttpd.conf"]
    assert 'alias.url = ( "/static/a.b/" => "/files/with space/", "/static/" => "/files/x/" )' in text
    assert r'$HTTP["url"] !~ "^(/static/a\.b/|/static/)" { proxy.server' in text
    assert '".css" => "text/css"' in text


def test_uwsgi(behind: Launching) -> None:
    made = uwsgi.ADAPTER.command(behind(executable="/usr/bin/none", upstream=None, mount="/m"))
    assert "--static-map=/m/static/a.b=/files/with space" in made.argv
    assert "--mime-file=/private/mime.types" in made.argv
    assert made.files["mime.types"] == mime_types_file()
    assert "text/css css\n" in mime_types_file()


@pytest.mark.parametrize("adapter", FRONTS, ids=lambda each: str(each.name))
def test_a_file_of_the_user_maps_its_own(adapter: Adapter, behind: Launching, tmp_path: Path) -> None:
    file = tmp_path / "site.conf"
    file.write_text("")
    assert f"{adapter.name} sends the static files that {file} maps" in adapter.supports(behind(config=file))
    assert "static" not in adapter.supports(behind(config=file, static=()))


def test_names_that_a_server_reads_as_something_else(behind: Launching) -> None:
    odd = (StaticMapping("/static", Path("/files/${x}")),)
    assert "for a variable" in nginx.ADAPTER.supports(behind(static=odd))
    assert "for a placeholder" in caddy.ADAPTER.supports(behind(static=odd))
    for folder in ("/files/%(x)", "/files/$(x)", "/files/@(x)"):
        replaced = behind(static=(StaticMapping("/static", Path(folder)),), upstream=None)
        assert "for a placeholder" in uwsgi.ADAPTER.supports(replaced), folder
    assert "placeholder" not in uwsgi.ADAPTER.supports(
        behind(static=(StaticMapping("/static", Path("/files/100%")),), upstream=None)
    )
