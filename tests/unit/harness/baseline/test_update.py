"""The file after `--update-baseline`: what changed, and every other byte as it was."""

import datetime as dt

import pytest

from wsgi_gauntlet.harness.baseline.comparison import apply_baseline
from wsgi_gauntlet.harness.baseline.parser import parse
from wsgi_gauntlet.harness.baseline.update import updated
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, BaselineStatus, CaseResult, Level, Results, ServerInfo, Verdict

CASES = tuple(f"a/b/{number}" for number in range(9))
TODAY = dt.date(2026, 11, 22)
INFOS = {
    "gunicorn": ServerInfo("gunicorn", "", True, "27.0.1", "sync"),
    "gunicorn[workers=2]": ServerInfo("gunicorn[workers=2]", "", True, "27.0.1", "sync"),
    "gunicorn:gthread": ServerInfo("gunicorn:gthread", "", True, "27.0.1", "gthread"),
    "gunicorn@20.1.0": ServerInfo("gunicorn@20.1.0", "", True, "20.1.0", "sync"),
    "waitress": ServerInfo("waitress", "", True, "3.0.2", ""),
}
FOUND = 'reason = "not yet explained; found with 27.0.1 on 2026-11-22"\n'

BEFORE = """\
# What we know of.

[[server]]
name = "gunicorn"
variant = "sync"  # my variant
versions = ">=20,<28"

# first
[[server.expected]]
case = "a/b/1"
verdict = "fail"   # yes
reason = "one"

# about the second
[[server.expected]]
case = "a/b/3"
verdict = 'fail'
reason = "three"
link = "https://example.org/"
expires = 2026-01-01

[[server.expected]]
case = "a/b/4"
verdict = 'warn'   # so far
reason = "four"

# about waitress
[[server]]
name = "waitress"
# about its entry
[[server.expected]]
case = "a/b/1"
verdict = "fail"
reason = "one"
# end
"""


def run(**cells: str) -> Results:
    """Return results: a server's name to `case=verdict` words."""
    checks = [
        CaseResult(server, f"a/b/{word[0]}", Level.MUST, (), Verdict(word[2:]))
        for server, words in cells.items()
        for word in words.split()
    ]
    return Results(SCHEMA, {}, INFOS, tuple(checks))


def update(before: str, results: Results) -> str:
    """Return the text after, having checked that it settles: a second update changes nothing, and it is met."""
    once = updated(before, "known.toml", results, TODAY, CASES)
    again = updated(once.text, "known.toml", results, TODAY, CASES)
    assert again.text == once.text
    assert "nothing to change" in again.summary("known.toml")
    baseline = parse(once.text, "known.toml", CASES)
    for cell in results.conformance:
        mark = apply_baseline(baseline, results.servers[cell.server], cell, TODAY).baseline
        assert mark is None or mark.status is not BaselineStatus.UNEXPECTED_PASS
        assert mark is None or mark.status is not BaselineStatus.UNEXPECTED_FAIL or mark.expired
    return once.text


def test_a_new_file() -> None:
    results = run(waitress="2=fail 1=fail 3=warn 4=error", gunicorn="1=fail 2=pass")
    assert update("", results) == (
        '[[server]]\nname = "gunicorn"\nvariant = "sync"\n\n'
        f'[[server.expected]]\ncase = "a/b/1"\nverdict = "fail"\n{FOUND}\n'
        '[[server]]\nname = "waitress"\n\n'
        f'[[server.expected]]\ncase = "a/b/1"\nverdict = "fail"\n{FOUND.replace("27.0.1", "3.0.2")}\n'
        f'[[server.expected]]\ncase = "a/b/2"\nverdict = "fail"\n{FOUND.replace("27.0.1", "3.0.2")}'
    )


def test_nothing_to_say_is_nothing_written() -> None:
    assert update("", run(waitress="1=pass 2=warn")) == ""
    assert update(BEFORE, run(**{"gunicorn:gthread": "1=pass"})) == BEFORE
    assert update(BEFORE, run(gunicorn="1=fail 3=skipped 4=error")) == BEFORE


def test_lines_that_stay_are_as_they_were() -> None:
    after = update(BEFORE, run(gunicorn="0=fail 1=pass 2=fail 3=fail 4=fail", waitress="1=pass"))
    assert after == (
        '# What we know of.\n\n[[server]]\nname = "gunicorn"\nvariant = "sync"  # my variant\nversions = ">=20,<28"\n\n'
        f'[[server.expected]]\ncase = "a/b/0"\nverdict = "fail"\n{FOUND}\n'
        f'[[server.expected]]\ncase = "a/b/2"\nverdict = "fail"\n{FOUND}\n'
        '# about the second\n[[server.expected]]\ncase = "a/b/3"\nverdict = \'fail\'\nreason = "three"\n'
        'link = "https://example.org/"\nexpires = 2026-01-01\n\n'
        '[[server.expected]]\ncase = "a/b/4"\nverdict = "fail"   # so far\nreason = "four"\n# end\n'
    )


def test_it_says_what_it_did() -> None:
    done = updated(
        BEFORE, "known.toml", run(gunicorn="0=fail 1=pass 2=fail 3=fail 4=fail", waitress="1=pass"), TODAY, CASES
    )
    assert done.summary("known.toml") == (
        "baseline known.toml: 2 added, 1 corrected, 2 removed; 1 expired and still needed: change their dates by hand"
    )


def test_an_expired_entry_that_passes_goes() -> None:
    after = update(BEFORE, run(gunicorn="3=pass"))
    assert "a/b/3" not in after
    assert "about the second" not in after
    assert "# first" in after


WIDE = '[[server]]\nname = "gunicorn"\n\n[[server.expected]]\ncase = "a/b/1"\nverdict = "fail"\nreason = "r"\n'


def test_an_entry_for_all_variants_gives_way_to_one_for_each_that_needs_it() -> None:
    after = update(WIDE, run(**{"gunicorn": "1=pass", "gunicorn:gthread": "1=fail"}))
    assert after == WIDE.replace('"gunicorn"\n', '"gunicorn"\nvariant = "gthread"\n')


def test_one_variant_that_comes_out_both_ways_keeps_its_entry() -> None:
    results = run(**{"gunicorn": "1=pass", "gunicorn[workers=2]": "1=fail"})
    assert updated(WIDE, "known.toml", results, TODAY, CASES).text == WIDE


def test_line_ends_stay() -> None:
    after = update(BEFORE.replace("\n", "\r\n"), run(gunicorn="0=fail 1=pass"))
    assert after.count("\n") == after.count("\r\n")
    assert "a/b/0" in after


def test_a_form_that_cannot_be_edited_is_said() -> None:
    text = '[[server]]\nname = "gunicorn"\nexpected = [{case = "a/b/1", verdict = "fail", reason = "x"}]\n'
    with pytest.raises(ConfigurationError, match="write each entry as a table"):
        updated(text, "known.toml", run(gunicorn="1=pass"), TODAY, CASES)


def test_an_entry_that_goes_may_uncover_another_for_the_same_cell() -> None:
    own = WIDE.replace('"gunicorn"\n', '"gunicorn"\nvariant = "sync"\n')
    assert update(f"{own}\n{WIDE}", run(gunicorn="1=pass")) == ""


def test_an_expired_entry_for_all_variants_stays_expired_for_those_that_need_it() -> None:
    after = update(WIDE + "expires = 2020-01-01\n", run(**{"gunicorn": "1=pass", "gunicorn:gthread": "1=fail"}))
    assert 'variant = "gthread"' in after
    assert "expires = 2020-01-01" in after


def test_versions_that_differ_get_entries_of_their_own() -> None:
    """What both break is one entry; what only the older breaks excuses it alone."""
    text = update("", run(**{"gunicorn@20.1.0": "1=fail 2=fail", "gunicorn": "1=fail 2=pass"}))
    first, second = parse(text, "known.toml", CASES).entries
    assert (first.case, first.versions) == ("a/b/1", "")
    assert (second.case, second.versions) == ("a/b/2", "==20.1.0")
