"""A chart needs no style sheet, follows the page's, and lets nothing of a server's act."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.layout import wrap
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT, style_rules, variables
from wsgi_gauntlet.reports.charts.shapes import SHAPES
from wsgi_gauntlet.reports.charts.standalone import standalone
from wsgi_gauntlet.reports.charts.text_width import fit, text_width

from .every_chart import CHARTS, HOSTILE, LONG, hostile_charts
from .svg_reading import crosses, dots, hints, root, size, texts

ALLOWED = {"svg", "path", "rect", "circle", "text", "title"}


@pytest.fixture(scope="module")
def hostile() -> dict[str, str]:
    """Charts of hostile names."""
    return {name: each.render() for name, each in hostile_charts().items()}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_needs_no_style_sheet(name: str) -> None:
    """Jenkins' policy forbids style elements and attributes. Every shape has a colour as an attribute."""
    drawn = CHARTS[name](False).render()
    elements = [each.tag.partition("}")[2] for each in root(drawn).iter()]
    assert set(elements) <= ALLOWED
    assert "style=" not in drawn
    for each in re.findall(r"<(?:path|rect|circle|text) [^>]*>", drawn):
        assert re.search(r' (?:fill|stroke)="#[0-9a-f]{6}"', each), each


@pytest.mark.parametrize("name", CHARTS)
def test_each_colour_can_be_replaced(name: str) -> None:
    """For each fill and stroke there is a class, and a rule for the class."""
    rules = style_rules()
    for each in re.findall(r"<(?:path|rect|circle|text) [^>]*>", CHARTS[name](False).render()):
        classes = re.findall(r' class="([^"]*)"', each)[0].split()
        coloured = {"f": 'fill="#', "s": 'stroke="#'}
        assert {kind for kind, attribute in coloured.items() if attribute in each} == {name[0] for name in classes}
        for name_of_class in classes:
            assert f".{name_of_class}{{" in rules


def test_both_themes_have_every_colour() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"--c-([\w-]+)", style_rules())) == set(LIGHT)
    assert set(re.findall(r"--c-([\w-]+):", variables(DARK))) == set(DARK)


def test_hostile_text_stays_text(hostile: dict[str, str]) -> None:
    """Names with markup, escapes and direction marks make no element, and no character that acts on a reader."""
    for name, drawn in hostile.items():
        elements = {each.tag.partition("}")[2] for each in root(drawn).iter()}
        assert elements <= ALLOWED, name
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn), name
        assert "<script" not in drawn, name


def test_long_text_stays_inside(hostile: dict[str, str]) -> None:
    """No text leaves the chart, with names of 150 characters."""
    for name, drawn in hostile.items():
        width, height = size(drawn)
        for text in texts(drawn):
            assert -1 <= text.left <= text.right <= width + 1, (name, text)
            assert 0 <= text.y <= height, (name, text)


def test_a_shortened_text_has_the_whole_as_hint() -> None:
    drawn = Drawing(100, 20, "x")
    drawn.text((0, 10), LONG, room=90)
    svg = drawn.render()
    (shown,) = texts(svg)
    assert "…" in shown.text
    assert shown.right <= 90
    assert hints(svg) == [LONG]


def test_a_text_becomes_smaller_before_it_is_cut() -> None:
    text = "gunicorn:gthread"
    assert fit(text, 12, 1000) == (text, 12)
    shown, reduced = fit(text, 12, text_width(text, 10))
    assert shown == text
    assert reduced == pytest.approx(10)
    shown, reduced = fit(text, 12, 60)
    assert shown.startswith("gun")
    assert shown.endswith("ad")
    assert reduced == 9
    assert fit("ab", 12, 1) == ("…", 9)


def test_wide_characters_are_wide() -> None:
    assert text_width("漢字", 10) == pytest.approx(21)
    assert text_width("iiii", 10) < text_width("mmmm", 10) / 3
    assert text_width("a\u0301", 10) < text_width("aa", 10)


@pytest.mark.parametrize("room", [30, 100, 400])
def test_lines_are_no_wider_than_their_room(room: float) -> None:
    """Words stay whole if they fit, and no character is lost."""
    text = f"A title that is long, with a server {LONG} in it"
    found = wrap(text, 12, room)
    assert all(text_width(each, 12) <= room for each in found)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_marks_are_where_they_were_put() -> None:
    drawn = Drawing(100, 100, "x")
    drawn.marks("o", [(10, 20), (30.04, 40.06)], "good", 4)
    drawn.marks("x", [(50, 60)], "bad", 8)
    svg = drawn.render()
    assert dots(svg, "good") == [(10, 20), (30, 40.1)]
    assert crosses(svg, "bad") == [(50, 60)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hollow", [False, True])
def test_each_shape_has_its_place_and_hint(shape: str, hollow: bool) -> None:
    drawn = Drawing(100, 100, "x")
    drawn.marks(shape, [(10, 20)], "good", 8, hollow=hollow, hint=HOSTILE)
    (hint,) = hints(drawn.render())
    assert "\\u202e" in hint


def test_nothing_is_drawn_for_nothing() -> None:
    drawn = Drawing(10, 10, "x")
    drawn.path([], "good")
    drawn.path([[(1, 1)]], "good")
    drawn.area([(1, 1), (2, 2)], "good")
    drawn.marks("o", [], "good", 3)
    drawn.text((0, 0), "\u0020")
    assert list(root(drawn.render())) == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("name", CHARTS)
def test_a_file_has_the_colours_of_one_theme(name: str, theme: dict[str, str]) -> None:
    """On the paper of the theme, without classes."""
    alone = standalone(CHARTS[name](False).render(), theme)
    assert "class=" not in alone
    assert set(re.findall(r"#[0-9a-f]{6}", alone)) <= set(theme.values())
    first = next(iter(root(alone)))
    assert (first.get("width"), first.get("fill")) == ("100%", theme["paper"])


def test_a_file_shows_hollow_marks_on_its_paper() -> None:
    drawn = Drawing(10, 10, "x")
    drawn.marks("o", [(5, 5)], "good", 8, hollow=True)
    circle = list(root(standalone(drawn.render(), DARK)))[1]
    assert (circle.get("fill"), circle.get("stroke")) == (DARK["paper"], DARK["good"])


def test_only_a_chart_becomes_a_file() -> None:
    with pytest.raises(ValueError, match="svg element"):
        standalone("<p>", LIGHT)


def test_charts_ask_nobody() -> None:
    """The name of the namespace is the only address."""
    for draw in CHARTS.values():
        drawn = draw(False).render()
        assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]
        ET.fromstring(drawn)
