"""Extract the app of one case from the sources of the test app, as one file without other modules. Pure.

A case uses a few functions of the test app. The file has these functions and the code that they use. It leaves out all
other modules, methods and annotations, and the entries of tables that no request of the case names. The text is copied
from the sources. The module `reproducer_stubs` replaces the code that talks to the harness.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import parse_qsl

from wsgi_gauntlet.harness.server.temp_dirs import app_version

_TOOL_COMMENT = re.compile(r"[ \t]+# (?:noqa|type: ignore).*$", re.MULTILINE)
_INNER_APP_NAME = "_answer"

STANDALONE_MODULE = "reproducer_stubs"
"""The module whose definitions replace those of other modules."""

REFERENCE_MODULE = "reference"
"""The module with `MODULES` (the modules of behaviours) and with the `application` that the file replaces."""

VERSION_FUNCTION = "app_version"
"""The function, and its module, that returns the version of the app."""

FALLBACK_BEHAVIOUR = "echo"
"""The behaviour for requests that name no other."""

WIDTH = 100
"""Columns of a comment."""

_PATH_SEGMENT = re.compile(rb"/([a-z][a-z0-9-]*)(?![A-Za-z0-9_-])")
_QUERY_VALUE = re.compile(rb"[?&][a-z-]+=([^&\s#]*)")


@dataclass(frozen=True)
class AppUsage:
    """The parts of the app that the requests of a case use: first segments of paths, and values of queries.

    `called` are the segments with which the app was really called. `names` may have words that are no paths.
    """

    names: frozenset[str]
    called: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Definition:
    """One statement of a module that defines `name`: its text and the names that it uses.

    `needed_when_defined` are names that must exist before. `attributes` are the attributes that it reads on any object,
    `own` those that it sets on `self`. A class is split: `members` are its methods, `text` the rest. `table` is set if
    the statement defines a table.
    """

    module: str
    name: str
    text: str
    uses: frozenset[str]
    needed_when_defined: frozenset[str]
    attributes: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    table: ast.Assign | None = None
    members: Mapping[str, _Definition] = field(default_factory=dict)
    order: tuple[int, int] = (0, 0)


def app_usage(paths: Iterable[str], sent: Iterable[bytes]) -> AppUsage:
    """Return the parts of the app that the requests use.

    `paths` are the paths, with queries, with which the app was called; `sent` are the bytes of the requests. Both are
    used, because a server may change paths and queries.
    """
    called: set[str] = set()
    words: set[str] = set()
    for path in paths:
        place, _, query = path.partition("?")
        called.add(place.split("/")[1] if place.startswith("/") else "")
        words.update(value for _, value in parse_qsl(query))
    names = set(called)
    for data in sent:
        names.update(found.decode("ascii") for found in _PATH_SEGMENT.findall(data))
        for found in _QUERY_VALUE.findall(data):
            words.update(value for _, value in parse_qsl(f"x={found.decode('latin-1')}"))
    return AppUsage(frozenset(names), frozenset(called), frozenset(words))


def behaviours(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the name of each behaviour in paths, and the name of its function."""
    found: dict[str, str] = {}
    for module in reversed(_behaviour_modules(sources[REFERENCE_MODULE])):
        found.update({name.replace("_", "-"): name for name in _functions(sources[module])})
    return found


def extract_app(
    sources: Mapping[str, str], usage: AppUsage, *, title: str, wrapper_module: str = "", kind: str = ""
) -> str:
    """Return the source of one module with a callable `application` for the requests of `usage`.

    `sources` are the modules of the app by name. `title` goes into the docstring. `wrapper_module` names a module whose
    `application` wraps the test app, such as the Flask app. `kind` is the kind of callable, one of the app's KINDS.
    """
    known = behaviours(sources)
    names = sorted(usage.names & known.keys())
    if not names or FALLBACK_BEHAVIOUR in usage.names or any(each not in known for each in usage.called):
        # The first behaviour of the table gets all requests without a name.
        names = [FALLBACK_BEHAVIOUR, *(name for name in names if name != FALLBACK_BEHAVIOUR)]
    plain = {name: strip_annotations(source) for name, source in sources.items()}
    definitions, imports = _read_modules(plain, usage.words)
    table = "BEHAVIOURS = {" + ", ".join(f'"{name}": {known[name]}' for name in names) + "}"
    needs = frozenset(known[name] for name in names)
    entry = _INNER_APP_NAME if kind else _inner_name(sources, wrapper_module)
    definitions["BEHAVIOURS"] = _Definition(STANDALONE_MODULE, "BEHAVIOURS", table, needs, needs, order=(98, 0))
    definitions[entry] = replace(
        definitions["application"],
        name=entry,
        text=definitions["application"].text.replace("application", entry),
        order=(99, 0),
    )
    wanted = {entry}
    if kind:
        definitions.update(_callable(plain[REFERENCE_MODULE], kind))
        wanted.add("application")
    if wrapper_module:
        own = {definition.name: definition for definition in _definitions(wrapper_module, plain[wrapper_module], 100)}
        definitions.update(own)
        imports.update(_imports(plain[wrapper_module]))
        wanted.add("application")
    chosen = _reachable(definitions, wanted)
    blocks = [_source_text(each) for each in _in_dependency_order(chosen)]
    return _join_blocks([f'"""{title}"""', *_import_lines(chosen, imports), *blocks])


def standalone_source(sources: Mapping[str, str], module: str) -> str:
    """Return `module` of the app as one file: its `application`, all behaviours, and all code that they use."""
    title = (ast.get_docstring(ast.parse(sources[module])) or "").partition("\n")[0]
    version = (
        f'def {VERSION_FUNCTION}():\n    """Return the version of this app."""\n    return "{app_version(sources)}"\n'
    )
    usage = AppUsage(frozenset(behaviours(sources)))
    return extract_app({**sources, STANDALONE_MODULE: sources[module], VERSION_FUNCTION: version}, usage, title=title)


# ---------------------------------------------------------------------- reading the sources


@lru_cache(maxsize=16)
def _behaviour_modules(source: str) -> tuple[str, ...]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and _defined_name(node) == "MODULES" and isinstance(node.value, ast.Tuple):
            return tuple(each.id for each in node.value.elts if isinstance(each, ast.Name))
    raise ValueError(f"the module {REFERENCE_MODULE} has no tuple MODULES")


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache(maxsize=256)
def _functions(source: str) -> tuple[str, ...]:
    nodes = ast.parse(source).body
    return tuple(each.name for each in nodes if isinstance(each, _FUNCTIONS) and not each.name.startswith("_"))


def _callable(source: str, kind: str) -> dict[str, _Definition]:
    """Return the definitions that wrap `_INNER_APP_NAME` as that kind of callable."""
    own = {definition.name: definition for definition in _definitions(REFERENCE_MODULE, source, 100)}
    table = own["KINDS"].table
    assert table is not None
    made = next(ast.unparse(value) for key, value in _entries(table) if key == kind)
    classes = frozenset(own) & _names([ast.parse(made)])
    last = _Definition(REFERENCE_MODULE, "application", f"application = {made}", classes, classes, order=(101, 0))
    return {**{name: own[name] for name in classes}, "application": last}


def _inner_name(sources: Mapping[str, str], wrapper_module: str) -> str:
    """Return the name of the test app in the module `wrapper_module`."""
    for node in ast.parse(sources[wrapper_module]).body if wrapper_module else ():
        if isinstance(node, ast.ImportFrom) and node.level and node.module == REFERENCE_MODULE:
            return node.names[0].asname or node.names[0].name
    return "application"


def _read_modules(sources: Mapping[str, str], words: frozenset[str]) -> tuple[dict[str, _Definition], dict[str, str]]:
    """Return the definitions of all modules by name, and the import lines of other names."""
    order = [name for name in (STANDALONE_MODULE, "event_channel", "call") if name in sources]
    order += [name for name in _behaviour_modules(sources[REFERENCE_MODULE]) if name not in order]
    order += sorted(name for name in sources if name not in order and _is_shared_module(sources[name]))
    definitions: dict[str, _Definition] = {}
    imports: dict[str, str] = {}
    for place, module in enumerate(order):
        imports.update(_imports(sources[module]))
        for whole in _definitions(module, sources[module], place):
            definition = _narrow_table(whole, words)
            existing = definitions.get(definition.name)
            if existing is None:
                definitions[definition.name] = definition
            elif existing.module == STANDALONE_MODULE:
                # The stub keeps its own methods and gets the other methods of the class.
                own = {each for member in existing.members.values() for each in member.own}
                inherited = {each: member for each, member in definition.members.items() if each not in own}
                members = {**inherited, **existing.members} if existing.members else {}
                definitions[definition.name] = replace(existing, members=members)
    return definitions, imports


def _is_shared_module(source: str) -> bool:
    """Say whether other modules use this one: a module with an `application` is for servers."""
    return "\ndef application(" not in source and "\napplication = " not in source


@lru_cache(maxsize=256)
def _imports(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = ast.unparse(ast.Import([alias]))
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            for alias in node.names:
                found[alias.asname or alias.name] = ast.unparse(ast.ImportFrom(node.module, [alias], 0))
    return found


@lru_cache(maxsize=256)
def _definitions(module: str, source: str, place: int) -> tuple[_Definition, ...]:
    lines = source.splitlines()
    return tuple(
        _definition(module, name, node, lines, (place, number))
        for number, node in enumerate(ast.parse(source).body)
        if (name := _defined_name(node))
    )


def _definition(module: str, name: str, node: ast.stmt, lines: list[str], order: tuple[int, int]) -> _Definition:
    text = "\n".join(lines[_start(node) - 1 : node.end_lineno])
    if isinstance(node, ast.ClassDef):
        methods = [each for each in node.body if isinstance(each, _FUNCTIONS)]
        members = {each.name: _definition(module, each.name, each, lines, (0, each.lineno)) for each in methods}
        until = min((_start(each) for each in methods), default=(node.end_lineno or 0) + 1)
        text = "\n".join(lines[_start(node) - 1 : until - 1]).rstrip()
        rest: list[ast.AST] = [*node.bases, *node.decorator_list, *(each for each in node.body if each not in methods)]
        return _Definition(
            module, name, text, _names(rest), _names(rest), _attributes(rest), members=members, order=order
        )
    if isinstance(node, _FUNCTIONS):
        before: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        return _Definition(
            module, name, text, _names([node]), _names(before), _attributes([node]), _self_attributes(node), order=order
        )
    table = node if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) else None
    return _Definition(
        module, name, text, _names([node]), _names([node]), _attributes([node]), table=table, order=order
    )


def _entries(table: ast.Assign) -> list[tuple[object, ast.expr]]:
    """Return the keys and values of a table; a key that is no constant is None."""
    if not isinstance(table.value, ast.Dict):
        return []
    pairs = zip(table.value.keys, table.value.values, strict=True)
    return [(key.value if isinstance(key, ast.Constant) else None, value) for key, value in pairs]


def _narrow_table(definition: _Definition, words: frozenset[str]) -> _Definition:
    """Return a table with the entries that `words` name, or the whole table if they name none."""
    if definition.table is None:
        return definition
    entries = _entries(definition.table)
    kept = [(ast.Constant(key), value) for key, value in entries if key in words]
    if not kept or len(kept) == len(entries):
        return definition
    fewer = ast.Dict([key for key, _ in kept], [value for _, value in kept])
    shorter = ast.copy_location(ast.Assign(definition.table.targets, fewer), definition.table)
    text = ast.unparse(shorter)
    return replace(
        definition,
        text=text if '"' in text else text.replace("'", '"'),
        uses=_names([shorter]),
        needed_when_defined=_names([shorter]),
        attributes=_attributes([shorter]),
    )


def _defined_name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _target(node: ast.AnnAssign) -> str:
    return node.target.id if isinstance(node.target, ast.Name) else ""


def _start(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) else []
    return min([node.lineno, *(each.lineno for each in decorators)])


def _names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that `nodes` use and do not define themselves."""
    found: set[str] = set()
    for node in nodes:
        below = list(ast.walk(node))
        local = {each.arg for each in below if isinstance(each, ast.arg)}
        if isinstance(node, _FUNCTIONS):
            local |= {each.id for each in below if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
            local |= {each.name for each in below[1:] if isinstance(each, _FUNCTIONS)}
            local -= {name for each in below if isinstance(each, ast.Global) for name in each.names}
        found |= {each.id for each in below if isinstance(each, ast.Name)} - local
    return frozenset(found)


def _self_attributes(node: ast.stmt) -> frozenset[str]:
    return frozenset(
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self"
    )


def _attributes(nodes: Iterable[ast.AST]) -> frozenset[str]:
    return frozenset(each.attr for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute))


# ---------------------------------------------------------------------- choosing and writing


def _reachable(definitions: Mapping[str, _Definition], wanted: set[str]) -> dict[str, _Definition]:
    """Return by name the definitions that `wanted` needs. A class keeps the methods whose names the code uses."""
    chosen: dict[str, _Definition] = {}
    attributes: set[str] = set()
    growing = True
    while growing:
        growing = False
        for name in sorted(wanted - chosen.keys()):
            definition = definitions[name]
            chosen[name] = replace(definition, members={})
            attributes |= definition.attributes
            wanted |= definition.uses & definitions.keys()
            growing = True
        for name, definition in list(chosen.items()):
            more = {
                each: member
                for each, member in definitions[name].members.items()
                if each not in definition.members
                and (each in attributes or _called_implicitly(each, definitions[name]))
            }
            if more:
                chosen[name] = replace(definition, members={**definition.members, **more})
                for member in more.values():
                    attributes |= member.attributes
                    wanted |= member.uses & definitions.keys()
                growing = True
    return chosen


def _called_implicitly(name: str, owner: _Definition) -> bool:
    """Say whether Python or the server calls a method, so that the app does not show its use."""
    return name.startswith("__") or (owner.name != "Call" and not name.startswith("_"))


def _in_dependency_order(chosen: Mapping[str, _Definition]) -> list[_Definition]:
    """Return the definitions in the order of their modules, each behind the definitions that it needs."""
    ordered: dict[str, _Definition] = {}

    def visit(definition: _Definition, above: frozenset[str]) -> None:
        needed_when_defined = definition.needed_when_defined.union(
            *(member.needed_when_defined for member in definition.members.values())
        )
        for name in sorted(needed_when_defined & chosen.keys() - above, key=lambda each: chosen[each].order):
            if name not in ordered:
                visit(chosen[name], above | {name})
        ordered.setdefault(definition.name, definition)

    for definition in sorted(chosen.values(), key=lambda each: each.order):
        visit(definition, frozenset({definition.name}))
    return list(ordered.values())


def _source_text(definition: _Definition) -> str:
    members = sorted(definition.members.values(), key=lambda each: each.order)
    return "\n\n".join([definition.text, *(each.text for each in members)])


def _import_lines(chosen: Mapping[str, _Definition], imports: Mapping[str, str]) -> list[str]:
    names = {name for definition in chosen.values() for name in definition.uses}
    names |= {name for definition in chosen.values() for member in definition.members.values() for name in member.uses}
    plain: list[str] = []
    grouped: dict[str, list[str]] = {}
    for name in sorted(names & imports.keys()):
        module, brought, what = imports[name].removeprefix("from ").partition(" import ")
        if brought:
            grouped.setdefault(module, []).append(what)
        else:
            plain.append(imports[name])
    lines = [*plain, *(f"from {module} import {', '.join(what)}" for module, what in sorted(grouped.items()))]
    return ["\n".join(lines)] if lines else []


def _join_blocks(blocks: list[str]) -> str:
    text, before = "", ""
    for block in blocks:
        tall = any(each.startswith(("def ", "class ", "@")) for each in (before, block))
        text += ("\n\n" if tall and before else "\n" if before else "") + block + "\n"
        before = block
    return text


@lru_cache(maxsize=256)
def strip_annotations(source: str) -> str:
    """Return `source` without annotations and without comments for tools (noqa, type: ignore)."""
    lines = [line.encode() for line in _TOOL_COMMENT.sub("", source).splitlines()]
    spans: list[tuple[tuple[int, int], tuple[int, int], bytes]] = []
    for node in ast.walk(ast.parse(b"\n".join(lines))):
        annotation: ast.expr | None = None
        if isinstance(node, ast.arg) and node.annotation:
            annotation, start = node.annotation, (node.lineno - 1, node.col_offset + len(node.arg.encode()))
        elif isinstance(node, ast.AnnAssign) and node.value:
            annotation, start = node.annotation, ((node.target.end_lineno or 0) - 1, node.target.end_col_offset or 0)
        elif isinstance(node, _FUNCTIONS) and node.returns:
            annotation = node.returns
            start = (annotation.lineno - 1, lines[annotation.lineno - 1].rindex(b" ->", 0, annotation.col_offset))
        if annotation is None:
            continue
        last, end = (annotation.end_lineno or 0) - 1, annotation.end_col_offset or 0
        default = isinstance(node, ast.arg) and lines[last][end : end + 3] == b" = "
        spans.append((start, (last, end + 3 if default else end), b"=" if default else b""))
    for (line, column), (last, end), replacement in sorted(spans, reverse=True):
        lines[line : last + 1] = [lines[line][:column] + replacement + lines[last][end:]]
    return b"\n".join(lines).decode()
