"""The options of `fuzz`, and the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands.fuzz import budget_seconds
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.fuzz import case_file, run
from wsgi_gauntlet.harness.fuzz.campaign import Campaign
from wsgi_gauntlet.harness.fuzz.causes import Cause, cause_id
from wsgi_gauntlet.harness.fuzz.differences import Difference
from wsgi_gauntlet.harness.fuzz.observation import Answer, End, Observation
from wsgi_gauntlet.harness.fuzz.traits import traits
from wsgi_gauntlet.reports.text import fuzz_summary

REFUSED = Observation((), (Answer(4, complete=True, well_formed=True),), End.CLOSED)


def cause(data: bytes, difference: Difference, *cases: str) -> Cause:
    found = traits(data)
    return Cause(cause_id(found, difference), data, found, difference, ("one",), 3, {"reference": REFUSED}, cases)


CAMPAIGN = Campaign(
    seed=1,
    planned=10,
    sent=9,
    servers={"reference": "", "one": "1.2"},
    disagreeing={"one": 5},
    causes=(
        cause(b"GET / HTTP/1.1\r\nHost: a\r\nX(: *\r\n\r\n", Difference("outcome", "rejected", "served")),
        cause(b"GET / HTTP/1.1\r\n\r\n", Difference("outcome", "rejected", "served"), "http/host/missing"),
        cause(b"GET\r\n\r\n", Difference("form of a refusal", "4xx", "no response")),
    ),
    not_repeated=2,
    stopped="the time of 5 s was over before the end",
)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h", 3600), ("2", 2), ("1.5m", 90)])
def test_budgets(text: str, seconds: float) -> None:
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "5d", "m", "-5m", "25h", "1e3s", "nan"])
def test_wrong_budgets_are_explained(text: str) -> None:
    with pytest.raises(ConfigurationError, match="use a time from 1s to 24h"):
        budget_seconds(text)


def test_a_server_beside_the_reference_is_needed() -> None:
    result = CliRunner().invoke(cli, ["fuzz", "reference"])
    assert isinstance(result.exception, ConfigurationError)
    assert "name at least one server" in str(result.exception)
    assert isinstance(CliRunner().invoke(cli, ["fuzz"]).exception, ConfigurationError)


def test_causes_are_divided_by_what_covers_them() -> None:
    groups = (CAMPAIGN.new_causes, CAMPAIGN.known_causes, CAMPAIGN.general_causes)
    assert [len(each) for each in groups] == [1, 1, 1]


def test_the_summary_names_each_cause_and_why_the_run_ended() -> None:
    text = fuzz_summary.markdown(CAMPAIGN)
    for part in (
        "Stopped early: the time of 5 s was over",
        "9 of 10 inputs",
        "did not repeat: 2",
        "## No case sends such a request: 1",
        "`http/host/missing`",
        "Sections: RFC 9110, 5.1",
        r"GET / HTTP/1.1\r\nHost: a\r\nX(: *\r\n\r\n",
        "- reference: rejected; responses 4xx; closed",
        "any rejected request",
    ):
        assert part in text
    assert "3 causes of differences, 1 of them in no case" in fuzz_summary.terminal(CAMPAIGN, Path("out"))


def test_the_files_can_be_read_again(tmp_path: Path) -> None:
    with run.open_folder(tmp_path / "out") as previous:
        assert previous is None
        run.write(CAMPAIGN, tmp_path / "out", "summary\n")
    assert [each.id for each in case_file.load(tmp_path / "out" / run.CASES_FILE)] == [c.id for c in CAMPAIGN.causes]
    document = json.loads((tmp_path / "out" / run.RESULT_FILE).read_text())
    assert document["seed"] == 1
    assert document["causes"][1]["cases"] == ["http/host/missing"]


def test_the_next_run_keeps_a_case_file_that_the_user_edited(tmp_path: Path) -> None:
    with run.open_folder(tmp_path / "out"):
        (tmp_path / "out" / run.CASES_FILE).write_text("edited")
    with run.open_folder(tmp_path / "out") as previous:
        assert previous is not None
        assert (previous / run.CASES_FILE).read_text() == "edited"
        assert not (tmp_path / "out" / run.CASES_FILE).exists()


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        run.open_folder(tmp_path / "out"),
        pytest.raises(ConfigurationError, match="another run is writing"),
        run.open_folder(tmp_path / "out"),
    ):
        pass


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigurationError, match="has files that are not of an earlier run"):
        run.require_folder(tmp_path)


def test_a_wrong_server_name_makes_no_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["fuzz", "nosuch", "--out", str(tmp_path / "out")])
    assert "no server is named 'nosuch'" in str(result.exception)
    assert not (tmp_path / "out").exists()
