"""The claims in the page, in Markdown and in words."""

from __future__ import annotations

from wsgi_gauntlet.harness import model as m
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict
from wsgi_gauntlet.reports.analysis.claims import statements, unmeasured_claims
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html import report_page

STATEMENT = "nginx shields a server from slow clients"
HOSTILE = "<script>alert(1)</script>"


def load(server: str, *held: ClaimVerdict, note: str = "", grade: m.Grade = m.Grade.MEASURED) -> m.ScenarioResult:
    claims = tuple(
        Claim(STATEMENT if not place else "another", each, "a rule", "0 %.") for place, each in enumerate(held)
    )
    return m.ScenarioResult(server, "claims/shield", grade, claims=claims, note=note)


def results(*loads: m.ScenarioResult) -> m.Results:
    servers = {each.server: m.ServerInfo(each.server, each.server, available=True) for each in loads}
    info = m.ScenarioInfo("claims/shield", "A shield", "What it is.")
    return m.Results(m.SCHEMA, {}, servers, load=loads, scenarios={"claims/shield": info})


RESULTS = results(
    load("gunicorn", ClaimVerdict.HELD),
    load("waitress", ClaimVerdict.DID_NOT_HOLD, ClaimVerdict.NOT_APPLICABLE),
    load("other", note=f"nginx is not here; get it {HOSTILE}", grade=m.Grade.UNSUPPORTED),
)


def test_a_statement_has_a_row_for_each_server() -> None:
    first, second = statements(RESULTS)
    assert (first.statement, first.rule) == (STATEMENT, "a rule")
    assert [(row.server, row.verdict) for row in first.rows] == [
        ("gunicorn", ClaimVerdict.HELD),
        ("waitress", ClaimVerdict.DID_NOT_HOLD),
    ]
    assert first.summary == "1 held, 1 did not hold"
    assert second.summary == "not applicable"


def test_a_cell_without_a_claim_has_its_reason() -> None:
    (unmeasured,) = unmeasured_claims(RESULTS)
    assert (unmeasured.title, unmeasured.server) == ("A shield", "other")
    (invalid,) = unmeasured_claims(results(load("x", grade=m.Grade.INVALID)))
    assert invalid.why == "invalid"


def test_the_page_has_them_and_runs_nothing_of_theirs() -> None:
    page = report_page.render(RESULTS)
    assert 'href="#/claims"' in page
    assert STATEMENT in page
    assert "did not hold" in page
    assert HOSTILE not in page


def test_a_run_without_has_no_such_part() -> None:
    without = m.ScenarioResult("x", "steady", m.Grade.MEASURED)
    assert 'href="#/claims"' not in report_page.render(results(without))
    assert "## Claims" not in markdown.render(m.Results(m.SCHEMA, {}, {}, load=(without,)))


def test_markdown_has_them() -> None:
    text = markdown.render(RESULTS)
    assert ": 1 held, 1 did not hold\n  - ✓ `gunicorn`: held." in text
    assert f"{HOSTILE}`" in text  # in a code span, where it is text


def test_the_overview_says_whether_they_held() -> None:
    assert key_figure(RESULTS.load[0]) == "held"
    assert key_figure(RESULTS.load[1]) == "1 did not hold, 1 not applicable"


def test_every_finding_has_a_sign() -> None:
    assert set(labels.CLAIM_VERDICTS) == set(ClaimVerdict)
