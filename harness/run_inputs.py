"""What the user gave a run, as fingerprints: `--resume` refuses to mix the results of two inputs.

The journal keeps only short fingerprints: an env file and a traffic file have secrets.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.user_app import is_user_app
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import Journal
from wsgi_gauntlet.harness.traffic.model import Traffic

FINGERPRINT_DIGITS = 4
"""Hexadecimal digits of SHA-256. One change in 65,536 goes unnoticed. Whoever guesses at a weak secret finds that every
65,536th guess fits, and so learns nothing."""

CURRENT_FOLDER = "the current folder"
PYTHON = "--python"


def server_inputs(python: str, app: str, setup: AppSetup) -> dict[str, str]:
    """Return the fingerprints of the interpreter, the app and its setup, by the option that names each.

    `python` is an absolute path. An env file counts by its variables, so another name for the same content is equal.
    """
    # The app runs in the current folder, and files beside it are its own.
    where = {CURRENT_FOLDER: fingerprint(Path.cwd())} if is_user_app(app) else {}
    return {
        **where,
        PYTHON: fingerprint((python, os.path.realpath(python))),
        "--app": fingerprint(app),
        "--app-dir": fingerprint(setup.import_folders),
        "the content of --env-file": fingerprint(
            (sorted({**setup.variables, **setup.command_variables}.items()), setup.python_path)
        ),
        "--before": fingerprint(setup.before),
        "--after": fingerprint(setup.after),
        "--fresh-copy": fingerprint(setup.fresh_copy),
        "--static": fingerprint(setup.static),
    }


def request_inputs(page: str, traffic: Traffic | None) -> dict[str, str]:
    """Return the fingerprints of what users request. A traffic file counts by its content, and not by its name."""
    content = None if traffic is None else msgspec.structs.replace(traffic, source="")
    return {"--app-path": fingerprint(page), "the content of --traffic": fingerprint(content)}


def require_same_inputs(run_journal: Journal, inputs: dict[str, str]) -> None:
    """Raise ConfigurationError if the run in the journal had other inputs. One without fingerprints is not checked."""
    earlier = journal.read_inputs(run_journal.folder)
    changed = [each for each, found in inputs.items() if earlier.get(each, found) != found]
    if changed:
        raise ConfigurationError(
            f"--resume: the run in {run_journal.folder} had another value for {', '.join(changed)}; give it what the "
            "first call had, or name another folder with --out"
        )


def fingerprint(value: object) -> str:
    """Return a short digest of `value`, whose `repr` must be the same in every process."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]
