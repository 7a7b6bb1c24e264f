"""Which workers run the same programs as the harness."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from wsgi_gauntlet.harness.cluster.cluster import version_problem

OWN = metadata.version("wsgi-gauntlet")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def versions(program: str | None, python: str) -> object:
    return {"host": {}, "packages": {"wsgi-gauntlet": program, "python": python, "dask": "2026.8.0"}}


def test_the_same_versions_are_accepted() -> None:
    assert version_problem(versions(OWN, f"{PYTHON}.99.final.0")) == ""


@pytest.mark.parametrize(
    ("of_worker", "words"),
    [
        (versions(None, PYTHON), f"has no wsgi-gauntlet; install version {OWN} there"),
        (versions("0.0.1", PYTHON), f"has wsgi-gauntlet 0.0.1, and this is {OWN}"),
        (versions(OWN, "3.8.1.final.0"), f"runs Python 3.8, and this is {PYTHON}"),
        ({}, "does not tell its versions"),
        (None, "does not tell its versions"),
    ],
)
def test_other_versions_are_refused_with_the_reason(of_worker: object, words: str) -> None:
    assert words in version_problem(of_worker)
