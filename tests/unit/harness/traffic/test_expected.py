"""The stable parts of a body: found where pages differ, and never where they may differ later."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.traffic import expected as expected_module
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody, learn


def page(token: str = "0a1b", clock: str = "", posts: int = 3, name: str = "Anna", begin: int = 0) -> bytes:
    entries = "".join(f"<li>post number {each} of somebody</li>\n" for each in reversed(range(begin, begin + posts)))
    return (
        f"<html><head><title>The title of the page</title></head>\n<body><p>Hello {name}</p>\n"
        f'<input name="csrf" value="{token}"><p>{clock}</p>\n<ul>{entries}</ul></body>\n</html>\n'
    ).encode()


def fault(expected: ExpectedBody, body: bytes) -> str:
    return expected.difference(body, len(body))


def test_an_equal_body_is_compared_as_a_whole() -> None:
    expected = learn([page(), page()])
    assert expected.whole == page()
    assert fault(expected, page()) == ""
    assert "differs from byte" in fault(expected, page().replace(b"number 2", b"number 9"))
    assert "in place of" in fault(expected, page()[:-1])
    assert expected.describe() == "the whole body"


def test_a_token_and_a_name_may_differ() -> None:
    expected = learn([page("aaaa", name="Anna"), page("bb77", name="Bob")])
    assert fault(expected, page("zz99", name="Zoë the third")) == ""
    assert "lacks" in fault(expected, page("cc", name="Eve").replace(b"post number 1", b"post nombre 1"))
    assert "begin" in fault(expected, page("cc", name="Eve").replace(b"The title", b"Error page"))
    assert "end" in fault(expected, page("cc", name="Eve") + b"!")


def test_tokens_with_characters_in_common_are_whole() -> None:
    expected = learn([page("abXXcd"), page("abYYcd")])
    assert fault(expected, page("qrstuv")) == ""


def test_a_value_that_became_longer_is_whole() -> None:
    expected = learn([page("1"), page("x1")])
    assert fault(expected, page("y2")) == ""
    assert fault(learn([page("7"), page("77")]), page("8")) == ""


def test_a_clock_that_did_not_change_may_change_later() -> None:
    expected = learn([page(clock="it is 10:03"), page(clock="it is 10:03")])
    assert fault(expected, page(clock="it is 11:59")) == ""
    assert fault(learn([page(clock="3 minutes ago")] * 2), page(clock="14 minutes ago")) == ""


def test_a_list_that_grows_is_compared_at_its_beginning_and_end() -> None:
    expected = learn([page(posts=3), page(posts=4), page(posts=5)])
    assert expected.grows
    assert fault(expected, page(posts=400)) == ""
    assert "begin" in fault(expected, page(posts=6).replace(b"The title", b"Oh, wrong"))
    assert fault(expected, page(posts=6)[:-20]) != ""
    assert "grows" in expected.describe()


def test_entries_may_leave_a_list_of_the_newest_ten() -> None:
    expected = learn([page(begin=0, posts=10), page(begin=1, posts=10)])
    assert fault(expected, page(begin=500, posts=10)) == ""


def test_a_short_page_in_place_of_a_long_one_is_wrong() -> None:
    expected = learn([page("aaaa", posts=50), page("bbbb", posts=50)])
    assert fault(expected, b"<html>502</html>") != ""


def test_bodies_with_nothing_in_common_are_compared_by_length() -> None:
    expected = learn([b"a" * 1000, b"b" * 1000])
    assert expected.describe() == "the length"
    assert fault(expected, b"c" * 1010) == ""
    assert fault(expected, b"c" * 10) != ""


def test_an_empty_body_stays_empty() -> None:
    assert learn([b"", b""]).describe() == "the empty body"
    assert fault(learn([b"", b""]), b"x") != ""


def test_bodies_of_which_only_the_beginning_is_kept_have_their_whole_length() -> None:
    expected = learn([b"x" * 100, b"x" * 100], [10**8, 10**8])
    assert expected.difference(b"x" * 100, 10**8) == ""
    assert expected.difference(b"x" * 100, 10**8 - 1) != ""


def test_a_large_body_is_compared_at_its_ends() -> None:
    first, second = (b"begin of it" + each * 700_000 + b"end of all" for each in (b"a\n", b"b\n"))
    expected = learn([first, second])
    assert (expected.begins, expected.ends) == (True, True)
    assert fault(expected, first) == ""


def table(rows: int, token: str) -> bytes:
    made = "".join(f"<tr><td>row {each}</td><td><b>{token}{each}</b></td></tr>\n" for each in range(rows))
    return f"<html><h1>The table of it</h1><table>{made}</table></html>".encode()


def test_a_long_table_with_a_token_in_each_row_is_compared_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_module, "SequenceMatcher", None)  # it would take minutes
    expected = learn([table(600, "abc"), table(600, "xyz")])
    assert fault(expected, table(600, "qrs")) == ""
    assert "lacks" in fault(expected, table(600, "qrs").replace(b"row 300<", b"raw 300<"))


def test_two_long_tables_of_other_lengths_are_compared_at_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_module, "SequenceMatcher", None)
    expected = learn([table(600, "abc"), table(601, "xyz")])
    assert expected.grows
    assert fault(expected, table(900, "qrs")) == ""
    assert "begin" in fault(expected, table(600, "abc").replace(b"The table", b"An error."))


def test_entries_that_moved_are_not_compared_at_their_places() -> None:
    first, second = (
        b"<html><ul>" + b"".join(b"<li>%s</li>" % each for each in entries) + b"</ul></html>"
        for entries in ((b"news of a", b"news of a", b"sport"), (b"news of a", b"sport", b"news of a"))
    )
    assert learn([first, second]).grows


def test_it_goes_to_a_generator_process() -> None:
    expected = learn([page("aaaa"), page("bbbb")])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(expected), type=ExpectedBody) == expected


texts = st.lists(
    st.sampled_from([b"<p>", b"a", b"bc", b"\n", b" ", b"1", b"=", b"12:30", b"<li>x</li>\n"]), max_size=30
)


@given(st.lists(texts.map(b"".join), min_size=2, max_size=4))
def test_what_was_learned_from_bodies_fits_them(bodies: list[bytes]) -> None:
    expected = learn(bodies)
    assert [fault(expected, each) for each in bodies] == [""] * len(bodies)


@pytest.mark.parametrize("visits", [2, 3])
def test_random_tokens_never_make_a_correct_page_wrong(visits: int) -> None:
    source = random.Random(7)
    for _ in range(200):
        expected = learn([page(source.randbytes(8).hex(), name="ABC"[visit]) for visit in range(visits)])
        assert fault(expected, page(source.randbytes(8).hex(), name="Another")) == ""
