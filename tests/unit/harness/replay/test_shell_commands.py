"""Bytes as commands of a POSIX shell."""

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.replay.shell_commands import comment, group_commands, print_commands, print_continued

SHELLS = [each for each in ("/bin/sh", "/bin/bash") if shutil.which(each)]
ALL = bytes(range(256))


def printed(commands: list[str], shell: str = "/bin/sh") -> bytes:
    return subprocess.run([shell, "-c", "\n".join(commands) or ":"], capture_output=True, check=True).stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        ALL,
        b'-n -e %s %d \\n \\045 \'; echo "$HOME" `id`\r\n',
        b"--\n-",
        b"100%\\",
        b"\0" * 300,
        b"'" * 500 + b"%" * 500 + b"\\" * 500 + b"7" * 500,
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 5000 + b"\r\n\r\nend",
        b"head" + ALL * 40 + b"tail",
        b"".join(b"X-%d: a%%\r\n" % number for number in range(7, 120)) + b"\r\n",
        b"first\r\n" + b"".join(b"GET /%d\r\nHost: -1\r\n\r\n" % number for number in range(60)) + b"last",
        b"\n" * 120,
        b"1\n" * 120,
        b"007\n008\n" * 50,
    ],
    ids=range(14),
)
def test_what_is_printed_is_what_was_asked(data: bytes, shell: str) -> None:
    commands = print_commands(data)
    assert printed(commands, shell) == data
    if commands:
        assert printed([group_commands(commands)], shell) == data
    assert all(each.isprintable() or each == "\n" for each in "".join(commands))


@given(st.binary(max_size=400) | st.lists(st.sampled_from([b"a\n", b"-1\n", b"%", b"'", b"\\", b"\r\n"])).map(b"".join))
@example(b"\\0001")
@example(b"\x001")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_can_be_printed(data: bytes) -> None:
    assert printed(print_commands(data)) == data


def test_long_data_is_made_and_not_written() -> None:
    for data in (b"x" * 1_000_000, ALL * 4096, b"".join(b"X-%d: a\r\n" % number for number in range(5000))):
        assert len("".join(print_commands(data))) < 2000


def test_what_was_not_kept_goes_on_as_it_was() -> None:
    assert printed(print_continued(b"head" + b"a" * 3000, 5004)) == b"head" + b"a" * 5000
    assert printed(print_continued(b"head" + ALL * 20, 4 + 256 * 30 + 5)) == b"head" + ALL * 30 + ALL[:5]
    assert printed(print_continued(b"ab", 500)) == b"a" + b"b" * 499
    assert printed(print_continued(b"", 500)) == b"x" * 500


@pytest.mark.parametrize("text", ["one\nrm -rf /", "\x1b[2J\r\ntwo\u2028three\u202e", "a" * 300, "", "words " * 60])
def test_a_comment_is_nothing_but_comment(text: str) -> None:
    lines = comment(text, "Here: ")
    assert all(each.startswith("#") for each in lines.splitlines())
    assert lines.isascii()
    assert "\x1b" not in lines
    assert printed([lines]) == b""
