"""What a scenario is given, without a server: parameters and the cell."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import ConfigurationError, TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.context import MAX_LOG_CHARACTERS, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.harness.server import instance, planning


def ctx(**parameters: Any) -> ScenarioContext:
    return ScenarioContext(planning.plan("wsgiref"), parameters, scratch=Path(), logs=Path())


@pytest.mark.parametrize("value", [None, 0, -1, "many", True, float("inf"), float("nan")])
def test_a_parameter_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="'rate' is to be a number above 0"):
        ctx(rate=value).number("rate")


def test_a_count_is_a_whole_number() -> None:
    assert ctx(clients=8.0).count("clients") == 8
    with pytest.raises(ConfigurationError, match="whole number"):
        ctx(clients=8.5).count("clients")


class Fake:
    """As much of a running server as the context asks for."""

    def __init__(self, address: Address, ended: str = "", log: str = "hello\n") -> None:
        self.address = address
        self.ended = ended
        self.alive = not ended
        self.conditions: dict[str, object] = {"workers": 1, "python": "3"}
        self._log = log

    def log_since(self, mark: int) -> str:
        return self._log[mark:]


def pretend(monkeypatch: pytest.MonkeyPatch, server: Fake) -> None:
    @asynccontextmanager
    async def running(_plan: object, *, scratch: Path, logs: Path, observe: bool) -> AsyncIterator[Fake]:
        assert (scratch, logs, observe) == (Path(), Path(), False)
        yield server

    monkeypatch.setattr(instance, "running", running)


async def test_the_cell_tells_what_ran_and_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1), ended="signal SIGSEGV"))
    here = ctx(rate=20)
    async with here.server():
        pass
    cell = here.load(registry.scenario("classroom"), Grade.MEASURED, goodput=0.5, conditions={"more": 1})
    assert (cell.server, cell.scenario, cell.grade, cell.goodput) == ("wsgiref", "classroom", Grade.MEASURED, 0.5)
    assert cell.parameters == {"rate": 20}
    assert cell.conditions == {"variant": "server", "workers": 1, "python": "3", "more": 1}
    assert cell.log == "hello\n[the server was not stopped, it had ended: signal SIGSEGV]\n"
    assert cell.seconds >= 0


async def test_figures_that_come_while_the_servers_run_have_their_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1)))
    here = ctx(rate=20)
    async with here.server(), here.server():
        assert here.load(registry.scenario("classroom"), Grade.MEASURED).log == "hello\nhello\n"
    assert here.load(registry.scenario("classroom"), Grade.MEASURED).log == "hello\nhello\n"


async def test_a_long_log_is_cut_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1), log="a" * MAX_LOG_CHARACTERS + "end"))
    here = ctx()
    async with here.server():
        pass
    log = here.load(registry.scenario("classroom"), Grade.MEASURED).log
    assert len(log) <= MAX_LOG_CHARACTERS + 10
    assert log.startswith("aaa")
    assert log.endswith("end")
    assert "[...]" in log


async def test_a_server_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(host="192.0.2.1", port=80)))
    with pytest.raises(TargetRefused, match="loopback"):
        async with ctx().server():
            pytest.fail("the block must not be entered")


def test_all_scenarios_of_ours_have_the_same_keys_in_smoke_and_full() -> None:
    for name in ("classroom", "slow-headers/byte", "slow-read"):
        scenario = registry.scenario(name)
        assert scenario.smoke.keys() == scenario.full.keys()
        assert {"clients", "duration", "rate"} <= scenario.smoke.keys()
        for parameters in (scenario.smoke, scenario.full):
            here = ScenarioContext(
                planning.plan("wsgiref", python=sys.executable), parameters, scratch=Path(), logs=Path()
            )
            assert all(here.number(key) > 0 for key in parameters)
    assert registry.scenario("classroom").in_default_run


def test_a_part_of_the_work_moves_its_part_of_the_bar_and_never_back() -> None:
    told: list[tuple[float | None, str]] = []
    part = scaled_progress(lambda fraction, doing: told.append((fraction, doing)), 0.4, 0.8)
    for fraction in (0.0, 0.5, None, 0.25, 1.0):
        part(fraction, "x")
    assert [fraction for fraction, _ in told] == pytest.approx([0.4, 0.6, 0.6, 0.6, 0.8])
