"""The result of a scenario, and refused servers, without a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load import context
from wsgi_gauntlet.harness.load.context import MAX_LOG_CHARACTERS, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.workload import UserAppPage
from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.adapter import Settings


@dataclass(frozen=True, kw_only=True)
class RateParameters(Parameters):
    rate: Annotated[float, Parameter("requests/s", "rate")] = 20


def ctx() -> ScenarioContext[RateParameters]:
    scenario = registry.scenario("classroom")
    return ScenarioContext(planning.plan("wsgiref"), scenario, RateParameters(), scratch=Path(), logs=Path())


class Fake:
    """As much of a running server as the context asks for."""

    def __init__(self, address: Address, ended: str = "", log: str = "hello\n") -> None:
        self.address = address
        self.ended = ended
        self.alive = not ended
        self.conditions: dict[str, object] = {"workers": 1, "python": "3"}
        self.settings = Settings()
        self._log = log

    def log_position(self) -> int:
        return len(self._log)

    def log_since(self, mark: int) -> str:
        return self._log[mark:]


def pretend(monkeypatch: pytest.MonkeyPatch, server: Fake) -> None:
    @asynccontextmanager
    async def running(_plan: object, *, scratch: Path, logs: Path, observe: bool) -> AsyncIterator[Fake]:
        assert (scratch, logs, observe) == (Path(), Path(), False)
        yield server

    monkeypatch.setattr(instance, "running", running)


async def test_the_result_has_conditions_and_log(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1), ended="signal SIGSEGV"))
    here = ctx()
    async with here.server():
        pass
    cell = here.result(Grade.MEASURED, goodput=0.5, conditions={"more": 1})
    assert (cell.server, cell.scenario, cell.grade, cell.goodput) == ("wsgiref", "classroom", Grade.MEASURED, 0.5)
    assert cell.parameters == {"rate": 20}
    assert cell.conditions == {"variant": "server", "workers": 1, "python": "3", "more": 1}
    assert cell.log == "hello\n[the server ended before the harness stopped it: signal SIGSEGV]\n"
    assert cell.seconds >= 0


async def test_figures_that_come_while_the_servers_run_have_their_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1)))
    here = ctx()
    async with here.server(), here.server():
        assert here.result(Grade.MEASURED).log == "hello\nhello\n"
    assert here.result(Grade.MEASURED).log == "hello\nhello\n"


async def test_a_long_log_is_cut_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(port=1), log="a" * MAX_LOG_CHARACTERS + "end"))
    here = ctx()
    async with here.server():
        pass
    log = here.result(Grade.MEASURED).log
    assert len(log) <= MAX_LOG_CHARACTERS + 10
    assert log.startswith("aaa")
    assert log.endswith("end")
    assert "[...]" in log


async def test_a_server_on_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, Fake(Address(host="192.0.2.1", port=80)))
    with pytest.raises(TargetRefused, match="loopback"):
        async with ctx().server():
            pytest.fail("the block must not be entered")


def test_a_part_of_the_work_moves_its_part_of_the_bar_and_never_back() -> None:
    reports: list[tuple[float | None, str]] = []
    part = scaled_progress(lambda fraction, doing: reports.append((fraction, doing)), 0.4, 0.8)
    for fraction in (0.0, 0.5, None, 0.25, 1.0):
        part(fraction, "x")
    assert [fraction for fraction, _ in reports] == pytest.approx([0.4, 0.6, 0.6, 0.6, 0.8])


@pytest.mark.parametrize(("shows_its_port", "learned"), [(False, [8001]), (True, [8001, 8002])])
async def test_a_page_is_learned_again_only_if_it_has_the_port_of_an_earlier_server(
    shows_its_port: bool, learned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def learn(address: Address, target: str) -> UserAppPage:
        seen.append(address.port)
        return UserAppPage(target, body=address.url.encode() if shows_its_port else b"hello")

    monkeypatch.setattr(context, "learn_expected_response", learn)
    scenario = registry.scenario("classroom")
    plan = planning.plan("wsgiref", app="shop:app", app_path=Path())
    here = ScenarioContext(plan, scenario, RateParameters(), scratch=Path(), logs=Path())
    for port in (8001, 8001, 8002, 8002):
        await here.workload(Fake(Address(port=port)))  # type: ignore[arg-type]  # enough for this
    assert seen == learned
