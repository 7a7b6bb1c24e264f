"""A gunicorn.conf.py of the user: the settings that the harness leaves out of it, and the effective ones.

The file is a program. gunicorn reads a wrapper of it, which runs the file and drops the settings that the harness owns.
https://docs.gunicorn.org/en/stable/settings.html
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.process.environment import server_environment, user_python_path
from wsgi_gauntlet.servers._support.user_configuration import NOT_USED, Overrides

OWNED = (
    "bind",
    "wsgi_app",
    "paste",
    "daemon",
    "pidfile",
    "user",
    "group",
    "initgroups",
    "certfile",
    "keyfile",
    "keyfile_password",
    "ca_certs",
    "cert_reqs",
    "ssl_context",
    "errorlog",
    "accesslog",
    "logconfig",
    "logconfig_dict",
    "logconfig_json",
    "syslog",
    "check_config",
    "print_config",
    "control_socket",
    "control_socket_disable",
)
"""Settings of the harness: address, app, process, user, certificates and logs. The harness reads the log on stderr."""

READ_TIMEOUT = 30.0
"""Seconds in which the file must have run."""

MARKER = "\nwsgi-gauntlet: "

WRAPPER = """\
# Runs {file} without the settings that wsgi-gauntlet sets itself.
_file = {file!r}
_found = {{"__name__": "__config__", "__file__": _file, "__builtins__": __builtins__}}
with open(_file, "rb") as _opened:
    exec(compile(_opened.read(), _file, "exec"), _found)
globals().update({{k: v for k, v in _found.items() if not k.startswith("__") and k.lower() not in {owned!r}}})
"""

READER = """\
import json, sys, traceback

MARKER, file, owned, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])

def say(**values):
    sys.stdout.write(MARKER + json.dumps(values))
    sys.stdout.flush()
    raise SystemExit

found = {"__name__": "__config__", "__file__": file}
try:
    with open(file, "rb") as opened:
        exec(compile(opened.read(), file, "exec"), found)
except BaseException as problem:
    line = traceback.format_exception_only(type(problem), problem)[-1].strip()
    where = [each for each in traceback.extract_tb(problem.__traceback__) if each[0] == file]
    number = getattr(problem, "lineno", None) if isinstance(problem, SyntaxError) else where and where[-1][1]
    say(error="%s%s" % (line, " (line %s)" % number if number else ""))

from gunicorn.config import Config

cfg = Config()
for name, value in found.items():
    if name in cfg.settings and name not in owned:
        try:
            cfg.set(name.lower(), value)
        except BaseException as problem:
            say(error="Invalid value for %s: %r (%s)" % (name, value, problem))
for name, value in asked.items():
    cfg.set(name, value)
effective = {each: cfg.settings[each].get() for each in ("workers", "threads", "keepalive", "timeout", "backlog",
                                                         "worker_connections", "max_requests")}
worker = cfg.settings["worker_class"].get()
if isinstance(worker, type):
    worker = getattr(worker, "__module__", "") + "." + worker.__name__
if worker == "sync" and effective["threads"] > 1:
    worker = "gthread"  # Config.worker_class does the same
replaced = {name: str(found[name]) for name in [*owned, *asked] if name in found and name in cfg.settings}
replaced = {name: value for name, value in replaced.items() if not callable(found[name]) or name == "ssl_context"}
say(worker=str(worker), replaced=replaced, **{k: v for k, v in effective.items() if isinstance(v, (int, float))})
"""


class Effective(msgspec.Struct, frozen=True):
    """The effective settings of a gunicorn with a file of the user, and the values in the file that are not used."""

    error: str = ""
    worker: str = "sync"
    workers: int = 1
    threads: int = 1
    keepalive: float = 2
    timeout: float = 30
    backlog: int = 2048
    worker_connections: int = 1000
    max_requests: int = 0
    replaced: dict[str, str] = {}


def wrapper(file: Path, asked: Mapping[str, object]) -> str:
    """Return the file that gunicorn reads in place of the user's `file`."""
    return WRAPPER.format(file=str(file), owned=sorted({*OWNED, *asked}))


def effective(python: str, file: Path, asked: Mapping[str, object]) -> Effective:
    """Return the effective settings. Raises ConfigurationError if gunicorn cannot read the file."""
    try:
        changed = file.stat().st_mtime_ns
    except OSError as problem:
        raise ConfigurationError(f"cannot read {file}: {problem.strerror}; correct the path") from None
    found = _read(python, str(file), changed, json.dumps(dict(asked), sort_keys=True), str(Path.cwd()))
    if found.error:
        raise ConfigurationError(f"{file}: gunicorn rejects it: {found.error}")
    return found


@lru_cache(maxsize=64)
def _read(python: str, file: str, changed: int, asked: str, folder: str) -> Effective:  # noqa: ARG001 - a part of the key
    environment = server_environment(os.environ, path=user_python_path(), temporary="/tmp", added={})  # noqa: S108
    try:
        done = subprocess.run(
            [python, "-c", READER, MARKER, file, json.dumps(OWNED), asked],
            capture_output=True,
            timeout=READ_TIMEOUT,
            check=False,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Effective(error=f"it did not end in {READ_TIMEOUT:g} s")
    except OSError as problem:
        return Effective(error=f"{python} cannot be run: {problem.strerror}")
    _, marked, answer = done.stdout.decode("utf-8", "replace").rpartition(MARKER)
    try:
        return msgspec.json.decode(answer, type=Effective, strict=False)
    except (msgspec.MsgspecError, ValueError):
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Effective(error=lines[-1] if lines and not marked else "it cannot be read")


def overrides(found: Effective, now: Mapping[str, object]) -> tuple[ConfigOverride, ...]:
    """Return the values of the file that are not used; `now` are the values of the harness by setting."""
    made = Overrides("gunicorn")
    for name, was in found.replaced.items():
        if was not in ("None", "False", "", "0") or name in now:
            made.add(name, was, str(now.get(name, NOT_USED)))
    return made.found
