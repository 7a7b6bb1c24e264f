"""Every server in every variant, by name. New files in servers/ are among them by being there."""

from __future__ import annotations

from wsgi_gauntlet.harness import discover

PAST = frozenset({"gunicorn:eventlet"})
"""Variants that the last version of their server no longer has."""


def names() -> list[str]:
    """Return every adapter in every variant of today; a front with a server behind it."""
    found = []
    for adapter in discover.adapters().values():
        if adapter.gone:
            continue
        for variant in adapter.variants or ("",):
            name = f"{adapter.name}:{variant}" if variant else adapter.name
            if name in PAST:
                continue
            behind = "uwsgi" if variant.startswith("uwsgi") else "gunicorn"
            found.append(f"{name}+{behind}" if adapter.front else name)
    return [*found, "nginx+uwsgi"]


def defaults() -> list[str]:
    """Return every adapter once, in the variant that it has where none is named; a front with a server behind it."""
    return list({adapter_of(name): name for name in reversed(names())}.values())


def adapter_of(name: str) -> str:
    """Return the name of the adapter that `name` begins with."""
    return name.partition("+")[0].partition(":")[0]
