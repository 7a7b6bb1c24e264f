"""The experience behind this program: 40 people open a Flask app on a laptop, and the page takes minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.units import format_seconds, format_share
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import BadWifi
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    REASON_ONLY_GRADES,
    SlowClientParameters,
    SlowClientResult,
    describe_recovery,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import Grade, ScenarioResult

PAGE_VIEW = PageView(size=12_000, assets=4, asset_size=6_000)
"""A small page as a person sees it: HTML, a style sheet, a script, two images."""

BIG_PAGE_BYTES = 200_000
"""Bytes of the page that the phones load: one photograph."""


@dataclass(frozen=True, kw_only=True)
class ClassroomParameters(SlowClientParameters):
    """Parameters of `classroom`. `clients` of the `people` are slow."""

    people: Annotated[int, Parameter("", "all people, on good and on bad Wi-Fi")]


@scenario(
    "A classroom of 40, a fifth of them on bad Wi-Fi",
    smoke=ClassroomParameters(people=40, clients=8, duration=5.5, rate=20, baseline=2, recovery=2, per_second=40),
    full=ClassroomParameters(people=40, clients=8, duration=20, rate=20, baseline=20, recovery=60, per_second=40),
    in_default_run=True,
)
async def classroom(ctx: ScenarioContext[ClassroomParameters]) -> ScenarioResult:
    """40 people open the app at the same time, eight of them on bad Wi-Fi. How are the other 32 served?

    Each of the 32 opens a page with four assets every eight seconds, whether or not the server keeps up. They begin
    alone; then the eight people connect. Their requests arrive in pieces over a few seconds, and they load a big page
    at 20 KB/s. Like all browsers they also hold a second connection on which they send nothing. Then the eight leave.
    """
    people = ctx.parameters.people
    if people <= ctx.parameters.clients:
        raise ConfigurationError(f"of {people} people at most {people - 1} can be slow: set a smaller --slow-clients")
    return await run_slow_client_experiment(
        ctx,
        lambda running: BadWifi(
            f"{running.reference_app_path}/page?n=phone&size={BIG_PAGE_BYTES}", running.address.authority
        ),
        describe=lambda result: describe_classroom(result, people),
        page_view=PAGE_VIEW,
    )


def describe_classroom(result: SlowClientResult, people: int) -> str:
    """Describe the service of the people on good Wi-Fi while `result.clients` of `people` were on bad Wi-Fi."""
    if result.grade in REASON_ONLY_GRADES:
        return result.reason
    before, during = result.before, result.during
    slow = f"With {result.clients} of {people} people on bad Wi-Fi"
    others = f"the other {people - result.clients}"
    p99_before = f"99 % of the responses came within {format_seconds(before.p99 or 0.0)}"
    if result.grade is Grade.UNAFFECTED:
        now, then = format_seconds(during.p99 or 0.0), format_seconds(before.p99 or 0.0)
        if (during.p99 or 0.0) > NOTICEABLE_SECONDS:
            return (
                f"{slow}, 99 % of the responses to {others} came within {now}, and within {then} before: users also "
                "wait without slow clients."
            )
        return f"{slow}, {others} noticed nothing: 99 % of the responses came within {now}, {then} before."
    got = f"{slow}, {others} got {format_share(during.goodput)} of their responses"
    if during.p99 is not None:
        bound = "at least " if during.censored else ""
        got = f"{got}, and the slowest hundredth took {bound}{format_seconds(during.p99)}"
    return f"{got}. Before, {format_share(before.goodput)} came, and {p99_before}. {describe_recovery(result)}".strip()
