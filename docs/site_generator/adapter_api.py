"""The page of the adapter API, made from the docstrings of `wsgi_gauntlet.adapters`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator

from wsgi_gauntlet import adapters

from .page import Page, block, code, escape, join, paragraphs

PATH = "reference/adapter-api.md"
INTRODUCTION = (
    "An adapter is the file that describes a server. [Add your own server](../servers.md#add-your-own-server) shows a "
    "complete one. Import everything on this page from `wsgi_gauntlet.adapters`."
)


def pages() -> Iterator[Page]:
    """Yield the page."""
    yield Page(PATH, _page())


def _page() -> str:
    parts = ["# Adapter API", INTRODUCTION]
    names = sorted(adapters.__all__, key=lambda name: (name not in ("Adapter", "ServerDescription"), name.lower()))
    for name in names:
        value = getattr(adapters, name)
        parts += _class(name, value) if inspect.isclass(value) else _function(name, value, "##")
    return join(*parts)


def _class(name: str, value: type) -> Iterator[str]:
    yield f"## {name} {{ #{name} }}"
    own = [each for each in value.__bases__ if each.__name__ in adapters.__all__]
    if own:
        yield "Has everything of " + ", ".join(f"[{code(each.__name__)}](#{each.__name__})" for each in own) + "."
    if declared := _declaration(name, value):
        yield block(declared, "python")
    yield paragraphs(_documentation(value))
    for method, function in vars(value).items():
        if method.startswith("_"):
            continue
        if isinstance(function, property):
            yield f"### {name}.{escape(method)} {{ #{name}.{method} }}"
            yield paragraphs(_documentation(function))
        elif inspect.isfunction(function):
            yield from _function(f"{name}.{method}", function, "###")


def _declaration(name: str, value: type) -> str:
    """Return the fields of a class with their types and defaults, as in its source."""
    if not dataclasses.is_dataclass(value) and value is not adapters.ServerDescription:
        return ""
    lines = inspect.getsource(value).splitlines()
    fields = [
        each for each in lines if each.startswith("    ") and not each.startswith("     ") and _is_field(each, value)
    ]
    return "\n".join([f"class {name}:", *fields])


def _is_field(line: str, value: type) -> bool:
    name, colon, _ = line.strip().partition(":")
    return bool(colon) and name in value.__annotations__


def _function(name: str, value: Callable[..., object], heading: str) -> Iterator[str]:
    yield f"{heading} {escape(name)} {{ #{name} }}"
    short = name.rpartition(".")[2]
    yield block(f"def {short}{inspect.signature(value)}".replace("'", ""), "python")
    yield paragraphs(_documentation(value))


def _documentation(value: object) -> str:
    return inspect.getdoc(value) or ""
