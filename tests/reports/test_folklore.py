"""The statements of folklore in the page, in Markdown and in words."""

from __future__ import annotations

from wsgi_gauntlet.harness import model as m
from wsgi_gauntlet.harness.claim import Claim, Held
from wsgi_gauntlet.reports import html, markdown, words
from wsgi_gauntlet.reports.sections import folklore
from wsgi_gauntlet.reports.sections.names import Names
from wsgi_gauntlet.reports.sections.overview import key_figure

STATEMENT = "nginx shields a server from slow clients"
HOSTILE = "<script>alert(1)</script>"


def load(server: str, *held: Held, note: str = "", grade: m.Grade = m.Grade.MEASURED) -> m.Load:
    claims = tuple(
        Claim(STATEMENT if not place else "another", each, "a rule", "0 %.") for place, each in enumerate(held)
    )
    return m.Load(server, "folklore/shield", grade, claims=claims, note=note)


def results(*loads: m.Load) -> m.Results:
    servers = {each.server: m.ServerInfo(each.server, each.server, available=True) for each in loads}
    info = m.ScenarioInfo("folklore/shield", "Folklore: a shield", "What it is.")
    return m.Results(m.SCHEMA, {}, servers, loads=loads, scenarios={"folklore/shield": info})


SEEN = results(
    load("gunicorn", Held.HELD),
    load("waitress", Held.BROKEN, Held.MOOT),
    load("other", note=f"nginx is not here; get it {HOSTILE}", grade=m.Grade.UNSUPPORTED),
)


def test_a_statement_has_a_row_for_each_server() -> None:
    first, second = folklore.statements(SEEN, Names())
    assert (first.statement, first.rule) == (STATEMENT, "a rule")
    assert [(row.server, row.held) for row in first.rows] == [("gunicorn", Held.HELD), ("waitress", Held.BROKEN)]
    assert first.told == "1 held, 1 did not hold"
    assert second.told == "nothing to show"


def test_what_came_to_no_claim_is_told_with_its_reason() -> None:
    (aside,) = folklore.not_here(SEEN, Names())
    assert (aside.scenario, aside.server) == ("Folklore: a shield", "other")
    (invalid,) = folklore.not_here(results(load("x", grade=m.Grade.INVALID)), Names())
    assert invalid.why == "invalid"


def test_the_page_has_them_and_runs_nothing_of_theirs() -> None:
    page = html.render(SEEN)
    assert 'href="#folklore"' in page
    assert STATEMENT in page
    assert "did not hold" in page
    assert HOSTILE not in page


def test_a_run_without_has_no_such_part() -> None:
    without = m.Load("x", "steady", m.Grade.MEASURED)
    assert 'id="folklore"' not in html.render(results(without))
    assert "Folklore" not in markdown.render(m.Results(m.SCHEMA, {}, {}, loads=(without,)))


def test_markdown_has_them() -> None:
    text = markdown.render(SEEN)
    assert f"- **{STATEMENT}**: 1 held, 1 did not hold\n  - ✓ gunicorn: held." in text
    assert HOSTILE not in text


def test_the_overview_says_whether_they_held() -> None:
    assert key_figure(SEEN.loads[0]) == "held"
    assert key_figure(SEEN.loads[1]) == "1 did not hold, 1 nothing to show"


def test_every_finding_has_a_sign() -> None:
    assert set(words.HELD) == set(Held)
