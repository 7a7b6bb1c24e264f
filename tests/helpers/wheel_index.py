"""A package index in a folder, of tiny wheels made on the spot: what tests install from, without a network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from wsgi_gauntlet.harness.server import adapter_registry
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.harness.server.environments import versioned

SERVER = """
import functools, importlib, sys
from wsgiref.simple_server import WSGIServer, make_server

host, port, app = sys.argv[1:]
if "{version}" == "3.0":
    sys.exit("this release has forgotten how to serve")
module, _, name = app.partition(":")
application = getattr(importlib.import_module(module), name)


def served(environ, start_response):
    if "{version}" == "1.0":
        environ["wsgi.url_scheme"] = "gopher"
    return application(environ, start_response)


make_server(host, int(port), served).serve_forever()
"""
"""A server whose 1.0 breaks a requirement and whose 3.0 does not start."""


class TinyServer(Adapter):
    """SERVER, which is installed as tinyserver."""

    name = "tiny"
    title = "tiny"
    distribution = "tinyserver"
    requires = ("tinyserver", "companion")
    variants: ClassVar[Mapping[str, str]] = {"plain": "alone", "helped": "with another beside it"}
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"helped": ("companion",)}

    def command(self, launch: Launch) -> Command:
        """Return its command line."""
        reject_unsupported("tiny", tls=launch.identity is not None, unix=bool(launch.address.path))
        return Command((launch.python, "-m", "tinyserver", launch.address.host, str(launch.address.port), launch.app))


def wheel(folder: Path, name: str, version: str, files: Mapping[str, str], *requires: str) -> Path:
    """Lay the wheel of `name` in `version` into `folder`."""
    known = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    metadata = {
        f"{known}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{known}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts = {**files, **metadata}
    record = "".join(f"{each},,\n" for each in [*texts, f"{known}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in {**texts, f"{known}/RECORD": record}.items():
            archive.writestr(each, text)
    return path


def make_package_index(folder: Path, monkeypatch: pytest.MonkeyPatch, distribution: str = "tinyserver") -> Path:
    """Make `folder` an index with releases of `distribution`, and the only one that pip knows.

    The cache lies beside it. Each release is SERVER.
    """
    folder.mkdir(parents=True)
    wheel(folder, "setuptools", "80.9.0", {"pkg_resources.py": ""})
    wheel(folder, "companion", "1.0", {"companion.py": ""})
    for version in ("1.0", "2.0", "3.0", "5.0rc1"):
        files = {"tinyserver/__init__.py": "", "tinyserver/__main__.py": SERVER.replace("{version}", version)}
        wheel(folder, distribution, version, files)
    wheel(folder, distribution, "4.0", {"tinyserver/__init__.py": ""}, "nowhere-to-be-had>=1")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("PIP_NO_INDEX", "1"),
        ("PIP_FIND_LINKS", str(folder)),
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("WSGI_GAUNTLET_CACHE", str(folder.parent / "the cache")),
    ):
        monkeypatch.setenv(name, value)
    return folder


@contextmanager
def isolated_environment_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the locks that the block takes on environments apart from all others, and give them back at its end."""
    monkeypatch.setattr(versioned, "_held_locks", {})
    try:
        yield
    finally:
        for lock in versioned._held_locks.values():
            lock.release()


@contextmanager
def tiny_server_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have `tiny` be a server like all others, whose releases are had from an index in `folder`; work there."""
    monkeypatch.chdir(folder)
    make_package_index(folder / "index", monkeypatch)
    known = {**adapter_registry.adapters(), "tiny": TinyServer()}
    monkeypatch.setattr(adapter_registry, "adapters", lambda: known)
    with isolated_environment_locks(monkeypatch):
        yield
