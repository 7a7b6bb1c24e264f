"""Python source without annotations, otherwise as it was written. Pure."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_TOOL_COMMENT = re.compile(r"[ \t]+# (?:noqa|type: ignore).*$", re.MULTILINE)


@lru_cache(maxsize=256)
def strip_annotations(source: str) -> str:
    """Return `source` without annotations and without remarks to other tools."""
    lines = [line.encode() for line in _TOOL_COMMENT.sub("", source).splitlines()]
    spans: list[tuple[tuple[int, int], tuple[int, int], bytes]] = []
    for node in ast.walk(ast.parse(b"\n".join(lines))):
        annotation: ast.expr | None = None
        if isinstance(node, ast.arg) and node.annotation:
            annotation, start = node.annotation, (node.lineno - 1, node.col_offset + len(node.arg.encode()))
        elif isinstance(node, ast.AnnAssign) and node.value:
            annotation, start = node.annotation, ((node.target.end_lineno or 0) - 1, node.target.end_col_offset or 0)
        elif isinstance(node, ast.FunctionDef) and node.returns:
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
