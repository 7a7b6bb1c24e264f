"""The story this program was made for: a Flask app on a laptop, 40 people open it, and the page takes minutes."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.clients.behaviours import BadWifi
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_classroom
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.model import ScenarioResult

PAGE_VIEW = PageView(size=12_000, assets=4, asset_size=6_000)
"""A small page as a person sees it: HTML, a style sheet, a script, two images."""

BIG_PAGE_BYTES = 200_000
"""Bytes of what the phones load: one photograph."""


@scenario(
    "A classroom of 40, a fifth of them on bad Wi-Fi",
    smoke={"people": 40, "clients": 8, "duration": 5.5, "rate": 20, "baseline": 2, "recovery": 2, "per_second": 40},
    full={"people": 40, "clients": 8, "duration": 20, "rate": 20, "baseline": 20, "recovery": 60, "per_second": 40},
    in_default_run=True,
)
async def classroom(ctx: ScenarioContext) -> ScenarioResult:
    """40 people open the app at once, a fifth of them on bad Wi-Fi: what do the other 32 get?

    Each of the 32 opens a page with four assets every eight seconds, whether or not the server keeps up. First they
    are alone, then the eight come: their requests arrive in pieces over a few seconds, they load a big page at 20 KB/s,
    and like all browsers they hold a second connection ready on which they send nothing. Then the eight leave.
    """
    people = ctx.count("people")
    if people <= ctx.count("clients"):
        raise ConfigurationError(f"of {people} people at most {people - 1} can be slow: give a smaller --clients")
    return await run_slow_client_experiment(
        ctx,
        classroom,
        lambda running: BadWifi(
            f"{running.reference_app_path}/page?n=phone&size={BIG_PAGE_BYTES}", running.address.authority
        ),
        lambda result: describe_classroom(result, people),
        page_view=PAGE_VIEW,
        search_threshold=False,
    )
