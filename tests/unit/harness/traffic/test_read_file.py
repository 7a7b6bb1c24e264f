"""Traffic files on the disk: the kinds of files, and the options that only a HAR file has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.har_files import chrome
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic.model import RawBody
from wsgi_gauntlet.harness.traffic.read_file import read_recording, read_traffic

REQUEST = "[[request]]\npath = '/'\n"


def message(folder: Path, text: str) -> str:
    file = folder / "shop.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_traffic(file)
    line = str(caught.value).replace(f"{folder}/", "")
    assert "\n" not in line
    return line


def test_a_body_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (
        ("folder", "a folder"),
        ("pipe", "a pipe, a device or a socket"),
        ("/dev/zero", "a pipe, a device or a socket"),
    ):
        expected = f"{name}: it is {kind}; name a file that can be read"
        assert message(tmp_path, f"{REQUEST}body = {{ path = '{name}' }}") == f"shop.toml, request 1, body: {expected}"
        assert message(tmp_path, f"[values]\nv = '{name}'\n{REQUEST}") == f"shop.toml, values, v: {expected}"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert "the name is not valid" in message(tmp_path, REQUEST + 'body = { path = "a\\u0000b" }')


def test_a_file_with_a_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0")
    file = tmp_path / "shop.toml"
    file.write_bytes(b"\xef\xbb\xbf" + f"{REQUEST}body = {{ path = 'a.bin' }}".replace("\n", "\r\n").encode())
    assert read_traffic(file).traffic.sequences[0].steps[0].body == RawBody(b"\0")


@pytest.mark.parametrize(
    ("options", "option"), [({"keep_secrets": True}, "--keep-secrets"), ({"site": "https://a"}, "--site")]
)
def test_options_of_har_files_alone(tmp_path: Path, options: dict[str, str | bool], option: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(REQUEST)
    with pytest.raises(ConfigurationError) as caught:
        read_traffic(file, keep_secrets=bool(options.get("keep_secrets")), site=str(options.get("site", "")))
    assert str(caught.value) == f"{option} is for HAR files, and {file} is none; leave {option} out"


def test_the_site_of_a_har_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.har"
    file.write_bytes(chrome())
    for read in (read_traffic, read_recording):
        steps = read(file, site="https://cdn.example").traffic.sequences[0].steps
        assert [each.target for each in steps] == ["/jquery.js"]
