"""A user's nginx.conf or site: its directives, and a copy with the addresses and paths of the harness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers._support import nginx_file, nginx_user_configuration
from wsgi_gauntlet.servers._support.nginx_user_configuration import Copy

Launching = Callable[..., Launch]

SITE = """\
upstream app { server unix:/run/app.sock fail_timeout=0; server 10.0.0.2:80 backup; }
server { listen 80; return 301 https://$host$request_uri; }
server {
    listen 443 ssl http2 backlog=99;
    listen [::]:443 ssl;
    ssl_certificate /etc/a.pem;  # a comment; {
    ssl_certificate_key "/etc/a key.pem";
    access_log /var/log/a.log main;
    location / { proxy_pass http://app; }
    location /api/ { proxy_pass https://10.0.0.3:9000/v1/; }
}
"""


@pytest.fixture
def copied(tmp_path: Path, launching: Launching) -> Callable[..., Copy]:
    """Return a function that copies a configuration text for a launch."""

    def copy(text: str, *, root: bool = False, **given: object) -> Copy:
        (tmp_path / "site.conf").write_text(text)
        launch = launching(**{"upstream": Address(port=9), "executable": "/n", **given})
        return nginx_user_configuration.copy(nginx_file.load(tmp_path / "site.conf"), launch, root=root)

    return copy


def site_of(copy: Copy) -> str:
    return copy.files["config/0000-site.conf"]


def test_directives_have_their_places() -> None:
    text = "a b \"c d;\" 'e'; # x;\nf { g ${h}i; }\n"
    first, second = nginx_file.parse(text)
    assert (first.name, first.words) == ("a", ("b", '"c d;"', "'e'"))
    assert text[first.start : first.end] == "a b \"c d;\" 'e';"
    assert second.inside is not None
    assert [each.text for each in second.inside] == ["g ${h}i"]
    assert text[second.start : second.end] == "f { g ${h}i; }"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server {\n  listen 80;\n", 'unexpected end of file, expecting "}" in f:3'),
        ("listen 80", 'expecting ";" or "}" in f:1'),
        ("a;\n}\n", 'unexpected "}" in f:2'),
        ("a {\n b }\n", 'unexpected "}" in f:2'),
        (";", 'unexpected ";" in f:1'),
        ("{ }", 'unexpected "{" in f:1'),
        ('a "b;\n', 'unexpected end of file, expecting ";" or "}" in f:'),
    ],
)
def test_syntax_errors_are_those_of_nginx(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match="nginx rejects it") as raised:
        nginx_file.parse(text, "f")
    assert message in str(raised.value)


def test_the_block_that_passes_requests_on_is_served(copied: Callable[..., Copy]) -> None:
    made = copied(SITE)
    text = site_of(made)
    assert "listen 127.0.0.1:8000 default_server backlog=99;" in text
    assert "listen unix:/private/0.sock; return 301" in text
    assert "443" not in text
    assert "/etc/a" not in text
    assert text.count("\n") == SITE.count("\n")
    replaced = {(each.setting, each.now) for each in made.overrides}
    assert ("listen", "not served") in replaced
    assert ("listen", "127.0.0.1:8000 default_server backlog=99") in replaced
    assert ("ssl_certificate", "not used") in replaced
    assert ("access_log", "off") in replaced


def test_addresses_behind_it_are_replaced_and_paths_stay(copied: Callable[..., Copy]) -> None:
    text = site_of(copied(SITE))
    assert "upstream app { server 127.0.0.1:9 fail_timeout=0;" in text
    assert "10.0.0" not in text
    assert "proxy_pass http://app;" in text
    assert "proxy_pass http://127.0.0.1:9/v1/;" in text
    socket = site_of(copied(SITE, upstream=Address(path="/s")))
    assert "server unix:/s fail_timeout=0;" in socket
    assert "proxy_pass http://unix:/s:/v1/;" in socket


def test_certificates_of_the_harness_replace_those_of_the_file(copied: Callable[..., Copy]) -> None:
    identity = CertificateFiles(Path("/private/c.pem"), Path("/private/k.pem"))
    made = copied(SITE, identity=identity, address=Address(port=8000, tls=True))
    served = site_of(made).splitlines()[3]
    assert "listen 127.0.0.1:8000 default_server backlog=99 ssl http2;" in served
    assert "ssl_certificate /private/c.pem; ssl_certificate_key /private/k.pem;" in served
    assert ("ssl_certificate", "/private/c.pem") in {(each.setting, each.now) for each in made.overrides}


def test_a_site_gets_a_main_file(copied: Callable[..., Copy]) -> None:
    main = copied(SITE, root=True, workers=3).files["nginx.conf"]
    for line in ("user root;", "daemon off;", "worker_processes 3;", "error_log stderr;", "pid /private/nginx.pid;"):
        assert line in main
    assert "include /private/config/0000-site.conf;" in main


def test_a_whole_file_keeps_its_lines_and_loses_what_the_harness_owns(copied: Callable[..., Copy]) -> None:
    text = (
        "user www-data;\nworker_processes auto;\npid /run/nginx.pid;\nerror_log /var/log/e.log info;\n"
        "stream { server { listen 3306; } }\nevents { worker_connections 9; }\n"
        "http {\n  client_body_temp_path /x;\n  keepalive_timeout 9;\n"
        "  server { location / { proxy_pass http://localhost:8000; } }\n}\n"
    )
    made = copied(text, keep_alive=5.0)
    main = made.files["nginx.conf"]
    assert main.count("\n") == text.count("\n")
    assert "stream" not in main
    assert "www-data" not in main
    assert "worker_processes auto;" in main
    assert "error_log stderr info;" in main
    assert main.count("client_body_temp_path") == 1
    assert "keepalive_timeout 5000ms;" in main
    assert "keepalive_timeout 9" not in main
    assert "{ listen 127.0.0.1:8000 default_server; location" in main.replace("  ", " ")
    assert {"user", "pid", "stream", "keepalive_timeout", "listen"} <= {each.setting for each in made.overrides}


def test_includes_are_copied_relative_to_the_folder_of_the_file(copied: Callable[..., Copy], tmp_path: Path) -> None:
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets/pass.inc").write_text("proxy_pass http://10.0.0.1;")
    made = copied("server { location / { include snippets/*.inc; include proxy_params; include none/*; } }")
    assert made.sources["config/0001-pass.inc"] == tmp_path / "snippets/pass.inc"
    assert "include /private/config/0001-pass.inc;" in site_of(made)
    assert made.files["config/0001-pass.inc"] == "proxy_pass http://127.0.0.1:9;"
    assert "none" not in site_of(made)


def test_an_include_of_itself_is_an_error(copied: Callable[..., Copy]) -> None:
    with pytest.raises(ConfigurationError, match="includes itself"):
        copied("include site.conf;")


def test_the_protocol_is_that_of_the_file(tmp_path: Path) -> None:
    def protocol(text: str) -> Protocol:
        (tmp_path / "x").write_text(text)
        return nginx_user_configuration.protocol(nginx_file.load(tmp_path / "x"))

    assert protocol("server { location / { uwsgi_pass unix:/s; } }") is Protocol.UWSGI
    assert protocol(SITE) is Protocol.HTTP
    with pytest.raises(ConfigurationError, match="no server block"):
        protocol("server { root /srv; }")
    with pytest.raises(ConfigurationError, match="both"):
        protocol("server { location / { uwsgi_pass a; } location /b { proxy_pass http://b; } }")


def test_several_servers_behind_share_an_upstream_block(copied: Callable[..., Copy]) -> None:
    text = site_of(copied(SITE, other_upstreams=(Address(port=10),), features=frozenset({"balanced"})))
    assert "server 127.0.0.1:9 fail_timeout=0;" in text
    assert "server 127.0.0.1:10;" in text


@pytest.mark.parametrize(
    ("value", "seconds"), [("75", 75), ("20s", 20), ("2m", 120), ("500ms", 0.5), ("1h 30m", "1h 30m")]
)
def test_times_are_seconds(value: str, seconds: object) -> None:
    assert nginx_user_configuration.seconds(value) == seconds
