"""Whatever servers, apps and files say: no text output lets it act on a renderer, a spreadsheet, a CI system or XML."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import AppEvent, Results
from wsgi_gauntlet.reports.text.markdown_text import code, prose, table_code
from wsgi_gauntlet.reports.writers import badge, github_annotations, junit, markdown
from wsgi_gauntlet.reports.writers import csv as csv_writer

from ....helpers.hostile_texts import HOSTILE_TEXTS, SECRET, poisoned
from ..text.test_hostile_evidence import harmless

TEXT_OUTPUTS = ("markdown", "junit", "csv", "badge", "annotations")

OWN_HTML = re.compile(r"<details><summary>(<code>[\w./:·-]*</code>|[\w ,:()“”-]+)</summary>|</details>")
"""The only HTML of summary.md."""

ACTIVE_TEXT = re.compile(
    r"(?i)@\w|#\d|gh-\d|://|www\.|javascript:|:\w+:|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"
)
"""What GitHub turns into a mention, a reference, a link, an emoji or a link to a commit, outside of code."""

FORMULA = re.compile("^\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.fixture(scope="module")
def hostile() -> Results:
    return poisoned()


def tokens(text: str) -> list[Token]:
    """Return the tokens of Markdown, inline ones too."""
    return [each for token in RENDERER.parse(text) for each in (token, *(token.children or ()))]


def visible_text(text: str) -> Iterator[str]:
    """Yield the text outside of code, one for each run of text tokens: escapes split tokens, not words."""
    found = ""
    for token in tokens(text):
        if token.type in ("text", "text_special"):
            found += token.content
        else:
            yield found
            found = ""
    yield found


def check_markdown(text: str) -> None:
    """Assert that nothing but our own markup acts."""
    for token in tokens(text):
        assert token.type not in ("link_open", "image", "html_inline", "s_open", "em_open", "hr")
        assert not (token.tag == "code" and token.block), token.content
        if token.type == "html_block":
            assert all(OWN_HTML.fullmatch(line) for line in token.content.strip().splitlines()), token.content
    for each in visible_text(text):
        assert not ACTIVE_TEXT.search(each), each


@pytest.mark.parametrize("name", TEXT_OUTPUTS)
def test_no_character_of_an_output_acts(name: str, hostile: Results) -> None:
    assert harmless(registry.outputs()[name].render(hostile))


def test_these_are_all_the_text_outputs() -> None:
    assert set(TEXT_OUTPUTS) | {"json", "html"} == set(registry.outputs())


@pytest.mark.parametrize("name", TEXT_OUTPUTS)
def test_no_output_shows_what_an_app_reported(name: str, hostile: Results) -> None:
    """Its environ has the names of the variables of the user's shell."""
    cells = [
        msgspec.structs.replace(
            cell,
            evidence=msgspec.structs.replace(
                cell.evidence, app=(AppEvent(1.0, "called", 1, 1, detail={"environ": {SECRET: SECRET}}),)
            ),
        )
        for cell in hostile.conformance
    ]
    assert SECRET not in registry.outputs()[name].render(msgspec.structs.replace(hostile, conformance=tuple(cells)))


def test_markdown_of_servers_is_only_text(hostile: Results) -> None:
    check_markdown(markdown.render(hostile))


def test_the_structure_of_the_summary_does_not_depend_on_the_text_of_servers() -> None:
    """As many headings, items, tables, rows and cells as if every text were one word."""
    hostile, plain = poisoned(names=False), poisoned(("word",), names=False)
    shapes = [
        Counter(each.type for each in tokens(markdown.render(run)) if each.type not in ("text", "code_inline"))
        for run in (hostile, plain)
    ]
    for each in ("text_special", "softbreak"):
        for shape in shapes:
            shape.pop(each, None)
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_text_alone_is_only_text(text: str) -> None:
    """In a sentence, a list, a code span and a table."""
    check_markdown(f"- {prose(text)} {code(text)}\n\n{prose(f'a {text} b {text}')}\n")
    assert [each.type for each in RENDERER.parse(prose(text))] in (
        ["paragraph_open", "inline", "paragraph_close"],
        [],
    )
    table = f"| a | b |\n| :-- | :-- |\n| {table_code(text)} | {code('end')} |\n"
    check_markdown(table)
    cells = [each for each in tokens(table) if each.type == "td_open"]
    assert len(cells) == 2
    (first, *_) = [each for each in tokens(table) if each.type == "code_inline"]
    assert first.content != "end"


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("`|\\*_~[]()<>#@!&:;=+-.1a/ \n\t\"'"), max_size=24))
def test_no_mix_of_signs_is_more_than_text(text: str) -> None:
    check_markdown(f"- {prose(text)} {code(text)}\n\nx {prose(text)}\n")
    check_markdown(f"| a | b |\n| :-- | :-- |\n| {table_code(text)} | {code('end')} |\n")
    for separator in ",;\t|":
        for field in next(csv.reader([csv_writer.safe_text(text)], delimiter=separator), []):
            assert field.startswith("'") or NUMBER.fullmatch(field) or not FORMULA.match(field)


def test_no_field_of_the_csv_is_a_formula(hostile: Results) -> None:
    """Whatever a spreadsheet takes for the separator."""
    text = csv_writer.render(hostile)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(hostile.conformance) + len(hostile.load)
    assert all(None not in each and None not in each.values() for each in rows)
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            for field in row:
                for part in field.split("\n"):
                    safe = part.startswith("'") or NUMBER.fullmatch(part) or not FORMULA.match(part)
                    assert safe, (separator, part)


def test_xml_has_only_our_elements(hostile: Results) -> None:
    root = ET.fromstring(junit.render(hostile))
    assert {each.tag for each in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
    assert len(root.findall("*/testcase")) == len(hostile.conformance) + len(hostile.load)


def test_each_annotation_is_one_command(hostile: Results) -> None:
    lines = github_annotations.render(hostile).splitlines()
    assert len(lines) > 3
    for each in lines:
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,\r\n]+::[^\r\n]*", each), each
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", each), each


def test_a_runner_decodes_what_was_written() -> None:
    """A percent sign stays one, and a line break of our own is one."""
    assert github_annotations.command("error", "50%: a,b\n", "%0A::x\n\r") == (
        "::error title=50%25%3A a%2Cb::%250A::x%0A%0D"
    )


def test_a_badge_is_one_line_of_text(hostile: Results) -> None:
    document = json.loads(badge.render(hostile))
    assert set(document) == {"schemaVersion", "label", "message", "color"}
    assert len(document["message"]) <= 80
    assert "\n" not in document["message"]
