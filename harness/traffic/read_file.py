"""Read a traffic file or a HAR file from the disk."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic import har_file, toml_file
from wsgi_gauntlet.harness.traffic.model import Traffic

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Bytes of a file that is read."""

HAR_SUFFIX = ".har"


@dataclass(frozen=True)
class TrafficFile:
    """The traffic of a file. `notes` say, one line each, what of a HAR file was left out or changed."""

    traffic: Traffic
    notes: tuple[str, ...] = ()


def read_traffic(path: Path, *, keep_secrets: bool = False, site: str = "") -> TrafficFile:
    """Return the traffic of the file at `path`: a HAR file if its name ends with .har or it is JSON, else TOML.

    With `keep_secrets`, cookies, passwords and tokens of a HAR file stay. `site` is that of `har_file.parse`. Raises
    ConfigurationError, which names the file, the place and what to do, also for these two with a TOML file.
    """
    data = _read(path, f"{path}")
    if is_har(path, data):
        return TrafficFile(*har_file.parse(data, str(path), keep_secrets=keep_secrets, site=site))
    for option, given in (("--keep-secrets", keep_secrets), ("--site", site)):
        if given:
            raise ConfigurationError(f"{option} is for HAR files, and {path} is none; leave {option} out")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ConfigurationError(f"{path}, line {line}: it is not UTF-8; save the file as UTF-8") from None

    def read(name: str) -> bytes:
        return _read(path.parent / name, name, must_be_regular=True)

    return TrafficFile(toml_file.parse(text, str(path), read))


def is_har(path: Path, data: bytes) -> bool:
    """Return whether the file with that content is a HAR file: its name ends with .har, or it is a JSON object."""
    return path.suffix.lower() == HAR_SUFFIX or data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_recording(path: Path, *, keep_secrets: bool = False, site: str = "") -> TrafficFile:
    """Return the traffic of the HAR file at `path`. Raises ConfigurationError, also for another file."""
    data = _read(path, f"{path}")
    if not is_har(path, data):
        raise ConfigurationError(f"{path}: it is no HAR file; export one from the network panel of a browser")
    return TrafficFile(*har_file.parse(data, str(path), keep_secrets=keep_secrets, site=site))


def _read(path: Path, name: str, *, must_be_regular: bool = False) -> bytes:
    try:
        if must_be_regular and not stat.S_ISREG(path.stat().st_mode):
            # A pipe would wait for a writer, and a device may have no end.
            kind = "a folder" if path.is_dir() else "a pipe, a device or a socket"
            raise ConfigurationError(f"{name}: it is {kind}; name a file that can be read")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "the name is not valid"
        raise ConfigurationError(f"{name}: {why}; name a file that can be read") from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{name}: it has more than {MAX_FILE_BYTES >> 20} MB; use a smaller file")
    return data
