"""Logs: excerpts of bounded size, and the one line that tells why a start failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.server.server_log import EXCERPT_BYTES, ServerLog, most_relevant_line


def test_what_a_server_puts_in_its_logs_place_is_not_waited_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for a report")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "link", "folder", "gone"):
        assert ServerLog(tmp_path / name).since(0) == "", name


def test_an_excerpt_begins_at_the_mark_and_has_no_colours(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "log")
    assert log.position() == 0
    assert log.since(0) == ""
    log.path.write_bytes(b"before\n")
    mark = log.position()
    log.path.write_bytes(b"before\n\x1b[31mafter\x1b[0m \xff\n")
    assert log.since(mark) == "after �\n"


def test_a_long_excerpt_is_cut_in_the_middle_with_a_note(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "log")
    log.path.write_bytes(b"first" + b"." * 1_000_000 + b"last")
    text = log.since(0)
    assert text.startswith("first")
    assert text.endswith("last")
    assert f"[{1_000_009 - EXCERPT_BYTES} bytes left out]" in text
    assert len(text) < EXCERPT_BYTES + 100


async def test_growth_is_noticed_and_its_lack_is_too(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "log")
    with trio.fail_after(30):
        await log.wait_for_growth()
    log.path.write_text("more\n")
    with trio.fail_after(30):
        await log.wait_for_growth()
    assert log.since(0) == "more\n"


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("starting\nbye\n", "bye"),
        (
            "Traceback (most recent call last):\n  x\nModuleNotFoundError: No module named 'nope'\n[INFO] Bye\n",
            "ModuleNotFoundError: No module named 'nope'",
        ),
        ("nginx: [emerg] bind() failed\nnginx: exiting\n", "nginx: [emerg] bind() failed"),
        (
            "ok\nunable to load app 0 (no python application found)\nbye\n",
            "unable to load app 0 (no python application found)",
        ),
        ("starting\ncannot open shared object\nbye\n", "cannot open shared object"),
        ("a.b.CustomError\nmore\n", "a.b.CustomError"),
    ],
)
def test_the_most_relevant_line_is_the_one_that_names_the_fault(log: str, line: str) -> None:
    assert most_relevant_line(log) == line


def test_a_most_relevant_line_is_never_endless() -> None:
    assert len(most_relevant_line("ValueError: " + "x" * 10_000)) == 300
