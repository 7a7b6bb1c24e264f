"""Charts are text that a page can hold: their own ids, the page's colours, and everything that went wrong in them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Grade, Outcome, Phase, Results, Sample, ScenarioResult, Step
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.charts import bars, curves, panels, samples, svg
from wsgi_gauntlet.reports.writers import json, readme_picture

from ....helpers.sample_results import build


@pytest.fixture(scope="module")
def classroom(results: Results) -> list[ScenarioResult]:
    """What the servers did in the classroom."""
    return aggregation.scenarios(results)["classroom"][1]


def _marks(drawn: str) -> int:
    """Count dots, triangles and crosses: the lines of no length, the closed figures, half of the plain diagonals."""
    body = svg.inline(drawn, "x", "x")
    return body.count("h0") + body.count("z") + len(re.findall(r"M[\d. ]+L[\d. ]+(?=M|\")", body)) // 2


def test_a_chart_follows_the_page(classroom: list[ScenarioResult]) -> None:
    """No colour of its own, no size of its own, no id that another chart could have, and words for a screen reader."""
    first = svg.inline(bars.goodput(classroom), "one", 'Goodput <of> "all"')
    second = svg.inline(bars.goodput(classroom), "two", "Goodput")
    assert "var(--c-good)" in first
    assert not re.search(r"#[0-9a-f]{6}", first)
    assert re.match(r'<svg class="chart" role="img" aria-label="Goodput &lt;of&gt; &quot;all&quot;"', first)
    assert not re.search(r'^<svg [^>]* width="', first)
    ids = [set(re.findall(r' id="([^"]+)"', each)) for each in (first, second)]
    assert not ids[0] & ids[1]
    for each in (first, second):
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', each))
        assert used <= set(re.findall(r' id="([^"]+)"', each))
    ET.fromstring(first)
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", first)


def test_text_stays_text(classroom: list[ScenarioResult]) -> None:
    """It can be searched, copied and read aloud."""
    assert ">nginx+gunicorn:sync</text>" in bars.goodput(classroom)


def test_what_went_wrong_is_never_thinned_out() -> None:
    """Of a hundred thousand good answers some are drawn; the time-outs all are."""
    good = [Sample(number / 1000, 0.01, 0.01, Outcome.OK) for number in range(20_000)]
    bad = [Sample(number / 10, 5.0, 5.0, Outcome.TIMEOUT) for number in range(30)]
    kept = samples.downsample(good + bad)
    assert sum(each.outcome is Outcome.TIMEOUT for each in kept) == 30
    assert len(kept) <= samples.MAX_SAMPLES_DRAWN + 30
    assert [each.intended for each in kept] == sorted(each.intended for each in kept)


def test_every_sample_is_in_the_panel() -> None:
    """Good answers, time-outs and errors, each with a mark."""
    outcomes = [Outcome.OK, Outcome.TIMEOUT, Outcome.WRONG, Outcome.NEVER_SENT, Outcome.ERROR, Outcome.UNFINISHED]
    every = tuple(Sample(float(at), 0.1 * (at + 1), 0.1, each) for at, each in enumerate(outcomes))
    load = ScenarioResult("a", "classroom", Grade.DEGRADED, samples=every)
    empty = msgspec.structs.replace(load, samples=())
    shared = samples.shared_axes([load])
    assert _marks(panels.over_time(load, shared)) - _marks(panels.over_time(empty, shared)) == len(every)


def test_servers_share_one_frame(classroom: list[ScenarioResult]) -> None:
    """Or they could not be compared."""
    shared = samples.shared_axes(classroom)
    assert shared.last == 18
    assert shared.slow_clients == 8
    assert shared.lowest < min(sample.latency for load in classroom for sample in load.samples)
    assert shared.highest > 5


def test_missing_values_are_left_out() -> None:
    """A step without a rate, a server without steps, a load without anything: no chart fails on them."""
    bare = ScenarioResult("$x_1$ <b>&", "s", Grade.ERROR)
    some = ScenarioResult("a", "s", Grade.MEASURED, steps=(Step(1, rate=10.0), Step(8)), goodput=None)
    for draw in (curves.throughput, bars.against_clients, curves.percentiles, bars.goodput, bars.costs):
        ET.fromstring(draw([bare, some]))
    ET.fromstring(panels.over_time(bare, samples.shared_axes([bare])))
    assert "$x_1$ &lt;b&gt;&amp;" in bars.goodput([bare])


def test_collapse_is_marked(results: Results) -> None:
    """With its number, and grades for those that stood."""
    drawn = bars.against_clients(aggregation.scenarios(results)["slow-headers/byte"][1])
    assert "N* = 9" in drawn
    assert "unaffected" in drawn


def test_the_picture_is_a_file_of_its_own(results: Results, tmp_path: Path) -> None:
    """In light and dark, written by the command from a run folder."""
    (tmp_path / "results.json").write_text(json.render(results))
    assert readme_picture.main([str(tmp_path), str(tmp_path)]) == 0
    light, dark = (tmp_path / name for name in ("classroom.svg", "classroom-dark.svg"))
    assert light.read_text() == readme_picture.picture(results, svg.LIGHT)
    assert svg.DARK["paper"] in dark.read_text()
    assert "var(" not in light.read_text()
    assert "#0101" not in light.read_text()
    ET.fromstring(light.read_text())
    for x, text in re.findall(r'text-anchor: start[^>]* x="([\d.]+)"[^>]*>([^<]*)<', light.read_text()):
        assert float(x) + 5 * len(text) < 72 * readme_picture.WIDTH, text


def test_no_samples_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says what to do."""
    with pytest.raises(ConfigurationError, match="no scenario with samples"):
        readme_picture.picture(build(loads=False), svg.LIGHT)
    assert readme_picture.main([]) == 2
    assert readme_picture.main([str(tmp_path), "x"]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_what_was_cut_short_between_two_phases_is_no_failure() -> None:
    """The figures do not count it, so the picture does not show it."""
    phases = (Phase("baseline", 0, 2, 1, {"ok": 1}, 1.0), Phase("during", 3, 5, 1, {"timeout": 1}, 0.0))
    between = Sample(2.5, 0.01, 0.0, Outcome.NEVER_SENT)
    inside = Sample(3.5, 5.0, 5.0, Outcome.TIMEOUT)
    good = Sample(2.6, 0.01, 0.01, Outcome.OK)
    load = ScenarioResult("a", "classroom", Grade.DEGRADED, phases=phases, samples=(between, inside, good))
    assert samples.judged_samples(load) == [inside, good]
    assert samples.judged_samples(msgspec.structs.replace(load, phases=())) == [between, inside, good]
