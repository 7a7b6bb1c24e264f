"""A user's own server, as a command template."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.servers.command_template import CommandServer

Launching = Callable[..., Launch]


def test_placeholders_are_filled_in_and_quotes_are_respected(launching: Launching) -> None:
    server = CommandServer(
        "mine", "{python} -m mine --title 'a {b' --bind={host}:{port} -w{workers} -t {threads} {app}"
    )
    command = server.command(launching(workers=3))
    assert command.argv == (
        *("/py/bin/python", "-m", "mine", "--title", "a {b", "--bind=127.0.0.1:8000", "-w3", "-t", "1"),
        "gauntlet_apps.reference:application",
    )
    assert command.folder == Path.cwd()
    assert server.name == server.title == "mine"
    assert server.conditions(launching(workers=3)) == {"workers": 3, "threads": 1}


def test_assignments_before_the_program_are_its_environment(launching: Launching) -> None:
    server = CommandServer("mine", "PORT={port} TITLE='a b' EMPTY= serve A=1 {app}")
    command = server.command(launching())
    assert command.argv == ("serve", "A=1", "gauntlet_apps.reference:application")
    assert command.environment == {"PORT": "8000", "TITLE": "a b", "EMPTY": ""}
    reserved = "reserved for this program"
    for wrong, says in (
        ("A={port}", "has no program"),
        ("GAUNTLET_NONCE=1 serve {port}", reserved),
        ("WSGI_GAUNTLET_NONCE=1 serve {port}", reserved),
    ):
        with pytest.raises(ConfigurationError, match=says):
            CommandServer("mine", wrong)


def test_a_command_without_the_app_says_what_it_lacks() -> None:
    assert "{app}" in CommandServer("mine", "serve {port}").start_failure_hint
    assert not CommandServer("mine", "serve {port} {app}").start_failure_hint


def test_a_template_with_a_socket_alone_is_started_on_one(launching: Launching) -> None:
    server = CommandServer("mine", "serve {socket}")
    assert server.unix_only
    assert server.command(launching(address=Address(path="/s"))).argv == ("serve", "/s")
    assert not CommandServer("mine", "serve {socket} {port}").unix_only
    assert server.conditions(launching()) == {}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "is empty"),
        ("serve 'x {port}", "cannot be split into words"),
        ("serve {prot}", r"has \{prot\}; placeholders are \{app\} \{certificate\} \{host\}"),
        ("serve {} {port}", r"has \{\}"),
        ("serve {app}", r"needs \{port\} or \{socket\}"),
    ],
)
def test_a_template_that_cannot_work_is_refused(template: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CommandServer("mine", template)


@pytest.mark.parametrize("asked", [{"workers": 2}, {"threads": 2}, {"keep_alive": 1.0}, {"mount": "/x"}])
def test_what_the_template_leaves_out_is_unsupported(launching: Launching, asked: dict[str, object]) -> None:
    server = CommandServer("mine", "serve {port}")
    with pytest.raises(Unsupported, match="the command of mine has no option for"):
        start_command(server, launching(**asked))
    with pytest.raises(Unsupported, match="socket"):
        start_command(server, launching(address=Address(path="/s")))
    with pytest.raises(Unsupported, match="uwsgi"):
        start_command(server, launching(protocol=Protocol.UWSGI))


def test_the_command_is_looked_for_on_path() -> None:
    assert CommandServer("mine", "{python} {port}").find(sys.executable).executable == sys.executable
    found = CommandServer("mine", "no-such-server-anywhere {port}").find(sys.executable)
    assert not found.available
    assert "no-such-server-anywhere" in found.why


@pytest.mark.parametrize(
    ("template", "advice"),
    [
        ("cd src && serve {port} {app}", "no shell reads it"),
        ("$HOME/serve {port} {app}", "no shell reads it"),
        ("./absent {port} {app}", "correct the path"),
        ("absent-program {port} {app}", "install it, or give its path"),
    ],
)
def test_a_program_that_is_missing_says_what_to_do(template: str, advice: str) -> None:
    found = CommandServer("mine", template).find(sys.executable)
    assert not found.available
    assert advice in found.missing_message
