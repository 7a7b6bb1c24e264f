"""The headline, the line about the run and the cards: what they say follows from the cells of the run."""

from __future__ import annotations

import re

import msgspec
import pytest

from wsgi_gauntlet.harness.model import CaseResult, Grade, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.reports.analysis.cards import Card, cards
from wsgi_gauntlet.reports.analysis.headline import headline, run_line
from wsgi_gauntlet.reports.analysis.scoreboard import scoreboard

from ....helpers.sample_results import build
from ....helpers.scoreboard_results import checks, classroom, closed_loop, collapse, run
from ..test_golden import recorded_run

DOWN = (0.0, 5.0, Grade.COLLAPSED)
LATE = "the generator was late"


def by_id(results: Results) -> dict[str, Card]:
    """Return the cards of a run by id."""
    return {each.id: each for each in cards(results)}


# ------------------------------------------------------------------ the headline


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (
            [classroom("a"), classroom("b"), classroom("c", *DOWN)],
            "3 WSGI servers: 2 still serve their users while 8 of 40 clients are slow",
        ),
        (
            [classroom("a"), classroom("b", *DOWN)],
            "2 WSGI servers: 1 still serves its users while 8 of 40 clients are slow",
        ),
        (
            [classroom("a", *DOWN), classroom("b", *DOWN)],
            "2 WSGI servers: none serves its users while 8 of 40 clients are slow",
        ),
        (
            [classroom("a"), classroom("b")],
            "2 WSGI servers: both still serve their users while 8 of 40 clients are slow",
        ),
        ([classroom("a")], "a still serves its users while 8 of 40 clients are slow"),
        ([classroom("a", *DOWN)], "a does not serve its users while 8 of 40 clients are slow"),
        (
            [classroom("a"), classroom("b", grade=Grade.INVALID, why=LATE), classroom("c")],
            "2 of 3 WSGI servers measured: both still serve their users while 8 of 40 clients are slow",
        ),
        (
            [classroom("a", scenario="slow-read", slow=64, people=None), closed_loop("b", 5.0)],
            "1 of 2 WSGI servers measured: it still serves its users while 64 clients are slow (slow-read)",
        ),
        (
            [classroom("a", scenario="slow-read", slow=1, people=None)],
            "a still serves its users while 1 client is slow (slow-read)",
        ),
        (
            [closed_loop("a", 5.0), closed_loop("b", 5.0)],
            "2 WSGI servers under load without slow clients: 1 scenario",
        ),
        ([classroom("a", grade=Grade.INVALID, why=LATE)], "a: nothing was judged"),
    ],
)
def test_the_headline_is_made_from_one_scenario(load: list[ScenarioResult], expected: str) -> None:
    assert headline(run(*load)).text == expected


@pytest.mark.parametrize(
    ("conformance", "expected"),
    [
        (checks("a", security=4, broken=1), "a breaks 1 of 4 requirements judged"),
        (
            [*checks("a", security=4, broken=1), *checks("b", security=4, broken=0)],
            "2 WSGI servers: b breaks no requirement (must)",
        ),
        (
            [*checks("a", security=4, broken=0), *checks("b", security=4, broken=0)],
            "2 WSGI servers: none breaks a requirement (must)",
        ),
        (
            [cell for name in "abcd" for cell in checks(name, security=4, broken=int(name == "d"))],
            "4 WSGI servers: 3 break no requirement (must)",
        ),
        (
            [*checks("a", security=4, broken=1), *checks("b", security=4, broken=3)],
            "2 WSGI servers: each breaks 1 to 3 requirements (must)",
        ),
        (
            [*checks("a", security=4, broken=1), *checks("b", security=4, broken=1)],
            "2 WSGI servers: each breaks 1 requirement (must)",
        ),
        (
            [*checks("a", security=4, broken=1), CaseResult("b", "x/y/z", Level.MUST, (), Verdict.ERROR)],
            "2 WSGI servers: 1 judged, each breaks 1 requirement (must)",
        ),
        ([CaseResult("b", "x/y/z", Level.MUST, (), Verdict.ERROR)], "b: nothing was judged"),
    ],
)
def test_without_slow_clients_the_headline_is_about_requirements(conformance: list[CaseResult], expected: str) -> None:
    found = headline(run(conformance=conformance))
    assert (found.text, found.scenario) == (expected, "")


def test_without_a_cell_no_server_was_tested() -> None:
    assert headline(Results(2, {}, {})).text == "No server was tested"


@pytest.mark.parametrize("results", [build(), recorded_run()])
def test_the_headline_counts_the_cells_of_its_scenario(results: Results) -> None:
    found = headline(results)
    cells = [each for each in results.load if each.scenario == found.scenario]
    judged = [each for each in cells if each.grade.is_judged]
    served = [
        each
        for each in judged
        if (each.goodput or 0) >= 0.99 and all((phase.p99 or 0) <= 1 for phase in each.phases if phase.name == "during")
    ]
    slow = {max(number for _, number in each.slow_clients) for each in judged}
    people = {each.parameters["people"] for each in judged}
    servers = {each.server for each in results.conformance} | {each.server for each in results.load}
    assert [int(each) for each in re.findall(r"\d+", found.text)] == [
        len(judged),
        len(servers),
        len(served),
        max(slow),
        *people,
    ]


# ------------------------------------------------------------------ the line about the run


def test_the_line_about_the_run_counts_requirements_and_cells_without_a_judgement() -> None:
    cells = [
        CaseResult("a", "http/framing/te/x", Level.MUST, (), Verdict.PASS),
        CaseResult("a", "http/framing/te/y", Level.MUST, (), Verdict.ERROR),
        CaseResult("a", "http/framing/cl", Level.MUST, (), Verdict.PASS),
    ]
    unfit = classroom("a", grade=Grade.INVALID, why=LATE)
    results = msgspec.structs.replace(
        run(unfit, conformance=cells),
        environment={"date": "2026-11-08T23:00:00+00:00", "processor": "AMD EPYC", "cores": 2, "python": "3.9.1"},
    )
    assert run_line(results).text == (
        "8 Nov 2026 · AMD EPYC, 2 cores · Python 3.11.7 · 3 cases of 2 requirements · 1 load scenario · not judged: 2"
    )


def test_the_line_about_the_run_leaves_out_what_is_unknown() -> None:
    assert run_line(Results(2, {}, {})).text == ""
    assert run_line(Results(2, {"date": "yesterday", "python": "3.12.1"}, {})).parts == ("yesterday", "Python 3.12.1")


def test_many_versions_of_python_are_counted() -> None:
    cells = [
        msgspec.structs.replace(classroom(f"s{minor}"), conditions={"python": f"3.{minor}.0"}) for minor in range(8, 14)
    ]
    assert run_line(run(*cells)).python == "3.8.0, 3.9.0, 3.10.0 and 3 others"


# ------------------------------------------------------------------ the cards


def test_a_card_needs_its_data() -> None:
    assert cards(Results(2, {}, {})) == ()
    assert cards(run(conformance=checks("a", security=20, broken=1))) == ()
    assert list(by_id(run(classroom("a"), classroom("b")))) == []
    only_down = by_id(run(classroom("a", *DOWN)))
    assert list(only_down) == ["fall"]


def test_the_servers_that_hold_up_with_the_fewest_broken_requirements_are_advised() -> None:
    names = ("nginx+gunicorn:sync", "nginx+uwsgi", "nginx+waitress")
    load = [classroom(name, 1.0, 0.0035 + 0.001 * number) for number, name in enumerate(names)]
    conformance = [
        *checks(names[0], security=80, broken=2),
        *checks(names[1], security=80, broken=3),
        *checks(names[2], security=80, broken=4),
        *checks("waitress", security=80, broken=10),
    ]
    found = by_id(run(*load, classroom("waitress", 0.999, 0.0065), conformance=conformance))
    advice, alone = found["deploy"], found["without-front"]
    assert advice.answer == "nginx+gunicorn:sync or nginx+uwsgi"
    assert advice.text.replace("\u00a0", " ") == (
        "every other user served (p99 3.5 ms, 4.5 ms); security requirements broken: 2 of 80, 3 of 80"
    )
    assert (alone.answer, alone.tone) == ("waitress", "care")
    assert alone.text.replace("\u00a0", " ") == (
        "99.9 % of other users served (p99 6.5 ms); security requirements broken: 10 of 80"
    )
    assert alone.link is not None
    assert alone.link.fragment == "#/cells?is=fail&tag=security&server=waitress"


def test_without_a_proxy_in_the_run_one_card_advises() -> None:
    conformance = [*checks("a", security=80, broken=2), *checks("b", security=80, broken=3)]
    assert "without-front" not in by_id(run(classroom("a"), classroom("b"), conformance=conformance))


def test_a_development_server_is_never_advised() -> None:
    conformance = checks("a", security=9, broken=0)
    assert by_id(run(classroom("a"), classroom("nginx+b"), conformance=conformance, development=("a",))) == {}


def test_a_proxy_is_compared_with_the_server_behind_it() -> None:
    conformance = [*checks("gunicorn:sync", security=9, broken=3), *checks("nginx+gunicorn:sync", security=9, broken=0)]
    conformance[-1] = msgspec.structs.replace(conformance[-1], verdict=Verdict.FAIL)
    results = run(classroom("gunicorn:sync", *DOWN), classroom("nginx+gunicorn:sync"), conformance=conformance)
    card = by_id(results)["front"]
    assert card.title == "Does nginx in front help?"
    assert card.answer.replace("\u00a0", " ") == "0 % → 100 % of users served"
    assert card.text.replace("\u00a0", " ") == "gunicorn:sync: 0 % → 100 %, 3 faults masked, 1 new one"
    assert card.link is not None
    assert card.link.fragment == "#/compare/gunicorn%3Async..nginx%2Bgunicorn%3Async"
    assert {(each.server, each.scenario) for each in card.cites} == {
        (server, scenario) for server in ("gunicorn:sync", "nginx+gunicorn:sync") for scenario in ("classroom", "")
    }


def test_the_fallen_are_counted_among_those_with_valid_figures() -> None:
    unfit = classroom("d", 0, 5, Grade.INVALID, why=LATE)
    card = by_id(run(classroom("a", *DOWN), classroom("b"), classroom("c", *DOWN), unfit))["fall"]
    assert (card.title, card.answer) == ("Fall to 8 slow clients", "2 of 3")
    assert card.text == "a and c. More workers or threads: not tried here (--tuned)."
    tried = run(classroom("gunicorn[workers=4]", *DOWN), classroom("b"))
    assert "--tuned" not in by_id(tried)["fall"].text


@pytest.mark.parametrize("results", [build(), build(checks=False), recorded_run()])
def test_every_figure_of_a_card_is_that_of_the_cells_it_cites(results: Results) -> None:
    """Recomputed: shares and times from cells of load, requirements from cells of conformance."""
    loads = {(each.server, each.scenario): each for each in results.load}
    scenario = scoreboard(results).scenario
    found = cards(results)
    assert found
    for card in found:
        cited = [loads[each.server, each.scenario] for each in card.cites if each.scenario]
        assert {each.scenario for each in cited} == {scenario}
        assert all(each.grade.is_judged for each in cited)
        text = f"{card.answer} {card.text}".replace("\u00a0", " ")
        shares = {round((each.goodput or 0) * 100) for each in cited}
        assert {round(float(each)) for each in re.findall(r"([\d.]+) %", text)} <= shares
        times = [phase.p99 or 0 for each in cited for phase in each.phases if phase.name == "during"]
        for number, unit in re.findall(r"([\d.]+) (m?s)\b", text):
            seconds = float(number) / (1000 if unit == "ms" else 1)
            assert any(abs(seconds - each) <= each * 0.006 for each in times), (text, times)
        for server in [each.server for each in card.cites if not each.scenario]:
            own = [each for each in results.conformance if each.server == server and "security" in each.tags]
            broken = {requirement_id(each.case) for each in own if each.verdict is Verdict.FAIL}
            if "security requirements broken" in text:
                assert re.search(rf"\b{len(broken)} of \d+", text), (server, text)
        if card.id == "fall":
            assert card.answer.startswith(f"{len({each.server for each in cited})} of ")


def test_a_scenario_with_only_a_search_has_no_headline_of_users() -> None:
    assert headline(run(collapse("a", 3), collapse("b", 4))).scenario == ""
