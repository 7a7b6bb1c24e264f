"""The colours of charts, by name and theme.

A chart has the colours of the light theme as attributes, so that it needs no style sheet. Each shape also has a class
with the name of its colour. The style sheet of the page sets other colours for these classes in the dark theme.
"""

from __future__ import annotations

SERIES_COUNT = 10
"""The number of colours of series. Further series repeat the colours with other shapes."""

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind readers can distinguish, its yellow
# darker for a white page; and lighter steps of the same hues for a dark page.
_LIGHT_SERIES = (
    "#0072b2", "#d55e00", "#009e73", "#b5519b", "#8a6d00", "#2b9ad6", "#5b5f66", "#8c3b00", "#00695c", "#7a4fbf",
)  # fmt: skip
_DARK_SERIES = (
    "#56a8e0", "#ff8a4c", "#35c79a", "#e08cc6", "#e0c341", "#8ccbf2", "#b3b8c0", "#e0a37a", "#6fc7bb", "#b79cf0",
)  # fmt: skip

LIGHT: dict[str, str] = {
    "ink": "#1b1f24",
    "muted": "#5a6472",
    "grid": "#e3e7ec",
    "good": "#00795a",
    "pass": "#8cc3b3",
    "bad": "#c2410c",
    "odd": "#8a5a00",
    "warn": "#d9a406",
    "slow": "#9aa5b4",
    "paper": "#ffffff",
    "band": "#f3f0e8",
    "doubt": "#7d8794",
} | {f"series-{number}": colour for number, colour in enumerate(_LIGHT_SERIES)}
DARK: dict[str, str] = {
    "ink": "#e6e9ee",
    "muted": "#a0a9b6",
    "grid": "#2b323c",
    "good": "#3fc79a",
    "pass": "#2a6b58",
    "bad": "#ff8a4c",
    "odd": "#e0b341",
    "warn": "#e0b341",
    "slow": "#6a7686",
    "paper": "#14181e",
    "band": "#22262a",
    "doubt": "#8f99a8",
} | {f"series-{number}": colour for number, colour in enumerate(_DARK_SERIES)}


def style_rules() -> str:
    """Return the CSS rules that give shapes of charts the page's variables `--c-NAME`."""
    return "".join(f".f-{name}{{fill:var(--c-{name})}}.s-{name}{{stroke:var(--c-{name})}}" for name in LIGHT)


def variables(theme: dict[str, str]) -> str:
    """Return the declarations of the variables `--c-NAME` of a theme."""
    return "".join(f"--c-{name}:{colour};" for name, colour in theme.items())
