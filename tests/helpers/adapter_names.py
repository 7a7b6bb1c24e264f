"""Every server in every variant, by name. New files in servers/ are among them by being there."""

from __future__ import annotations

from wsgi_gauntlet.harness import registry

REMOVED_VARIANTS = frozenset({"gunicorn:eventlet"})
"""Variants that the last version of their server no longer has."""


WITHOUT_UNIX_SOCKETS = frozenset(
    {
        "apache:tcp+gunicorn",
        "apache:unix+gunicorn",
        "apache:uwsgi+uwsgi",
        "cgi:apache",
        "fastpysgi",
        "fastwsgi",
        "m0serve",
        "mod_wsgi-express",
        "mod_wsgi:daemon",
        "mod_wsgi:embedded",
        "twisted",
        "werkzeug:in-process",
        "wsgiref:in-process",
        "wsgiref:server",
    }
)
"""Those that refuse to listen on one; whoever is not among them must serve there."""

WITHOUT_MOUNTS = frozenset(
    {
        "bjoern",
        "eventlet:wsgi",
        "fastpysgi",
        "fastwsgi",
        "flask:cli",
        "gevent:patched",
        "gevent:unpatched",
        "gunicorn:tornado",
        "pyruvate",
        "tornado:container",
        "tornado:fallback",
        "tornado:threads",
        "uvicorn:httptools",
        "uvicorn:a2wsgi",
        "uvicorn:wsgi",
        "wsgiref:in-process",
        "wsgiref:server",
    }
)
"""Those that refuse to serve the app below a path; whoever is not among them must do so."""

RELOADING = frozenset({"cgi", "granian", "gunicorn", "hypercorn", "mod_wsgi", "mod_wsgi-express", "peregrine", "uwsgi"})
"""The adapters of servers that load the app anew on a signal; behind a front it is the server that does."""


def names() -> list[str]:
    """Return every adapter in every variant of today; a front with a server behind it."""
    found = []
    for adapter in registry.adapters().values():
        if adapter.unavailable_reason:
            continue
        for variant in adapter.variants or ("",):
            name = f"{adapter.name}:{variant}" if variant else adapter.name
            if name in REMOVED_VARIANTS:
                continue
            behind = "uwsgi" if variant.startswith("uwsgi") else "gunicorn"
            found.append(f"{name}+{behind}" if adapter.front else name)
    return [*found, "nginx+uwsgi"]


def defaults() -> list[str]:
    """Return every adapter once, in the variant that it has where none is named; a front with a server behind it."""
    return list({adapter_of(name): name for name in reversed(names())}.values())


def reloads(name: str) -> bool:
    """Say whether the server that runs the app loads it anew on a signal."""
    return adapter_of(name.rpartition("+")[2]) in RELOADING


def adapter_of(name: str) -> str:
    """Return the name of the adapter that `name` begins with."""
    return name.partition("+")[0].partition(":")[0]
