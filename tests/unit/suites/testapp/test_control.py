"""The control path of a target: only who knows the token gets a response, and each request counts once."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.http.parser import Framing, Response
from wsgi_gauntlet.harness.server.remote.control import ControlRefused, NoControlResponse
from wsgi_gauntlet.harness.server.temp_dirs import app_version, reference_app_sources

from ....helpers.target_app import TOKEN, DirectControl, serve


@pytest.fixture(autouse=True)
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_TOKEN", TOKEN)
    monkeypatch.setenv("WSGI_GAUNTLET_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("wsgi_gauntlet.suites.testapp.core.event_store._target_store", None)


def refused(path: str) -> bool:
    """Say whether the app answers as for any unknown page."""
    status, body = serve(path)
    return status == "404 Not Found" and b"no such page" in body


async def begun() -> DirectControl:
    control = DirectControl()
    await control.observe()
    return control


def test_only_during_a_check_the_app_has_all_behaviours() -> None:
    assert serve("/environ")[0].startswith("404")
    assert serve("/page?n=a&size=4") == ("200 OK", b"a\nws")

    async def check() -> None:
        control = await begun()
        assert serve("/echo", "t.1") == ("200 OK", b"gauntlet t.1\n")
        await control.send("end", 1)
        assert serve("/echo")[0].startswith("404")

    trio.run(check)


def test_without_the_right_signature_it_is_an_unknown_page() -> None:
    async def check() -> None:
        control = await begun()
        await control.send("fetch", 1, **{"from": 0, "open": ""})
        good = control.sent[-1]
        assert refused("/control")
        assert refused("/control?a=hello&c=" + "0" * 64)
        assert refused("/control?a=hello&c=" + "0" * 64 + "&m=" + "0" * 64)
        assert refused(good[:-1] + ("0" if good[-1] != "0" else "1"))
        assert refused(good.replace("from=0", "from=1"))
        assert refused(good + "&a=end")
        assert refused("/control?" + "é" * 8)
        with pytest.raises(ControlRefused):
            await DirectControl("another token").hello(1)

    trio.run(check)


def test_no_request_is_accepted_twice() -> None:
    async def check() -> None:
        control = await begun()
        await control.send("fetch", 1, **{"from": 0, "open": ""})
        for path in control.sent[1:]:
            assert refused(path)
        await control.send("end", 1)
        for path in control.sent[1:]:
            assert refused(path)

    trio.run(check)


def test_a_repeated_hello_begins_nothing() -> None:
    async def check() -> None:
        control = await begun()
        assert serve(control.sent[0])[1].startswith(b"wsgi-gauntlet control")
        assert (await control.send("fetch", 1, **{"from": 0, "open": ""}))[0].more is False

    trio.run(check)


def test_a_challenge_of_another_form_is_not_answered() -> None:
    for challenge in ("", "0" * 63, "0" * 65, "A" * 64):
        control = DirectControl()
        query, _ = control._signed(f"a=hello&c={challenge}")
        assert refused(f"/control?{query}")


def test_a_second_check_does_not_begin_beside_the_first() -> None:
    async def check() -> None:
        await begun()
        second = DirectControl()
        offered = await second.hello(1)
        assert offered.in_use
        assert "another check" in (await second.begin(offered.session, 1)).error

    trio.run(check)


def test_an_unusable_store_says_why(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")

    async def check() -> None:
        control = DirectControl()
        offered = await control.hello(1)
        assert "cannot write" in (await control.begin(offered.session, 1)).error

    trio.run(check)


def test_harness_and_app_compute_the_same_version() -> None:
    async def check() -> None:
        assert (await DirectControl().hello(1)).version == app_version(reference_app_sources())

    trio.run(check)


@pytest.mark.parametrize("action", ["", "forget", "hello2"])
def test_unknown_actions_are_unknown_pages(action: str) -> None:
    async def check() -> None:
        with pytest.raises(ControlRefused):
            await (await begun()).send(action, 1)

    trio.run(check)


def test_a_number_that_is_none_is_refused() -> None:
    query, _ = DirectControl()._signed("a=begin&s=x&n=many")
    assert refused(f"/control?{query}")


def test_a_response_to_another_request_is_no_response() -> None:
    """Whoever recorded a response cannot use it again."""

    async def check() -> None:
        control = await begun()
        _, old = serve(control.sent[0])

        def replayed(_query: str, _seconds: float) -> Response:
            return Response(status=200, body=old, framing=Framing.LENGTH, complete=True)

        control._get_blocking = replayed  # type: ignore[assignment,method-assign]
        with pytest.raises(NoControlResponse, match="not signed"):
            control.send_blocking("fetch", 1, **{"from": 0, "open": ""})

    trio.run(check)
