"""A launch that adapters can be asked about: nothing is started and no socket opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Settings

Launching = Callable[..., Launch]


@pytest.fixture
def launching() -> Launching:
    """Return a maker of launches: settings by their names, anything else of Launch by its own."""

    def launch(**given: Any) -> Launch:
        settings = {name: given.pop(name) for name in list(given) if name in Settings.__dataclass_fields__}
        whole: dict[str, Any] = {
            "python": "/py/bin/python",
            "executable": "/py/bin/python",
            "address": Address(port=8000),
            "app": "gauntlet_apps.reference:application",
            "folder": Path("/private"),
            "settings": Settings(**settings),
        }
        return Launch(**{**whole, **given})

    return launch
