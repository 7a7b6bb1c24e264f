"""Files of the first version are read as if they were new. The files in reports/golden are of a real run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from wsgi_gauntlet.harness import config, registry
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.thresholds import thresholds_for
from wsgi_gauntlet.harness.model import SCHEMA, Evidence, Results
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.compressed_lines import read_lines
from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id, upgrade_line, upgrade_results
from wsgi_gauntlet.harness.store.stored_evidence import with_evidence
from wsgi_gauntlet.reports.writers import json as json_writer

GOLDEN = Path(__file__).parents[2] / "reports" / "golden"
JOURNAL = gzip.decompress((GOLDEN / "run.jsonl.gz").read_bytes())
RESULTS = gzip.decompress((GOLDEN / "results-schema-1.json.gz").read_bytes())


def read_journal(folder: Path, data: bytes) -> Results:
    (folder / journal.PLAIN_JOURNAL_FILENAME).write_bytes(data)
    return journal.read(folder)


def without_evidence(results: Results) -> Results:
    """Return all of it but the evidence, which the old results.json has cut."""
    return replace(results, conformance=tuple(replace(each, evidence=Evidence()) for each in results.conformance))


def test_an_old_results_file_is_read_like_the_old_journal_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(RESULTS)
    old = json_writer.load(tmp_path)
    assert old.schema == SCHEMA
    assert len(old.conformance) == len(json.loads(RESULTS)["checks"])
    assert without_evidence(old) == without_evidence(read_journal(tmp_path, JOURNAL))


def test_a_resumed_old_journal_has_lines_of_both_versions(tmp_path: Path) -> None:
    whole = read_journal(tmp_path, JOURNAL)
    lines = JOURNAL.splitlines(keepends=True)
    new: list[journal.Line] = [
        journal.CheckLine(with_evidence(whole.conformance[0])),
        journal.LoadLine(whole.load[0]),
        journal.EndLine(),
    ]
    with journal.Journal.open(tmp_path, resume=True) as resumed:
        for line in new:
            resumed.write(line)
    with (tmp_path / journal.JOURNAL_FILENAME).open("rb") as stream:
        assert [data for _, data in read_lines(stream.fileno())][: len(lines)] == lines
    assert journal.read(tmp_path) == whole


def test_new_documents_stay_as_they_are() -> None:
    new = upgrade_results(json.loads(RESULTS))
    assert upgrade_results(new) == new
    for line in JOURNAL.splitlines():
        upgraded = upgrade_line(json.loads(line))
        assert upgrade_line(upgraded) == upgraded


def test_old_scenario_ids_are_accepted() -> None:
    assert {each.id for each in registry.scenarios_named("folklore")} == {
        each.id for each in registry.scenarios() if each.id.startswith("claims/")
    }
    assert [each.id for each in registry.scenarios_named("folklore/shield")] == ["claims/shield"]
    table = {"folklore": {"goodput": 0.5}, "servers": {"gunicorn": {"folklore/shield": {"p99": 1.0}}}}
    found = config.parse({"thresholds": table}, "pyproject.toml")
    active = thresholds_for(found.thresholds, "gunicorn", "claims/shield")
    assert {name: (each.limit, each.table) for name, each in active.items()} == {
        "goodput": (0.5, "thresholds.claims"),
        "p99": (1.0, 'thresholds.servers.gunicorn."claims/shield"'),
    }


@pytest.mark.parametrize(
    "table",
    [
        {"folklore/idle": {"p99": 1}, "claims/idle": {"p99": 2}},
        {"claims": {"p99": 1}, "folklore": {"p99": 2}},
        {"servers": {"gunicorn": {"folklore": {"p99": 1}, "claims": {"p99": 2}}}},
    ],
)
def test_thresholds_with_an_old_and_a_new_id_of_one_scenario_are_an_error(table: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"pyproject.toml: thresholds has tables for 'folklore.* and 'claims"):
        config.parse({"thresholds": table}, "pyproject.toml")


def test_old_scenario_ids_are_explained_and_listed() -> None:
    assert CliRunner().invoke(cli, ["explain", "folklore/idle"]).stdout.startswith("claims/idle")
    assert "claims is a family of 6 scenarios" in str(CliRunner().invoke(cli, ["explain", "folklore"]).exception)
    assert "claims/idle" in CliRunner().invoke(cli, ["cases", "folklore", "--all"]).stdout.splitlines()


def test_only_whole_names_are_replaced() -> None:
    assert new_scenario_id("folklores/a") == "folklores/a"
    assert new_scenario_id("slow-headers/byte") == "slow-headers/byte"


@pytest.mark.parametrize(
    ("label", "metric"),
    [
        ("capacity", "capacity"),
        ("p99 there", "p99_at_capacity"),
        ("answers a second, this server", "responses_per_second_this_server"),
        ("uploads that were right", "correct_uploads"),
        ("newcomers left waiting", "new_connections_left_waiting"),
        ("answered within 100 ms past the knee", "correct_responses_within_100_ms_past_the_knee"),
        ("goodput, wedged", "goodput_blocked"),
        ("goodput, killed", "goodput_killed"),
        ("idle: freed after", "idle_disconnected_after"),
        ("body: time-out is per gap", "body_timeout_is_per_gap"),
    ],
)
def test_old_metrics_have_the_ids_of_the_new_ones(label: str, metric: str) -> None:
    new = upgrade_results({"loads": [{"measures": [{"name": label, "value": 1.0}]}]})
    assert new["load"][0]["metrics"] == [{"id": metric, "label": label, "value": 1.0}]


@pytest.mark.parametrize("line", [b"3", b"null", b"[]", b'"text"'])
def test_a_line_that_is_no_object_is_reported(tmp_path: Path, line: bytes) -> None:
    start = b'{"line":"run","schema":1,"environment":{},"cases":{},"scenarios":{}}'
    (tmp_path / journal.PLAIN_JOURNAL_FILENAME).write_bytes(b"\n".join([start, line, start, start, b""]))
    with pytest.raises(ConfigurationError, match="line 2 is not a line"):
        journal.read(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"), [("conformance", [{"findings": [1]}]), ("conformance", [3]), ("load", 4), ("cases", [{}, "x"])]
)
def test_a_damaged_file_is_reported_on_one_line(tmp_path: Path, place: str, value: object) -> None:
    (tmp_path / "results.json").write_text(json.dumps({**json.loads(RESULTS), place: value}))
    with pytest.raises(ConfigurationError, match="does not follow schema 1") as caught:
        registry.load_results(tmp_path / "results.json")
    assert "\n" not in str(caught.value)
