"""Make a chart a file of its own, in the colours of a theme, on the theme's paper."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wsgi_gauntlet.reports.charts.palette import LIGHT

_COLOURED_TAG = re.compile(r'<[a-z]+ [^<>]*class="([^"]*)"[^<>]*>')
_ROOT = re.compile(r"<svg [^>]*>")


def standalone(svg: str, theme: Mapping[str, str] = LIGHT) -> str:
    """Return the chart `svg` as a file. It needs no style sheet, script or font file."""
    coloured = _COLOURED_TAG.sub(lambda found: _recolour(found.group(), found.group(1), theme), svg)
    root = _ROOT.search(coloured)
    if root is None:
        raise ValueError("a chart begins with an svg element")
    paper = f'\n<rect width="100%" height="100%" fill="{theme["paper"]}"/>'
    return coloured[: root.end()] + paper + coloured[root.end() :]


def _recolour(tag: str, classes: str, theme: Mapping[str, str]) -> str:
    """Return `tag` with the colours that its classes name, and without the classes."""
    for each in classes.split():
        kind, _, name = each.partition("-")
        attribute = {"f": "fill", "s": "stroke"}.get(kind)
        if attribute and name in theme:
            tag = re.sub(rf' {attribute}="[^"]*"', f' {attribute}="{theme[name]}"', tag, count=1)
    return re.sub(r' class="[^"]*"', "", tag, count=1)
