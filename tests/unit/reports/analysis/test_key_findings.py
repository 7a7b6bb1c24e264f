"""The first sentences of a report say what was found, and blame no server for what is not its fault."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Claim,
    ClaimVerdict,
    Grade,
    Level,
    Phase,
    Results,
    ScenarioResult,
    ServerInfo,
    Step,
    Verdict,
)
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.analysis.key_findings import featured_scenario, key_findings
from wsgi_gauntlet.reports.text.labels import describe_service, during

from ....helpers.sample_results import build


def _text(results: Results, topic: str) -> str:
    return " ".join(each.text for each in key_findings(results) if each.topic == topic).replace("\u00a0", " ")


def test_users_are_grouped_by_their_service(results: Results) -> None:
    """Those who were served first; what the generator disturbed is left out."""
    text = _text(results, "Users")
    assert text.startswith("While slow clients were connected, waitress (p99 9 ms)")
    assert "gunicorn:gthread answered 87 %" in text
    assert "gunicorn:sync did not recover" in text
    assert "wsgiref" not in text


def test_slow_clients_are_counted(results: Results) -> None:
    """By the number that it takes to stop a server."""
    text = _text(results, "Slow clients")
    assert "1 slow client made werkzeug and pyuwsgi collapse; 2 slow clients made gunicorn:sync collapse" in text
    assert text.endswith("waitress and nginx+gunicorn:sync were unaffected by 256 slow clients.")


def test_conformance_names_the_fewest_first(results: Results) -> None:
    """Of those that were judged in each."""
    text = _text(results, "Conformance")
    assert text.startswith("nginx+gunicorn:sync breaks 1 of 61 requirements (must) judged, waitress 1 of 64, ")
    assert text.endswith(
        "Not judged: 22 requirements (must), added over 8 servers (6 unsupported, 2 skipped, 10 flaky, 4 error)."
    )
    assert " wsgiref 2 of " in _text(results, "Security")


def test_invalid_cells_are_not_judged(results: Results) -> None:
    """Invalid, inconclusive and our own errors stand apart."""
    text = _text(results, "Not judged")
    assert "wsgiref in classroom (the generator or the machine could not keep up)" in text
    assert text.endswith("None of these blames a server.")
    assert _text(results, "Not available").startswith("bjoern and cheroot are not installed")


def test_what_no_command_gets_is_not_said_to_be_had_by_one() -> None:
    """A server that did not start, or that nobody can have, beside one that is not installed."""
    there = (
        ServerInfo("bjoern", "bjoern", False, why="not installed", get="pip install bjoern"),
        ServerInfo("gunicorn@25.1.0", "gunicorn", False, why="did not start"),
    )
    text = _text(Results(SCHEMA, {}, {each.name: each for each in there}), "Not available")
    assert text == (
        "bjoern is not installed; the table of servers says how to get it. "
        "gunicorn@25.1.0 did not run; the table of servers has the reasons."
    )


def test_of_many_servers_those_at_both_ends_are_named() -> None:
    """The table below has them all."""
    checks = [
        CaseResult(f"s{number:02}", f"http/host/{case}", Level.MUST, ("security",), Verdict.FAIL)
        for number in range(1, 21)
        for case in range(number)
    ]
    results = Results(SCHEMA, {}, {each.server: ServerInfo(each.server, "s", True) for each in checks}, tuple(checks))
    assert _text(results, "Conformance") == (
        "s01 breaks 1 of 1 requirement (must) judged, s02 2 of 2, s03 3 of 3, s04 4 of 4, s05 5 of 5, s06 6 of 6, "
        "11 others, s18 18 of 18, s19 19 of 19 and s20 20 of 20."
    )
    assert "s20 20 of 20, s19 19 of 19, s18 18 of 18, " in _text(results, "Security")
    assert ", 12 others, s03 3 of 3, s02 2 of 2 and s01 1 of 1." in _text(results, "Security")


def test_a_clean_server_is_said_to_be_clean() -> None:
    """No requirement broken."""
    check = CaseResult("reference", "http/host/missing", Level.MUST, (), Verdict.PASS)
    results = Results(SCHEMA, {}, {"reference": ServerInfo("reference", "ReferenceServer", True)}, (check,))
    assert _text(results, "Conformance") == "reference keeps the one requirement (must) judged."
    sinner = msgspec.structs.replace(check, server="sinner", verdict=Verdict.FAIL)
    both = _text(msgspec.structs.replace(results, conformance=(check, sinner)), "Conformance")
    assert both.endswith("judged. sinner breaks 1 of 1 requirement (must) judged.")


def test_a_server_that_could_be_asked_nothing_is_not_clean() -> None:
    """As one without TLS, asked for it."""
    held = CaseResult("waitress", "http/host/missing", Level.MUST, (), Verdict.PASS)
    without = msgspec.structs.replace(held, server="waitress[tls]", verdict=Verdict.UNSUPPORTED)
    results = Results(SCHEMA, {}, {}, (held, without))
    clean = "waitress keeps the one requirement (must) judged."
    not_judged = "No requirement of waitress[tls] was judged (1 unsupported)."
    assert _text(results, "Conformance") == f"{clean} {not_judged}"
    alone = msgspec.structs.replace(results, conformance=(without,))
    assert _text(alone, "Conformance") == not_judged


def _claims(server: str, *held: ClaimVerdict) -> ScenarioResult:
    claims = tuple(Claim(f"statement {place}", each, "a rule", "") for place, each in enumerate(held))
    return ScenarioResult(server, "claims/shield", Grade.MEASURED, claims=claims)


def test_claims_are_listed_by_statement_and_server() -> None:
    """Of many statements by server, of many servers in sum; and nothing else is said of such a run."""
    yes, no, unclear = ClaimVerdict.HELD, ClaimVerdict.DID_NOT_HOLD, ClaimVerdict.INCONCLUSIVE
    few = Results(SCHEMA, {}, {}, load=(_claims("a", yes, no), _claims("b", yes), _claims("c", unclear)))
    assert [(each.topic, each.text) for each in key_findings(few)] == [
        ("Claims", "“statement 0”: held on a and b and inconclusive on c; “statement 1”: did not hold on a.")
    ]
    many = Results(SCHEMA, {}, {}, load=(_claims("a", yes, yes, no, unclear), _claims("b", no)))
    assert _text(many, "Claims") == "4 statements; a: 2 held, 1 did not hold, 1 inconclusive; b: did not hold."
    wide = Results(SCHEMA, {}, {}, load=tuple(_claims(each, yes, yes, no, unclear) for each in "abcd"))
    assert _text(wide, "Claims") == "4 statements on 4 servers: 8 held, 4 did not hold, 4 inconclusive."


def test_nothing_measured_is_said() -> None:
    """An interrupted run may hold nothing at all."""
    assert [each.topic for each in key_findings(Results(SCHEMA, {}, {}))] == ["No result"]


def test_halves_of_a_run() -> None:
    """Only loads, or only checks."""
    assert featured_scenario(build(loads=False)) is None
    assert featured_scenario(build(checks=False)) == "classroom"


def test_a_served_but_slower_server_says_how_much() -> None:
    """Goodput alone is not the whole answer."""
    load = ScenarioResult("a", "classroom", Grade.DEGRADED, 0.999, 4.0)
    assert "a (4 × slower) served all other users." in _text(Results(SCHEMA, {}, {}, load=(load,)), "Users")


def _loads(*cells: tuple[str, str, Grade]) -> Results:
    return Results(SCHEMA, {}, {}, load=tuple(ScenarioResult(*cell) for cell in cells))


def test_scenarios_without_a_search_have_their_sentence() -> None:
    """Who stands them, and who is harmed where."""
    results = _loads(
        ("a", "reload", Grade.DEGRADED),
        ("a", "churn", Grade.UNAFFECTED),
        ("b", "reload", Grade.UNAFFECTED),
        ("b", "churn", Grade.UNAFFECTED),
        *(("c", name, Grade.COLLAPSED) for name in ("reload", "churn", "large", "mixed")),
        ("d", "reload", Grade.INVALID),
    )
    assert _text(results, "Other load") == (
        "b was unaffected in all 4 other scenarios; a was degraded in reload; c was affected in 4 scenarios."
    )
    assert _text(_loads(("a", "reload", Grade.DEGRADED)), "Other load") == "a was degraded in reload."
    many = _loads(*((name, "reload", Grade.DEGRADED) for name in "abcd"))
    assert _text(many, "Other load") == (
        "in 1 other scenario, users were affected with a in 1, b in 1, c in 1 and d in 1."
    )


def test_mere_figures_are_a_finding() -> None:
    """A run of measurements alone has been judged, as far as there is anything to judge."""
    results = _loads(("a", "steady", Grade.MEASURED), ("a", "capacity", Grade.MEASURED))
    assert _text(results, "Measured") == "capacity and steady. These scenarios measure and do not judge."


def _in_classroom(server: str, grade: Grade, goodput: float, p99: float) -> ScenarioResult:
    during = Phase("during", 2, 8, 400, {"ok": int(400 * goodput)}, goodput, p99=p99)
    return ScenarioResult(server, "classroom", grade, goodput=goodput, slowdown=3.0, phases=(during,))


def _of(*loads: ScenarioResult) -> Results:
    return Results(SCHEMA, {}, {each.server: ServerInfo(each.server, "s", True) for each in loads}, load=loads)


def test_who_waits_for_seconds_is_not_served_though_all_is_answered_in_the_end() -> None:
    """The sentence, the overview's box and the grade agree."""
    late = _in_classroom("gunicorn:gthread[tuned]", Grade.COLLAPSED, 1.0, 4.38)
    results = _of(_in_classroom("waitress", Grade.UNAFFECTED, 1.0, 0.009), late)
    text = _text(results, "Users")
    assert text == (
        "While slow clients were connected, waitress (p99 9 ms) served all other users; "
        "gunicorn:gthread[tuned] (100 % answered, p99 4.38 s) responded late."
    )
    assert key_figure(late).replace("\u00a0", " ") == "p99 4.38 s"
    few = _in_classroom("wsgiref", Grade.NOT_RECOVERED, 0.1, 5.0)
    assert _text(_of(few, late), "Users").endswith(
        "responded late; wsgiref answered 10 % of the requests of other users in time. "
        "After the slow clients left, wsgiref did not recover."
    )
    assert key_figure(few).replace("\u00a0", " ") == "10 %"


def test_a_server_whose_users_are_harmed_does_not_hold_out() -> None:
    """It only does not fall."""
    steps = (Step(64, 0.97, p99=0.8),)
    loads = [
        ScenarioResult(server, name, grade, goodput=0.97, steps=steps)
        for name in ("slow-read", "idle-hoard", "slow-headers/byte", "mixed")
        for server, grade in (("a", Grade.UNAFFECTED), ("b", Grade.DEGRADED if name == "mixed" else Grade.UNAFFECTED))
    ]
    assert _text(_of(*loads), "Slow clients") == (
        "a collapsed in none of 4 scenarios; b collapsed in none of 4 scenarios, and users were affected in 1."
    )
    assert _text(_of(*loads[-2:]), "Slow clients") == (
        "In mixed, a was unaffected by 64 slow clients; b was affected without a collapse by 64 slow clients."
    )


def test_a_rows_figures_are_of_one_phase() -> None:
    """Behind nginx all are served at once; alone they wait."""
    alone = Phase("alone, round 1: slow clients", 0, 5, 100, {"ok": 100}, 1.0, p99=4.0)
    fronted = Phase("behind nginx, round 1: slow clients", 5, 9, 100, {"ok": 100}, 1.0, p99=0.01)
    row = ScenarioResult("a", "claims/shield", Grade.MEASURED, goodput=1.0, phases=(alone, fronted), phase=fronted.name)
    assert during(row) == fronted
    assert describe_service(row).replace("\u00a0", " ") == "100 % answered, p99 10 ms"
