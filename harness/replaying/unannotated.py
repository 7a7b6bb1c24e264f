"""Python source without annotations, otherwise as it was written. Pure."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_REMARK = re.compile(r"[ \t]+# (?:noqa|type: ignore).*$", re.MULTILINE)


@lru_cache(maxsize=256)
def bare(source: str) -> str:
    """Return `source` without annotations and without remarks to other tools."""
    lines = [line.encode() for line in _REMARK.sub("", source).splitlines()]
    spans: list[tuple[tuple[int, int], tuple[int, int], bytes]] = []
    for node in ast.walk(ast.parse(b"\n".join(lines))):
        note: ast.expr | None = None
        if isinstance(node, ast.arg) and node.annotation:
            note, since = node.annotation, (node.lineno - 1, node.col_offset + len(node.arg.encode()))
        elif isinstance(node, ast.AnnAssign) and node.value:
            note, since = node.annotation, ((node.target.end_lineno or 0) - 1, node.target.end_col_offset or 0)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            note = node.returns
            since = (note.lineno - 1, lines[note.lineno - 1].rindex(b" ->", 0, note.col_offset))
        if note is None:
            continue
        last, end = (note.end_lineno or 0) - 1, note.end_col_offset or 0
        default = isinstance(node, ast.arg) and lines[last][end : end + 3] == b" = "
        spans.append((since, (last, end + 3 if default else end), b"=" if default else b""))
    for (line, column), (last, end), instead in sorted(spans, reverse=True):
        lines[line : last + 1] = [lines[line][:column] + instead + lines[last][end:]]
    return b"\n".join(lines).decode()
