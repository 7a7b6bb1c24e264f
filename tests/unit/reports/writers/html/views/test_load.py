"""The data of the view of a scenario."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import TrafficStep
from wsgi_gauntlet.reports.writers.html.views.load import VIEW

from ......helpers.sample_results import build


def test_only_a_cell_with_traffic_has_its_requests() -> None:
    results = build()
    first, *others = (each for each in results.load if each.scenario == results.load[0].scenario)
    visited = msgspec.structs.replace(first, traffic=(TrafficStep("buy: \x1b[31mlogin", 5, 1, 0.25),))
    block = VIEW.blocks(msgspec.structs.replace(results, load=(visited, *others)))[f"load/{first.scenario}"]
    cells = {each["server"]: each for each in block["cells"]}  # type: ignore[index]
    table = cells[first.server]["traffic"]
    assert table["heads"] == ["request", "correct", "failed", "p99"]
    ((name, *figures),) = table["rows"]
    assert "\x1b" not in name
    assert name.endswith("login")
    assert figures == ["5", "1", "250\u00a0ms"]
    assert all("traffic" not in cells[each.server] for each in others)
