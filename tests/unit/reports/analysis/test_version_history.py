"""Versions of one server: what each fixed and broke, on the terminal and on the page."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, ServerInfo, Verdict
from wsgi_gauntlet.reports.analysis.version_history import version_histories
from wsgi_gauntlet.reports.terminal import summary as closing

SIGNS = {"✓": Verdict.PASS, "✗": Verdict.FAIL, "!": Verdict.WARN, "~": Verdict.FLAKY, "»": Verdict.SKIPPED}

ROWS = {
    "gunicorn@9.0": ("9.0", "✗✓!✗~"),
    "gunicorn@20.1.0": ("20.1.0", "✓✗!»✓"),
    "gunicorn": ("27.0.1", "✓✗✓✓✗"),
}


def run(rows: dict[str, tuple[str, str]], **missing: str) -> Results:
    cells = tuple(
        CaseResult(name, f"http/a/case-{place}", Level.MUST, ("security",) if place == 1 else (), SIGNS[sign])
        for name, (_, signs) in rows.items()
        for place, sign in enumerate(signs)
    )
    servers = {name: ServerInfo(name, name, True, version) for name, (version, _) in rows.items()}
    servers |= {f"gunicorn@{name}": ServerInfo(f"gunicorn@{name}", "", False, why=why) for name, why in missing.items()}
    return Results(SCHEMA, {}, servers, cells)


def test_steps_are_between_versions_in_their_order() -> None:
    """By number, not by name; against the last version before in which a case could be judged; never what is flaky."""
    (line,) = version_histories(run(dict(reversed(ROWS.items()))))
    assert line.server == "gunicorn"
    assert [each.version for each in line.points] == ["9.0", "20.1.0", "27.0.1"]
    changed = [([c.case[-1] for c in each.fixed], [c.case[-1] for c in each.broke]) for each in line.points]
    assert changed == [([], []), (["0"], ["1"]), (["3", "2"], ["4"])]
    assert [each.others for each in line.points] == [0, 1, 0]


def test_a_version_that_was_not_checked_is_a_row_with_its_reason() -> None:
    results = run(ROWS, **{"21.0": "gunicorn@21.0 did not start: exit code 2"})
    (line,) = version_histories(results)
    assert [each.version for each in line.points] == ["9.0", "20.1.0", "21.0", "27.0.1"]
    assert line.points[2].why == "did not start: exit code 2"
    assert version_histories(run({"gunicorn": ROWS["gunicorn"]}, **{"21.0": "no"})) == []
    assert version_histories(run({"gunicorn": ROWS["gunicorn"], "waitress": ("3", "✓")})) == []


def test_a_version_has_the_first_name_of_it_that_ran() -> None:
    """The one that is installed may be named as well, and its own environment not have come about."""
    results = run({"gunicorn@20.1.0": ("20.1.0", "✗"), "gunicorn": ("27.0.1", "✓")})
    absent = ServerInfo("gunicorn@27.0.1", "", False, "27.0.1", why="gunicorn@27.0.1 did not start")
    results = msgspec.structs.replace(results, servers={absent.name: absent, **results.servers})
    (line,) = version_histories(results)
    assert [(each.name, each.why, len(each.fixed)) for each in line.points] == [
        ("gunicorn@20.1.0", "", 0),
        ("gunicorn", "", 1),
    ]


def test_the_terminal_lists_the_cases() -> None:
    out = io.StringIO()
    results = run(
        {**ROWS, "gunicorn@25": ("25", "✗✓" + "✗" * 20), "gunicorn@26": ("26", "✓✗" + "✓" * 20)}, **{"8": "no"}
    )
    closing.summary(results, None, Console(file=out, width=100), verbose=True)
    text = out.getvalue()
    assert "gunicorn and its versions" in text
    assert "20.1.0 broke 1" in text
    assert "✓ → ✗ http/a/case-1 [security]" in text
    assert "8 was not checked: no" in text
    assert "26 fixed 21" in text
    assert "… and 9 more cases; --all lists them" in text
