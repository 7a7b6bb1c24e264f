"""The page of results.json, made from its JSON schema."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import resources

import msgspec

from .page import Page, code, escape, join, paragraphs, table

FOLDER = "reference"
INTRODUCTION = (
    "Every run writes `results.json` into its [run folder](../concepts.md#runs-and-reports), and `--json` prints it. "
    "[results.schema.json](results.schema.json) is its JSON schema. Later versions with the same number in `schema` "
    "only add fields."
)


class Schema(msgspec.Struct, frozen=True):
    """The part of a JSON schema that the schema of results.json uses."""

    title: str = ""
    description: str = ""
    type: str | tuple[str, ...] = ""
    ref: str = msgspec.field(name="$ref", default="")
    defs: dict[str, Schema] = msgspec.field(name="$defs", default_factory=dict)
    properties: dict[str, Schema] = {}
    required: tuple[str, ...] = ()
    items: Schema | bool | None = None
    prefix_items: tuple[Schema, ...] = msgspec.field(name="prefixItems", default=())
    additional: Schema | bool | None = msgspec.field(name="additionalProperties", default=None)
    any_of: tuple[Schema, ...] = msgspec.field(name="anyOf", default=())
    enum: tuple[str | int | float | bool | None, ...] = ()
    const: str | int | None = None


def text() -> str:
    """Return the JSON schema."""
    return (resources.files("wsgi_gauntlet.reports.writers") / "results.schema.json").read_text(encoding="utf-8")


def pages() -> Iterator[Page]:
    """Yield the page and the schema itself."""
    schema = msgspec.json.decode(text(), type=Schema)
    yield Page(f"{FOLDER}/results.md", _page(schema))
    yield Page(f"{FOLDER}/results.schema.json", text())


def _page(schema: Schema) -> str:
    parts = [
        "# results.json",
        INTRODUCTION,
        escape(schema.description),
        f"The document is one object of the type {_link(schema.ref)}.",
    ]
    for name, each in schema.defs.items():
        rows = [
            (code(field), describe(kind), "yes" if field in each.required else "no")
            for field, kind in each.properties.items()
        ]
        parts += [f"## {name} {{ #{name} }}", paragraphs(inspect.cleandoc(each.description))]
        parts += [table(("field", "type", "always there"), rows) or describe(each)]
    return join(*parts)


def describe(schema: Schema | bool | None) -> str:
    """Return the type that `schema` describes, in words."""
    if not isinstance(schema, Schema):
        return "anything"
    if schema.ref:
        return _link(schema.ref)
    if schema.any_of:
        return " or ".join(dict.fromkeys(describe(each) for each in schema.any_of))
    if schema.const is not None or schema.enum:
        return ", ".join(code(str(each)) for each in schema.enum or (schema.const,))
    if schema.type == "array":
        if schema.prefix_items:
            return f"a list of {', '.join(describe(each) for each in schema.prefix_items)}"
        return f"a list of: {describe(schema.items)}"
    if schema.type == "object":
        return f"an object with values: {describe(schema.additional)}" if schema.additional else "an object"
    kinds = (schema.type,) if isinstance(schema.type, str) else schema.type
    return " or ".join(kinds) or "anything"


def _link(ref: str) -> str:
    name = ref.rpartition("/")[2]
    return f"[{code(name)}](#{name})"
