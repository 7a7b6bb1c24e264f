"""PNG and PDF have the same shapes as the SVG, and text from outside stays text. Warnings are errors in all tests."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zlib
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.matplotlib_canvas import PNG_SCALE, UNKNOWN_CHARACTER, pdf, png
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT
from wsgi_gauntlet.reports.charts.shapes import SHAPES, TEXT, Text
from wsgi_gauntlet.reports.text.escaping import line

from .every_chart import CHARTS, HOSTILE, hostile_charts

HOSTILE_CHARTS = hostile_charts()
_SHOWN = re.compile(rb"\((?:\\.|[^\\()])*\)")
_OPERATION = re.compile(rb"(\[(?:\((?:\\.|[^\\()])*\)|[^\]()])*\]|\((?:\\.|[^\\()])*\))\s*T[jJ]\b")


def image(drawing: Drawing, theme: dict[str, str] = LIGHT) -> Image.Image:
    return Image.open(io.BytesIO(png(drawing, theme))).convert("RGB")


def colour_at(picture: Image.Image, x: float, y: float) -> str:
    """Return the colour at a place in pixels of the drawing."""
    found = picture.getpixel((round(x * PNG_SCALE), round(y * PNG_SCALE)))
    assert isinstance(found, tuple)
    return "#{:02x}{:02x}{:02x}".format(*found)


def missing_colours(picture: Image.Image, wanted: set[str]) -> set[str]:
    """Return which of the colours `wanted` no pixel of the picture has."""
    pixels = np.asarray(picture, dtype=np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    return {each for each in wanted if not np.any(pixels == int(each.removeprefix("#"), 16))}


def pdf_texts(document: bytes) -> list[str]:
    """Return the texts of a PDF, unpacked and without kerning."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            content = zlib.decompress(packed)
        except zlib.error:
            continue
        for shown in _OPERATION.findall(content):
            parts = b"".join(each[1:-1] for each in _SHOWN.findall(shown))
            found.append(re.sub(rb"\\(.)", rb"\1", parts).decode("latin-1"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn_in_its_size_and_colours(name: str) -> None:
    """Thin lines of the grid and shapes with an opacity mix their colours with what is below."""
    drawing = CHARTS[name](False)
    picture = image(drawing)
    assert picture.size == (ceil(drawing.width) * PNG_SCALE, ceil(drawing.height) * PNG_SCALE)
    solid = {each.colour for each in drawing.shapes if getattr(each, "opacity", 1) == 1} - {"grid"}
    assert len(solid) > 1
    assert not missing_colours(picture, {LIGHT[each] for each in solid})
    assert pdf(drawing).startswith(b"%PDF-")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HOSTILE_CHARTS))
def test_hostile_names_are_drawn_without_warnings(name: str) -> None:
    drawing = HOSTILE_CHARTS[name]
    assert image(drawing).size[0] == ceil(drawing.width) * PNG_SCALE
    assert pdf(drawing).startswith(b"%PDF-")


@pytest.mark.parametrize("shape", [each for each in SHAPES if each != "o"] + ["o", "x"])
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_mark_is_where_it_was_put(shape: str, theme: dict[str, str]) -> None:
    drawing = Drawing(90, 41.5, "marks")
    drawing.marks(shape, [(20, 10), (60, 30)], "good", 12)
    picture = image(drawing, theme)
    assert picture.size == (180, 84)
    assert colour_at(picture, 20, 10) == colour_at(picture, 60, 30) == theme["good"]
    for x, y in ((20, 30), (60, 10), (40, 20), (30, 10)):
        assert colour_at(picture, x, y) == theme["paper"]


def test_upright_shapes_point_up() -> None:
    """The vertical axis of matplotlib runs the other way."""
    drawing = Drawing(40, 40, "marks")
    drawing.marks("^", [(20, 20)], "bad", 20)
    picture = image(drawing)
    assert colour_at(picture, 27, 27) == LIGHT["bad"]
    assert colour_at(picture, 27, 13) == LIGHT["paper"]


def test_hollow_marks_show_the_paper() -> None:
    drawing = Drawing(40, 40, "marks")
    drawing.box((0, 0, 40, 40), "slow")
    drawing.marks("o", [(20, 20)], "good", 16, hollow=True)
    picture = image(drawing)
    assert colour_at(picture, 20, 20) == LIGHT["paper"]
    assert colour_at(picture, 20 + 7.25, 20) == LIGHT["good"]
    assert colour_at(picture, 35, 20) == LIGHT["slow"]


def test_boxes_areas_and_lines_have_their_places() -> None:
    drawing = Drawing(100, 60, "shapes")
    drawing.box((10, 10, 40, 30), "good", radius=6)
    drawing.area([(50, 10), (90, 10), (90, 30)], "bad")
    drawing.path([[(10, 50), (90, 50)]], "ink", width=4)
    drawing.box((60, 34, 90, 44), "doubt", hollow=True)
    picture = image(drawing)
    assert colour_at(picture, 25, 20) == LIGHT["good"]
    assert colour_at(picture, 10.5, 10.5) == LIGHT["paper"]  # a round corner
    assert colour_at(picture, 88, 15) == LIGHT["bad"]
    assert colour_at(picture, 52, 25) == LIGHT["paper"]
    assert colour_at(picture, 50, 50) == LIGHT["ink"]
    assert colour_at(picture, 75, 39) == LIGHT["paper"]


def test_later_shapes_are_above_earlier_ones() -> None:
    drawing = Drawing(40, 40, "layers")
    for colour in ("good", "bad", "ink"):
        drawing.box((10, 10, 30, 30), colour)
    drawing.text((12, 20), "████", "warn")
    assert colour_at(image(drawing), 20, 20) == LIGHT["warn"]


def test_dashes_have_gaps_of_their_length() -> None:
    drawing = Drawing(60, 20, "dashes")
    drawing.path([[(0, 10), (60, 10)]], "ink", width=4, dash="10 10")
    picture = image(drawing)
    assert [colour_at(picture, x, 10) for x in (5, 15, 25, 35)] == [LIGHT["ink"], LIGHT["paper"]] * 2


def test_the_pdf_holds_the_text() -> None:
    shown = pdf_texts(pdf(CHARTS["collapse"](False)))
    assert "How many slow clients make a server collapse?" in shown
    assert "gunicorn:sync" in shown
    assert "slow clients at which the server collapsed (log scale)" in shown


@pytest.mark.parametrize("text", ["$x^2$", r"$\frac{1}{0}$", "$ and _", r"\input{/etc/passwd}", "100 %", HOSTILE])
def test_text_is_literal(text: str) -> None:
    """It is never mathematics, even where the user's settings want LaTeX."""
    import matplotlib as mpl

    drawing = Drawing(900, 40, text)
    drawing.text((10, 20), text)
    with mpl.rc_context({"text.usetex": True}):
        (shown,) = pdf_texts(pdf(drawing))
        picture = image(drawing)
    assert shown == line(text)
    assert not missing_colours(picture, {LIGHT["ink"]})


def test_characters_that_the_font_lacks_become_one_sign() -> None:
    drawing = Drawing(200, 40, "漢字")
    drawing.text((10, 20), "a漢字b")
    other = Drawing(200, 40, "漢字")
    other.shapes.append(Text((10, 20), f"a{UNKNOWN_CHARACTER * 2}b", "ink", TEXT, bold=False, anchor="start", hint=""))
    assert image(drawing).tobytes() == image(other).tobytes()
    assert pdf(drawing) == pdf(other)


def test_the_label_describes_the_files() -> None:
    drawing = Drawing(20, 20, f"A chart of {HOSTILE}")
    picture = Image.open(io.BytesIO(png(drawing)))
    assert picture.info["Title"] == drawing.label
    assert b"/Title (A chart of <script>" in pdf(drawing)


def test_the_same_drawing_is_the_same_file() -> None:
    drawing = CHARTS["strip"](False)
    assert pdf(drawing) == pdf(drawing)
    assert png(drawing) == png(drawing)


def test_settings_of_the_program_stay() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 33.0}):
        png(CHARTS["strip"](False))
        assert mpl.rcParams["font.size"] == 33.0


def test_other_pictures_do_not_import_matplotlib() -> None:
    program = (
        "import sys; import wsgi_gauntlet.reports.writers.picture, wsgi_gauntlet.reports.charts.run_charts\n"
        "sys.exit('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path("/"))
    assert done.returncode == 0, done.stderr
