"""Results of several runs put together."""

import msgspec

from wsgi_gauntlet.harness.model import SCHEMA, BaseRun, CaseResult, Level, Results, ServerInfo, Verdict
from wsgi_gauntlet.harness.store.merge import merge


def run(date: str, *verdicts: Verdict, finished: bool = True) -> Results:
    checks = tuple(CaseResult("s", str(number), Level.MUST, (), verdict) for number, verdict in enumerate(verdicts))
    return Results(SCHEMA, {"date": date}, {}, checks, finished=finished)


def test_one_run_is_itself() -> None:
    only = run("1", Verdict.PASS)
    assert merge([only]) is only


def test_the_last_base_counts() -> None:
    first, last = (msgspec.structs.replace(run(each), base=BaseRun(each, {}, {})) for each in ("1", "2"))
    assert merge([first, last, run("3")]).base == last.base
    assert merge([run("1"), run("2")]).base is None


def test_the_later_cell_counts() -> None:
    both = merge([run("1", Verdict.FAIL, Verdict.WARN, finished=False), run("2", Verdict.PASS)])
    assert [each.verdict for each in both.conformance] == [Verdict.PASS, Verdict.WARN]
    assert both.environment["date"] == "2"
    assert [each["date"] for each in both.environment["merged"]] == ["1", "2"]
    assert not both.finished


def test_a_part_that_never_started_a_server_does_not_hide_what_another_part_knows() -> None:
    started = ServerInfo("s", "S", available=True, command="serve s", conditions={"workers": 2})
    planned = ServerInfo("s", "S", available=True)
    failed = ServerInfo("s", "S", available=False, why="it did not start")
    for infos, expected in (
        ((started, planned), started),
        ((planned, started), started),
        ((started, failed), failed),
        ((failed, planned), failed),
        ((failed, started), started),
        ((planned, planned), planned),
    ):
        runs = [msgspec.structs.replace(run("1"), servers={"s": each}) for each in infos]
        assert merge(runs).servers == {"s": expected}
