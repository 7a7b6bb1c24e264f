"""A user's uwsgi.ini and its relatives: options, a copy without those of the harness, and effective values."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support import uwsgi_configuration as user_file
from wsgi_gauntlet.servers._support.uwsgi_configuration import Option

INI = """\
[other]
socket = /no
[uwsgi]
; a comment
base = /srv
socket = %(base)/x.sock
module = shop:app
workers = 2
chdir = %d
master
ini = more.ini
daemonize = /var/log/x
"""


def options(folder: Path, name: str, text: str) -> list[Option]:
    (folder / name).write_text(text)
    return user_file.options(folder / name)


def test_the_copy_has_what_the_harness_does_not_own(tmp_path: Path) -> None:
    (tmp_path / "more.ini").write_text("[uwsgi]\nthreads = 3\nuid = www-data\nif-env = X\nharakiri = 9\nendif =\n")
    found = options(tmp_path, "app.ini", INI)
    text = user_file.copy_text(found, user_file.OWNED)
    assert text.splitlines() == [
        *("[uwsgi]", "base = /srv", "workers = 2", f"chdir = {tmp_path}/", "master =", "threads = 3"),
        *("if-env = X", "harakiri = 9", "endif ="),
    ]
    assert user_file.effective(found)["processes"] == "2"
    replaced = user_file.overrides(found, user_file.OWNED, {"address": "http-socket h:1", "app": "a:b"})
    assert [(each.setting, each.was, each.now) for each in replaced] == [
        ("socket", "/srv/x.sock", "http-socket h:1"),
        ("module", "shop:app", "a:b"),
        ("uid", "www-data", "not used"),
        ("daemonize", "/var/log/x", "not used"),
    ]


def test_a_setting_of_the_server_name_wins_under_each_of_its_names(tmp_path: Path) -> None:
    found = options(tmp_path, "a.ini", "[uwsgi]\nworkers = 2\np = 3\nprocesses = 4\n")
    assert user_file.copy_text(found, frozenset({"processes"})) == "[uwsgi]\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "uwsgi:\n  http: ':80' # x\n  env:\n    - A=1\n    - B=2\n  master: true\n"),
        ("a.json", '{"uwsgi": {"http": ":80", "env": ["A=1", "B=2"], "master": true}}'),
        ("a.xml", "<uwsgi><http>:80</http><env>A=1</env><env>B=2</env><master>true</master></uwsgi>"),
        ("a.ini", "[uwsgi]\nhttp = :80\nenv = A=1\nenv = \\\n  B=2\nmaster = true\n"),
        ("plain", '{"uwsgi": {"http": ":80", "env": ["A=1", "B=2"], "master": true}}'),
    ],
)
def test_all_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    found = options(tmp_path, name, text)
    assert found == [Option("http", ":80"), Option("env", "A=1"), Option("env", "B=2"), Option("master", "true")]
    assert user_file.uses_router(found)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.ini", "workers = 2\n", "no section"),
        ("a.ini", "[uwsgi\n", "line 1"),
        ("a.ini", "[uwsgi]\nini = absent.ini\n", "no such file"),
        ("a.ini", "[uwsgi]\nini = a.ini\n", "includes itself"),
        ("a.yaml", "uwsgi:\n  a\n", "line 2"),
        ("a.yaml", "uwsgi:\n\ta: b\n", "tabs"),
        ("a.yaml", "a: b\n", "line 1"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "no object"),
        ("a.xml", "<uwsgi>", "not XML"),
        ("a.xml", "<a/>", "no element"),
        ("a.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><uwsgi/>", "entities"),
    ],
)
def test_a_syntax_error_names_the_line(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        options(tmp_path, name, text)


def test_numbers() -> None:
    assert user_file.number({"a": "3"}, "a", 1) == 3
    assert user_file.number({"a": "%k"}, "a", 1) == "%k"
    assert user_file.number({}, "a", 1) == 1
