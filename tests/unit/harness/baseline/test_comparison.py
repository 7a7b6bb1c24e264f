"""The status of cells in a baseline, and every error of the file."""

import datetime as dt
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.baseline import comparison
from wsgi_gauntlet.harness.baseline.comparison import apply_baseline, describe_status, fails_run
from wsgi_gauntlet.harness.baseline.entries import Baseline, Entry, baseline_server
from wsgi_gauntlet.harness.baseline.parser import parse, read
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, BaselineStatus, CaseResult, Level, Results, ServerInfo, Verdict

CASES = ("http/framing/one", "http/framing/two", "pep3333/environ/three")
TODAY = dt.date(2026, 11, 22)
TEXT = """\
# What we know of.
[[server]]
name = "gunicorn"
variant = "sync"
versions = ">=20,<28"

[[server.expected]]
case = "http/framing/one"
verdict = "fail"
reason = "reported"
link = "https://example.org/1"
expires = 2026-11-22

# a comment of the next
[[server.expected]]
case = "http/framing/two"
verdict = "warn"
reason = "meant"

[[server]]
name = "gunicorn"

[[server.expected]]
case = "http/framing/one"
verdict = "flaky"
reason = "any variant"
"""


def info(name: str, version: str = "27.0.1", variant: str = "sync") -> ServerInfo:
    return ServerInfo(name, name, True, version, variant)


def run(*verdicts: Verdict, server: ServerInfo | None = None) -> Results:
    server = server or info("gunicorn:sync")
    checks = tuple(CaseResult(server.name, CASES[n], Level.MUST, (), verdict) for n, verdict in enumerate(verdicts))
    return Results(SCHEMA, {}, {server.name: server}, checks)


def applied(text: str, results: Results, today: dt.date = TODAY) -> list[CaseResult]:
    baseline = parse(text, "known.toml", CASES)
    return [apply_baseline(baseline, results.servers[each.server], each, today) for each in results.conformance]


def statuses(text: str, results: Results, today: dt.date = TODAY) -> dict[str, tuple[BaselineStatus, str]]:
    cells = applied(text, results, today)
    found = {
        each.case.rpartition("/")[2]: (each.baseline.status, describe_status(each)) for each in cells if each.baseline
    }
    assert all(each.baseline or not describe_status(each) for each in cells)
    return found


def test_the_most_particular_entry_speaks() -> None:
    known = parse(TEXT, "known.toml", CASES)
    entry = known.entry("gunicorn", "sync", "27.0.1", CASES[0], TODAY)
    assert entry is not None
    assert (entry.verdict, entry.reason, entry.lines) == (Verdict.FAIL, "reported", (7, 12))
    other = known.entry("gunicorn", "gthread", "27.0.1", CASES[0], TODAY)
    assert other is not None
    assert other.reason == "any variant"
    assert known.entry("gunicorn", "sync", "28.0", CASES[1], TODAY) is None
    assert known.entry("gunicorn", "sync", "28.0.dev1", CASES[1], TODAY) is None
    assert known.entry("gunicorn", "sync", "not a version", CASES[1], TODAY) is None
    assert known.entry("waitress", "", "3.0", CASES[0], TODAY) is None


def test_the_last_day_still_excuses() -> None:
    known = parse(TEXT, "known.toml", CASES)
    tomorrow = TODAY + dt.timedelta(days=1)
    who = ("gunicorn", "sync", "27.0.1", CASES[0])
    assert known.expired(*who, TODAY) is None
    late = known.expired(*who, tomorrow)
    assert late is not None
    assert late.reason == "reported"
    wide = known.entry(*who, tomorrow)
    assert wide is not None
    assert wide.reason == "any variant"


@pytest.mark.parametrize(
    ("name", "version", "variant", "who"),
    [
        ("gunicorn[workers=4]", "27.0.1", "sync", ("gunicorn", "sync", "27.0.1")),
        ("nginx+gunicorn:gthread", "1.26.3 + 27.0.1", "gthread", ("nginx+gunicorn", "gthread", "27.0.1")),
        ("../mine/adapter.py", "1", "", ("adapter.py", "", "1")),
        ("what ever?", "1", "", ("what ever?", "", "1")),
    ],
)
def test_servers_by_the_names_of_the_call(name: str, version: str, variant: str, who: tuple[str, str, str]) -> None:
    assert baseline_server(info(name, version, variant)) == who


def test_an_interpreters_version_stands_behind_its_name() -> None:
    text = TEXT.replace('"gunicorn"', '"wsgiref"').replace(">=20,<28", ">=3.10").replace('variant = "sync"\n', "")
    known = parse(text, "known.toml", CASES)
    assert known.entry("wsgiref", "server", "PyPy 3.10.14", CASES[1], TODAY) is not None
    assert known.entry("wsgiref", "server", "PyPy 3.9.1", CASES[1], TODAY) is None


def test_as_expected_breaks_nothing() -> None:
    found = statuses(TEXT, run(Verdict.FAIL, Verdict.WARN, Verdict.PASS))
    assert found == {
        "one": (BaselineStatus.EXPECTED, "as the baseline expects: reported"),
        "two": (BaselineStatus.EXPECTED, "as the baseline expects: meant"),
    }


def test_what_is_unexpected_says_what_to_do() -> None:
    results = run(Verdict.PASS, Verdict.FAIL, Verdict.FAIL)
    assert statuses(TEXT, results) == {
        "one": (
            BaselineStatus.UNEXPECTED_PASS,
            "passes, but the baseline expects fail: delete lines 7 to 12 of known.toml",
        ),
        "two": (
            BaselineStatus.UNEXPECTED_FAIL,
            "fails, but the baseline expects only warn (lines 15 to 18 of known.toml)",
        ),
        "three": (BaselineStatus.UNEXPECTED_FAIL, "fails, and the baseline has no entry for it"),
    }
    assert all(map(fails_run, applied(TEXT, results)))


def test_an_expired_entry_no_longer_excuses() -> None:
    text = TEXT[: TEXT.rindex("[[server]]")]
    later = dt.date(2027, 1, 1)
    assert statuses(text, run(Verdict.FAIL), later) == {
        "one": (
            BaselineStatus.UNEXPECTED_FAIL,
            "fails, and its entry (lines 7 to 12 of known.toml) expired on 2026-11-22: reported",
        )
    }
    assert statuses(text, run(Verdict.WARN), later)["one"] == (
        BaselineStatus.EXPIRED,
        "warn, and its entry (lines 7 to 12 of known.toml) expired on 2026-11-22: reported",
    )


def test_another_verdict_than_expected_is_reported_and_breaks_nothing() -> None:
    results = run(Verdict.FLAKY)
    assert statuses(TEXT, results)["one"] == (
        BaselineStatus.OTHER,
        "flaky, but the baseline expects fail: correct lines 7 to 12 of known.toml",
    )
    assert not any(map(fails_run, applied(TEXT, results)))


@pytest.mark.parametrize("verdict", [Verdict.SKIPPED, Verdict.UNSUPPORTED, Verdict.ERROR])
def test_what_was_not_judged_stands_nowhere(verdict: Verdict) -> None:
    assert statuses(TEXT, run(verdict, verdict)) == {}


def test_without_a_baseline_a_fail_breaks_the_run() -> None:
    assert fails_run(CaseResult("s", "c", Level.MUST, (), Verdict.FAIL))
    assert not fails_run(CaseResult("s", "c", Level.MUST, (), Verdict.WARN))
    assert describe_status(CaseResult("s", "c", Level.MUST, (), Verdict.FAIL)) == ""


def test_inline_entries_have_no_lines_and_work() -> None:
    text = '[[server]]\nname = "gunicorn"\nexpected = [{case = "http/framing/one", verdict = "fail", reason = "x"}]\n'
    assert statuses(text, run(Verdict.PASS))["one"][1].endswith("delete http/framing/one of gunicorn in known.toml")


def test_a_text_that_looks_like_a_header_costs_the_lines_alone() -> None:
    text = (
        '[[server]]\nname = "gunicorn"\n[[server.expected]]\ncase = "http/framing/one"\nverdict = "fail"\n'
        'reason = """\n[not a header]\n"""\n'
    )
    assert parse(text, "known.toml", CASES).entries[0].lines is None


SERVER = '[[server]]\nname = "gunicorn"\n'
ENTRY = '[[server.expected]]\ncase = "http/framing/one"\nverdict = "fail"\nreason = "x"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[server", "is not TOML"),
        ("[[servers]]", "did you mean server?"),
        ("server = 1", "write [[server]]"),
        ("[[server]]\n", "[[server]] number 1 has no name"),
        ("[[server]]\nname = 1", "name takes a text"),
        ('[[server]]\nname = "a b"', "is not a server name"),
        ('[[server]]\nname = "gunicorn:sync"', "name takes only the server: write 'gunicorn'"),
        ('[[server]]\nname = "nginx+uwsgi@2"', "name takes only the server: write 'nginx+uwsgi'"),
        (f"{SERVER}version = '1'", "did you mean versions"),
        (f"{SERVER}versions = '20'", "server 'gunicorn': versions = '20' is not a PEP 440 specifier"),
        (f"{SERVER}expected = 1", "write [[server.expected]]"),
        (f"{SERVER}[[server.expected]]\n", "entry number 1 has no case"),
        (SERVER + ENTRY.replace("one", "on"), "no case has this id (did you mean http/framing/one"),
        (SERVER + ENTRY.replace("fail", "pass"), "verdict 'pass' cannot be expected; write one of fail, warn, flaky"),
        (SERVER + ENTRY.replace('reason = "x"', ""), 'has no reason; write reason = "why it is accepted"'),
        (SERVER + ENTRY.replace('"x"', '" "'), "reason takes a text"),
        (f"{SERVER}{ENTRY}url = 'x'", "has an unknown key 'url'"),
        (f"{SERVER}{ENTRY}expires = '2027-03-01'", "a date without quotes"),
        (f"{SERVER}{ENTRY}expires = 2027-03-01T00:00:00", "a date without quotes"),
        (f"{SERVER}{ENTRY}expires = 2027-13-01", "is not TOML"),
        (f"{SERVER}{ENTRY}{ENTRY}", "gunicorn has http/framing/one twice (lines 3 and 7); delete one of them"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read(path, CASES)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--update-baseline creates it"):
        read(tmp_path / "no.toml", CASES)
    with pytest.raises(ConfigurationError, match="name a readable file"):
        read(tmp_path, CASES)
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read(tmp_path / "bad.toml", CASES)


def test_an_empty_file_is_a_baseline(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text("")
    assert read(path, CASES) == Baseline(str(path))


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FLAKY, Verdict.FAIL, Verdict.WARN])
def test_what_is_expected_to_be_flaky_may_come_out_either_way(verdict: Verdict) -> None:
    # An entry that breaks CI on the days on which the case passes would be worse than none.
    entry = Entry("gunicorn", "", "", "a/b/c", Verdict.FLAKY, "a race")
    assert comparison._status_of(entry, verdict, TODAY) is BaselineStatus.EXPECTED
