"""waitress's command line, as a value."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.deployment import DeploymentSite
from wsgi_gauntlet.servers.waitress import ADAPTER

Launching = Callable[..., Launch]


def test_its_own_defaults_are_left_alone(launching: Launching) -> None:
    command = ADAPTER.command(launching())
    assert command.argv == (
        *("/py/bin/python", "-m", "waitress", "--listen=127.0.0.1:8000"),
        "gauntlet_apps.reference:application",
    )
    assert command.reload_signal is None


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(threads=8, keep_alive=5.2, backlog=64, mount="/x", address=Address(path="/s"))
    assert ADAPTER.command(launch).argv[3:-1] == (
        *("--unix-socket=/s", "--threads=8", "--channel-timeout=6", "--cleanup-interval=6"),
        *("--backlog=64", "--url-prefix=/x"),
    )


def test_it_looks_no_less_often_than_by_itself(launching: Launching) -> None:
    assert ADAPTER.command(launching(keep_alive=60.0)).argv[4:-1] == ("--channel-timeout=60",)


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="more than one worker"):
        start_command(ADAPTER, launching(workers=2))
    with pytest.raises(Unsupported, match="timeout"):
        start_command(ADAPTER, launching(timeout=5.0))
    with pytest.raises(Unsupported, match="cannot close each connection after one response"):
        start_command(ADAPTER, launching(keep_alive=0.0))
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(ADAPTER, launching(protocol=Protocol.UWSGI))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    assert ADAPTER.conditions(launching(keep_alive=0.2)) == {
        "workers": 1,
        "threads": 4,
        "keep-alive": 1,
        "backlog": 1024,
        "connection limit": 100,
    }


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        (Address(host="0.0.0.0", port=8000), None),
        (Address(host="127.0.0.1", port=8000), "--trusted-proxy=127.0.0.1 "),
        (Address(path="/run/shop.sock"), "--trusted-proxy=localhost "),
    ],
)
def test_behind_a_proxy_its_script_says_how_the_app_learns_of_visitors(
    launching: Launching, address: Address, trusted: str | None
) -> None:
    site = DeploymentSite(app="shop:app", folder="/srv/shop", python="/srv/venv/bin/python")
    text = ADAPTER.deployment(launching(address=address), site)[0].text
    assert ("trusted" in text) is (trusted is not None)
    comments = [line for line in text.splitlines() if "--trusted-proxy" in line]
    assert comments == (
        [] if trusted is None else [f'#   {trusted}--trusted-proxy-headers="x-forwarded-for x-forwarded-proto"']
    )
