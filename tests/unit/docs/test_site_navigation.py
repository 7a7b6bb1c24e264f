"""The navigation of the site, and its links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.site_generator.links import for_site, link_ids
from docs.site_generator.navigation import Entry, navigation

ROOT = Path(__file__).parents[3]
PACKAGES = ("harness", "suites", "servers", "reports")
DOCUMENT = re.compile(r"\bdocs/([\w-]+\.md)(?:#([\w-]+))?")


def paths(entries: list[Entry]) -> Iterator[str]:
    """Yield the path of every page of the navigation."""
    for each in entries:
        if isinstance(each, str):
            yield each
            continue
        for value in each.values():
            yield from paths(value) if isinstance(value, list) else [value]


def test_every_document_is_in_the_navigation_once() -> None:
    written = {each.name for each in (ROOT / "docs").glob("*.md")}
    found = [each for each in paths(navigation(written, {})) if not each.startswith("project/")]
    assert sorted(found) == sorted(written)


def test_a_new_document_is_a_guide_and_a_missing_one_is_left_out() -> None:
    made = navigation({"index.md", "sample.md", "ci.md", "new.md"}, {})
    assert made[2] == {"How-to guides": [{"CI": "ci.md"}, "new.md"]}
    assert made[1] == {"Tutorial": []}


def test_a_group_of_one_generated_page_has_no_level_of_its_own() -> None:
    made = navigation({"concepts.md"}, {"API": {"x": "api.md"}, "Cases": {"All": "a.md", "b": "b.md"}})
    assert made[3] == {
        "Reference": [{"API": "api.md"}, {"Cases": [{"All": "a.md"}, {"b": "b.md"}]}, {"All terms": "concepts.md"}]
    }


PAGES = {"ci.md", "load.md", "project/changelog.md", "project/contributing.md"}


@pytest.mark.parametrize(
    ("source", "text", "made"),
    [
        ("docs/load.md", "[x](ci.md#outputs)", "[x](ci.md#outputs)"),
        ("docs/load.md", "[x](../CHANGELOG.md)", "[x](project/changelog.md)"),
        ("CONTRIBUTING.md", "[x](docs/load.md#grades)", "[x](../load.md#grades)"),
        ("CONTRIBUTING.md", "[x](CHANGELOG.md)", "[x](changelog.md)"),
        ("CONTRIBUTING.md", "[`a` file](harness/session.py)", "`a` file"),
        ("docs/load.md", "[x](#here) [y](https://example.org/a.md)", "[x](#here) [y](https://example.org/a.md)"),
        ("docs/load.md", "```text\n[x](gone.md)\n```\n[x](gone.md)", "```text\n[x](gone.md)\n```\nx"),
        ("docs/load.md", "```python file=a.py\nx\n```", '```python title="a.py"\nx\n```'),
        ("docs/load.md", "```sh needs=entry-point\nx\n```", "```sh\nx\n```"),
    ],
)
def test_links_and_blocks_of_documents(source: str, text: str, made: str) -> None:
    assert for_site(text, source, PAGES) == made


def test_ids_alone_in_code_are_links() -> None:
    known = {"http/framing/te-and-cl": "reference/cases/http/framing/te-and-cl.html"}

    def linked(text: str, page: str = "load.html") -> str:
        return link_ids(text, page, lambda id_: known.get(id_, ""))

    code = "<code>http/framing/te-and-cl</code>"
    assert linked(code) == f'<a href="reference/cases/http/framing/te-and-cl.html">{code}</a>'
    assert linked(code, "reference/cases/index.html").startswith('<a href="http/framing/te-and-cl.html">')
    for same in (f'<a href="x">{code}</a>', f"<pre>{code}</pre>", "<code>http/framing/other</code>"):
        assert linked(same) == same
    assert linked(code, known["http/framing/te-and-cl"]) == code


def test_every_document_that_the_program_names_exists() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), *each)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", ".js", ".j2", ".toml"}
        for each in DOCUMENT.findall(path.read_text(encoding="utf-8"))
        if "https://" not in path.read_text(encoding="utf-8").partition(f"docs/{each[0]}")[0].rpartition("\n")[2]
    }
    assert len(found) >= 5
    for source, name, anchor in found:
        document = ROOT / "docs" / name
        assert document.is_file(), (source, name)
        headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
        known = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in known, (source, name, anchor)
