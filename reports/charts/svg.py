"""Change the SVG of matplotlib for a page or a file.

Charts are drawn in placeholder colours. In a page each becomes a CSS variable, so that the chart follows the theme.
In a file each becomes the colour of one theme.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.sax.saxutils import escape

from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT, SERIES_COUNT

__all__ = ["DARK", "LIGHT", "PLACEHOLDER_COLOURS", "SERIES_COUNT", "inline", "standalone"]

PLACEHOLDER_COLOURS = {name: f"#0101{number:02x}" for number, name in enumerate(LIGHT)}

_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def inline(drawn: str, name: str, title: str) -> str:
    """Return the SVG `drawn` for a page. `name` is the prefix of its ids, `title` the text for screen readers."""
    body = _prefix_ids(_minify(_svg_element(drawn)), name)
    body = _replace_colours(body, lambda colour: f"var(--c-{colour})")
    label = escape(title, {'"': "&quot;"})
    return body.replace("<svg ", f'<svg class="chart" role="img" aria-label="{label}" ', 1).replace(
        ">", f"><title>{escape(title)}</title>", 1
    )


def standalone(drawn: str, title: str, theme: dict[str, str]) -> str:
    """Return the SVG `drawn` as a file of its own, in the colours of `theme`, on the theme's paper."""
    body = _replace_colours(_minify(_svg_element(drawn), keep_size=True), lambda colour: theme[colour])
    box = re.search(r'viewBox="([^"]*)"', body)
    width, height = box.group(1).split()[2:] if box else ("100%", "100%")
    paper = f'<rect width="{width}" height="{height}" rx="6" fill="{theme["paper"]}"/>'
    style = f"<style>text{{font-family:{_FONT}}}</style>"
    return body.replace(">", f"><title>{escape(title)}</title>{style}{paper}", 1) + "\n"


def _svg_element(drawn: str) -> str:
    body = drawn[drawn.index("<svg ") :].strip()
    return re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)


def _minify(body: str, *, keep_size: bool = False) -> str:
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    if not keep_size:
        body = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", body, count=1)
        body = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", body, count=1)
    # A style element inside of the drawing would apply to the whole page. Attributes set the important values.
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"font: (?:(bold|\d+) )?([\d.]+)px [^;\"]*", _font, body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' d="([^"]*)"', lambda found: f' d="{_minify_path(found.group(1))}"', body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d)\d+", r"\1", tag.group()), body)
    body = re.sub(r"\s*\n\s*", "\n", body)
    # Groups have only a name, and a rotation by 0 has no effect.
    body = re.sub(r'</?g(?: id="[^"]*")?>\n', "", body)
    return re.sub(r' transform="rotate\(-?0 [^"]*"', "", body)


def _minify_path(path: str) -> str:
    """Return the path with one decimal. A dot, the most frequent shape, is a line of no length."""
    path = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found.group()):.1f}".removesuffix(".0"), path)
    path = re.sub(r"\s*\n\s*", "", path).replace(" z", "z")
    path = re.sub(r"([ML]) ", r"\1", path)
    return re.sub(r"M(\S+ [^ L]+) ?L\1(?= ?[Mz]|$)", r"M\1h0", path).replace(" M", "M").replace(" L", "L").strip()


def _font(found: re.Match[str]) -> str:
    weight = f"font-weight: {found.group(1)}; " if found.group(1) else ""
    return f"{weight}font-size: {found.group(2)}px"


def _prefix_ids(body: str, name: str) -> str:
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))

    def define(found: re.Match[str]) -> str:
        return f' id="{name}-{found.group(1)}"' if found.group(1) in used else ""

    body = re.sub(r' id="([^"]*)"', define, body)
    return re.sub(r'(href="#|url\(#)', rf"\1{name}-", body)


def _replace_colours(body: str, colour: Callable[[str], str]) -> str:
    names = {stand_in: name for name, stand_in in PLACEHOLDER_COLOURS.items()}
    return re.sub(r"#0101[0-9a-f]{2}", lambda found: colour(names.get(found.group(), "ink")), body)
