"""Join the JavaScript modules of the page into one script.

Each module becomes a function that returns its exports. So two modules can use the same name. The modules use a small
part of the language, which a browser loads without this module too:

    import { a, b } from "./other.js";      at the start of a line; no renames, no default, no namespace
    export function name / export async function name / export const name / export class Name
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) ([A-Za-z_$][\w$]*))", re.MULTILINE)
_ANY_IMPORT_OR_EXPORT = re.compile(r"^\s*(?:import|export)\b.*$|\bimport\(.*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class ModuleError(Exception):
    """A module uses a form that cannot be joined. The message names the module and the line."""


def join_modules(read: Callable[[str], str], entries: Sequence[str]) -> str:
    """Return one script with `entries` and everything that they import, each after its imports.

    `read` returns the source of a path, for example `views/lint.js`. In the script, the exports of a module are in the
    constant that `constant_name` returns.
    """
    parts: list[str] = []
    done: set[str] = set()

    def add(path: str, chain: tuple[str, ...]) -> None:
        if path in chain:
            raise ModuleError(f"{' -> '.join([*chain, path])}: modules import each other in a circle")
        if path in done:
            return
        source = read(path)
        folder = posixpath.dirname(path)
        for found in _IMPORT.finditer(source):
            add(posixpath.normpath(posixpath.join(folder, found[2])), (*chain, path))
        done.add(path)
        parts.append(_scope(path, folder, source))

    for each in entries:
        add(each, ())
    script = "\n".join(parts)
    if re.search(r"</script|<!--", script, re.IGNORECASE):
        raise ModuleError("a module contains '</script' or '<!--', which would end the script of the page")
    return script


def constant_name(path: str) -> str:
    """Return the name of the constant with the exports of the module at `path`."""
    return "module_" + re.sub(r"\W", "_", path.removesuffix(".js"))


def _scope(path: str, folder: str, source: str) -> str:
    def import_line(found: re.Match[str]) -> str:
        names = [each.strip() for each in found[1].split(",") if each.strip()]
        if wrong := [each for each in names if not _NAME.fullmatch(each)]:
            raise ModuleError(f"{path}: import {wrong[0]!r} by its own name")
        return (
            f"const {{ {', '.join(names)} }} = {constant_name(posixpath.normpath(posixpath.join(folder, found[2])))};"
        )

    exports = [found[1] for found in _EXPORT.finditer(source)]
    body = _EXPORT.sub("", _IMPORT.sub(import_line, source)).strip()
    if left := _ANY_IMPORT_OR_EXPORT.search(body):
        raise ModuleError(f"{path}: this form cannot be joined: {left.group().strip()}")
    return f"const {constant_name(path)} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();"
