"""`--config`: servers run with a configuration file of the user, in which the harness replaces what it must own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import Event, Message
from wsgi_gauntlet.harness.model import Results, Verdict

from ..helpers.requirements import installed_plan

pytestmark = pytest.mark.live

FILES: Mapping[str, tuple[str, str]] = {
    "gunicorn": (
        "gunicorn.conf.py",
        (
            'bind = "0.0.0.0:80"\nworkers = 2\nthreads = 3\ndaemon = True\npidfile = "/nowhere/x"\n'
            'certfile = "/nowhere/c.pem"\nuser = "nobody"\nwsgi_app = "absent:app"\nerrorlog = "/nowhere/e"\n'
        ),
    ),
    "uwsgi": (
        "app.ini",
        (
            "[uwsgi]\nhttp-socket = :80\nsocket = /nowhere/s\nmodule = absent:app\nprocesses = 2\nmaster = true\n"
            "daemonize = /nowhere/d\npidfile = /nowhere/p\nuid = nobody\nthreads = 3\n"
        ),
    ),
    "nginx+gunicorn": (
        "site.conf",
        (
            "upstream a { server unix:/nowhere/a fail_timeout=0; }\n"
            "server { listen 80; return 301 https://x$request_uri; }\n"
            "server { listen 443 ssl; ssl_certificate /nowhere/c; ssl_certificate_key /nowhere/k;\n"
            "  access_log /nowhere/log main; location / { include proxy_params; proxy_pass http://a; } }\n"
        ),
    ),
    "apache+gunicorn": (
        "site.conf",
        (
            "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile /nowhere/c\nCustomLog /nowhere/l combined\n"
            "ProxyPreserveHost On\nProxyPass / http://10.0.0.1/\n</VirtualHost>\n"
        ),
    ),
    "lighttpd+gunicorn": (
        "lighttpd.conf",
        (
            'server.port = 80\nserver.pid-file = "/nowhere/p"\nserver.username = "nobody"\n'
            'server.modules = ( "mod_proxy" )\n$HTTP["url"] =~ "^/" {\n'
            'proxy.server = ( "" => (( "host" => "10.0.0.1" )) )\n}\n'
        ),
    ),
    "haproxy+gunicorn": (
        "haproxy.cfg",
        (
            "global\n daemon\n user nobody\n chroot /nowhere\ndefaults\n mode http\n timeout client 9s\n"
            " timeout server 9s\n timeout connect 9s\nfrontend f\n bind *:443 ssl crt /nowhere/c\n default_backend b\n"
            "backend b\n server s 10.0.0.1:80 check\n"
        ),
    ),
    "caddy+gunicorn": ("Caddyfile", "example.com {\n  encode gzip\n  reverse_proxy 10.0.0.1:80\n}\n"),
}

ERRORS = {
    "gunicorn": ("workers = = 2\n", r"gunicorn\.conf\.py: gunicorn rejects it: SyntaxError: .* \(line 1\)"),
    "uwsgi": ("[uwsgi]\nini = absent.ini\n", "it includes absent.ini, and there is no such file"),
    "nginx+gunicorn": ("server { location / { proxy_pass http://a; }\nsend_file on; }", r"unknown directive .*conf:2"),
    "apache+gunicorn": ("ProxyPass / http://a/\nServerNane x\n", r"line 2 of .*site\.conf: Invalid command"),
    "lighttpd+gunicorn": (
        'proxy.server = ( "" => (( "host" => "a" )) )\n$HTTP["url"] == "a" {\n',
        "lighttpd rejects it",
    ),
    "haproxy+gunicorn": (
        "defaults\n mode http\nfrontend f\n bind :80\n default_backend b\nbackend b\n server s h:80\n balance none\n",
        r"haproxy\.cfg:8\] : balance",
    ),
    "caddy+gunicorn": ("example.com {\n  reverse_proxi 10.0.0.1:80\n}\n", r"Caddyfile:2: unrecognized directive"),
}


def check(name: str, file: Path, python: str) -> tuple[Results, list[str]]:
    """Return the results of one case with the configuration `file`, and the messages of the run."""
    messages: list[str] = []

    def handle(event: Event) -> None:
        if isinstance(event, Message):
            messages.append(event.text)

    options = session.RunOptions(
        servers=(name,),
        cases=Selection(("pep3333/environ/exact-dict",)),
        python=python,
        config=(str(file),),
        out=file.parent / "out",
    )
    results, _, _ = session.run(options, Configuration(), handle)
    return results, messages


@pytest.mark.parametrize("name", FILES)
def test_a_server_runs_with_the_file_of_the_user(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    python = installed_plan(name).app_plan.python
    file_name, text = FILES[name]
    (tmp_path / file_name).write_text(text)
    results, messages = check(name, tmp_path / file_name, python)
    assert [each.verdict for each in results.conformance] == [Verdict.PASS]
    info = results.servers[name]
    assert info.configuration == (str(tmp_path / file_name),)
    assert "nowhere" not in " ".join(each.now for each in info.overrides)
    assert info.overrides
    for each in info.overrides:
        assert f"{name}: overridden: {each.setting}: {each.was} -> {each.now}" in messages


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_the_file_is_the_servers_own_message(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    python = installed_plan(name).app_plan.python
    text, message = ERRORS[name]
    (tmp_path / FILES[name][0]).write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        check(name, tmp_path / FILES[name][0], python)


@pytest.mark.parametrize(("name", "workers", "threads"), [("gunicorn", 2, 3), ("uwsgi", 2, 3)])
def test_conditions_are_those_of_the_file(
    name: str, workers: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file_name, text = FILES[name]
    (tmp_path / file_name).write_text(text)
    options = session.RunOptions(servers=(name,), python=installed_plan(name).app_plan.python, config=(file_name,))
    (plan,) = session.plan_servers(options, Configuration())
    found = plan.adapter.conditions(plan.launch(plan.address()))
    assert (found["workers"], found["threads"]) == (workers, threads)
    options = session.RunOptions(
        servers=(f"{name}[workers=1]",), python=installed_plan(name).app_plan.python, config=(file_name,)
    )
    (plan,) = session.plan_servers(options, Configuration())
    assert plan.adapter.conditions(plan.launch(plan.address()))["workers"] == 1
    assert ("2", "1") in {(each.was, each.now) for each in plan.overrides}
