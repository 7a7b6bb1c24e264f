"""What servers write into their files to paste; tests/live/test_deployment.py starts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch
from wsgi_gauntlet.harness.server.deployment import DeploymentSite
from wsgi_gauntlet.harness.server.static_mapping import MEDIA_TYPES, StaticMapping, mime_types_file
from wsgi_gauntlet.servers import apache, caddy, gunicorn, haproxy, lighttpd, nginx, uwsgi

Launching = Callable[..., Launch]

SITE = DeploymentSite(
    app="shop.wsgi:application",
    folder="/srv/shop",
    python="/srv/venv/bin/python",
    static=(StaticMapping("/static", Path("/srv/shop/my files")),),
)


@pytest.fixture
def behind(launching: Launching) -> Launch:
    return launching(upstream=Address(port=9000), address=Address(host="0.0.0.0", port=80))


def test_static_files_of_each_proxy(behind: Launch) -> None:
    for adapter, wanted in (
        (nginx.ADAPTER, ("location /static/ {", 'alias "/srv/shop/my files/";')),
        (apache.ADAPTER, ('Alias /static/ "/srv/shop/my files/"', "ProxyPass /static/ !")),
        (caddy.ADAPTER, ("handle_path /static/* {", 'root * "/srv/shop/my files"')),
        (lighttpd.ADAPTER, ('"/static/" => "/srv/shop/my files/"', '$HTTP["url"] !~ "^(/static)/" {')),
        (haproxy.ADAPTER, ("HAProxy sends no files: the app gets the requests for /static/.",)),
    ):
        text = adapter.deployment(behind, SITE)[0].text
        for each in wanted:
            assert each in text, (adapter.name, each)


def test_lighttpd_knows_each_media_type(behind: Launch) -> None:
    text = lighttpd.ADAPTER.deployment(behind, SITE)[0].text
    for extension, media_type in MEDIA_TYPES.items():
        assert f'".{extension}" => "{media_type}"' in text


def test_uwsgi_has_the_media_types_in_a_file(launching: Launching) -> None:
    launch = launching(executable="/usr/bin/none", address=Address(host="0.0.0.0", port=8000))
    main, types = uwsgi.ADAPTER.deployment(launch, SITE)
    assert "mime-file = mime.types\n" in main.text
    assert "static-map = /static=/srv/shop/my files\n" in main.text
    assert (types.install_path, types.text, types.start) == ("/srv/shop/mime.types", mime_types_file(), "")
    (alone,) = uwsgi.ADAPTER.deployment(launch, replace(SITE, static=()))
    assert "mime" not in alone.text


def test_uwsgi_gets_the_folder_that_wins_last(launching: Launching) -> None:
    launch = launching(executable="/usr/bin/none", address=Address(host="0.0.0.0", port=8000))
    text = uwsgi.ADAPTER.deployment(launch, replace(SITE, python_path=("/srv/shop/src", "/srv/lib")))[0].text
    assert [line for line in text.splitlines() if line.startswith("pythonpath")] == [
        "pythonpath = /srv/lib",
        "pythonpath = src",
        "pythonpath = .",
    ]
    assert "The last folder wins." in text
    assert "wins" not in uwsgi.ADAPTER.deployment(launch, SITE)[0].text


def test_the_asgi_worker_has_a_command_with_all_values(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "25.0.0")
    launch = launching(variant="asgi", app=SITE.app, address=Address(host="0.0.0.0", port=8000), threads=3)
    main, module = gunicorn.ADAPTER.deployment(launch, SITE)
    words = main.start.split()
    assert main.install_path == "/srv/shop/start-gunicorn.sh"
    for option, value in (
        ("--worker-class", "asgi"),
        ("--worker-tmp-dir", "/dev/shm"),
        ("--workers", "1"),
        ("--keep-alive", "2"),
        ("--timeout", "30"),
        ("--backlog", "2048"),
    ):
        assert words[words.index(option) + 1] == value
        assert f"# {option}: " in main.text or option == "--worker-class"
    assert "$PORT" in main.start_on_port
    assert module.install_path == "/srv/shop/through_a2wsgi.py"
    assert "'shop.wsgi:application'" in module.text
    assert "workers=3" in module.text


def test_apache_without_a_name_of_the_site_needs_the_default_site_off(behind: Launch) -> None:
    named = replace(SITE, host_names=("shop.example",))
    assert apache.ADAPTER.deployment(behind, SITE)[0].start.startswith("sudo a2dissite 000-default; sudo a2enmod ")
    assert apache.ADAPTER.deployment(behind, named)[0].start.startswith("sudo a2enmod ")
