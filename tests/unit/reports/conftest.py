"""The sample results that every output is tried on."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model import Results

from ...helpers.sample_results import build


@pytest.fixture(scope="session")
def results() -> Results:
    """A run with everything in it."""
    return build()
