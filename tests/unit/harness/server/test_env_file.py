"""The file of --env-file: its forms, and its mistakes by line."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.env_file import parse_env_file


def parsed(text: str, **inherited: str) -> dict[str, str]:
    return parse_env_file(text, ".env", inherited)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b c  ", "b c"),
        ("A=", ""),
        ("A=b # comment", "b"),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A= # comment", ""),
        ("A=b=c", "b=c"),
        ("A=it's", "it's"),
        ("A='b # c'", "b # c"),
        ("A='b' # c", "b"),
        ("A='$ ${X} \\n'", "$ ${X} \\n"),
        ('A="b # c"#d', "b # c"),
        (r'A="b\n\t\"\\\$\q"', 'b\n\t"\\$\\q'),
        ('A="b\nc"', "b\nc"),
        ("A='b\nc'", "b\nc"),
        ('A="b\r\nc"\r', "b\nc"),
        ("A=pa$$word$1", "pa$$word$1"),
        ("A=${X}/y", "x/y"),
        ('A="${X}"', "x"),
        (r'A="\${X}"', "${X}"),
        ("A=${Y:-z}", "z"),
        ("A=${Y-z}", "z"),
        ("A=${X:-z}", "x"),
        ("A=${", "${"),
        ("A=$(id)", "$(id)"),
        ("A=ä", "ä"),
        ("\ufeffA=b", "b"),
    ],
)
def test_a_value(line: str, value: str) -> None:
    assert parsed(line, X="x") == {"A": value}


def test_lines_are_independent() -> None:
    text = "# first\n\nA=1\nexport B='two\nlines'\nC=${A}-${B}\nA=2\n"
    assert parsed(text) == {"A": "2", "B": "two\nlines", "C": "1-two\nlines"}
    assert parsed("") == {}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("A=1\nsecret", 2, "write NAME=VALUE"),
        ("1A=secret", 1, "write NAME=VALUE"),
        ("A-B=secret", 1, "write NAME=VALUE"),
        ("A: secret", 1, "write NAME=VALUE"),
        ("export A", 1, "write NAME=VALUE"),
        ("A='1\n2'\nB='secret\n\n", 3, "the quote ' has no end"),
        ('A="secret\\"', 1, 'the quote " has no end'),
        ("A='secret'secret", 1, "text after the closing quote"),
        ("\n\nA=${NOWHERE}", 3, "${NOWHERE} has no value"),
        ("A=b\0c", 1, "NUL"),
    ],
)
def test_a_mistake_has_its_line_and_no_value(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parsed(text)
    assert str(raised.value).startswith(f"--env-file .env, line {line}: ")
    assert says in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
