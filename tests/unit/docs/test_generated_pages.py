"""The pages of the site that are made from the code: each thing of the code is on one, and its text stays text."""

from __future__ import annotations

import html
import re
import sys
import tempfile
from pathlib import Path

import click
import markdown
import msgspec
import pytest

from docs.site_generator import adapter_api, cases, commands, page, scenarios, schema, server_pages
from wsgi_gauntlet import adapters
from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for

ROOT = Path(__file__).parents[3]


def shown(text: str) -> str:
    """Return the text that a reader sees of `text` in Markdown."""
    made = markdown.markdown(text, extensions=["attr_list", "md_in_html", "tables"])
    return html.unescape(re.sub(r"<[^>]*>", "", made))


@pytest.mark.parametrize(
    "text",
    [
        "*bold* _emphasis_ `code` [link](x.md) ![picture](x) <b>tag</b> &amp; \\n",
        "# heading",
        "- item",
        "1. item",
        "2) item",
        "+ item",
        "=====",
        ": definition",
        "a | b { #id } ~~gone~~ ^up^ $x$ [^1] *[abbr]",
        "> quote",
        "{% raw %} {{ x }}",
    ],
)
def test_text_stays_text(text: str) -> None:
    assert shown(page.escape(text)) == text
    assert shown(page.code(text)) == text
    assert shown(page.table(("head",), [(page.escape(text),)])).split() == ["head", *text.split()]


def test_prose_has_code_and_links() -> None:
    made = markdown.markdown(page.prose("Send `a|b` and *x*, see https://example.org/a_b#c. Then ``a`b`` (--set-it)!"))
    assert html.unescape(made) == (
        "<p>Send <code>a|b</code> and *x*, see "
        '<a href="https://example.org/a_b#c">https://example.org/a_b#c</a>. Then <code>a`b</code> '
        "(<code>--set-it</code>)!</p>"
    )


def test_a_block_of_code_may_contain_backticks() -> None:
    assert page.block("```\nx\n```") == "````text\n```\nx\n```\n````"


def test_a_table_without_rows_is_left_out() -> None:
    assert page.join("# x", page.table(("a", "b"), []), "end") == "# x\n\nend\n"


@pytest.fixture(scope="module")
def case_pages() -> dict[str, str]:
    return {each.path: each.text for each in cases.pages()}


def test_every_case_has_an_address_that_leads_to_it(case_pages: dict[str, str]) -> None:
    for each in registry.cases():
        path, _, anchor = cases.address(each.id).partition("#")
        text = case_pages[path.removesuffix(".html") + ".md"]
        assert text.startswith(f"# {page.escape(requirement_id(each.id))}\n"), each.id
        assert not anchor or f'<span id="{page.escape(anchor)}"></span>' in text, each.id


def test_a_page_has_every_text_of_its_case(case_pages: dict[str, str]) -> None:
    for each in registry.cases():
        text = case_pages[f"{cases.FOLDER}/{requirement_id(each.id)}.md"]
        assert page.prose(each.summary) in text
        assert page.escape(each.reference.quote) in text
        for part in filter(None, (each.sent, each.expected, each.why)):
            assert page.prose(part[0].upper() + part[1:]) in text, each.id
        assert each.reference.url in text


def test_every_link_leads_to_a_page(case_pages: dict[str, str]) -> None:
    known = {*case_pages, *(each.relative_to(ROOT / "docs").as_posix() for each in (ROOT / "docs").glob("*.md"))}
    for path, text in case_pages.items():
        for link in re.findall(r"\]\(([^)#:]+\.md)", text):
            found = (ROOT / path).parent.joinpath(link).resolve().relative_to(ROOT).as_posix()
            assert found in known, (path, link)


def test_the_list_counts_all_cases(case_pages: dict[str, str]) -> None:
    assert f"{len(registry.cases()):,} cases" in case_pages[f"{cases.FOLDER}/index.md"]


def test_a_suite_of_another_package_has_its_name_as_its_title() -> None:
    assert cases.suite_title("others") == "others"


def test_every_command_has_a_page_with_every_option() -> None:
    found = {each.path: each.text for each in commands.pages()}
    names = {words for words, _, _ in commands.commands()}
    assert {*cli.commands, "traffic check", "traffic convert"} <= names
    for words, command, context in commands.commands():
        text = found[f"{commands.FOLDER}/{commands.filename(words)}"]
        for each in command.get_params(context):
            if isinstance(each, click.Option) and not each.hidden:
                assert f'id="{max(each.opts, key=len).lstrip("-")}"' in text, (words, each.opts)
                assert page.prose(each.help or "") in text
        assert f"    $ wsgi-gauntlet {words} --help\n    Usage: wsgi-gauntlet {words} " in text
        assert "\b" not in text


def test_the_exit_codes_of_a_command_are_on_its_page() -> None:
    text = next(each.text for each in commands.pages() if each.path.endswith("/report.md"))
    assert "## Exit codes\n\n```text\n0    the report is written" in text


def test_every_scenario_has_a_page_with_every_parameter() -> None:
    found = {each.path: each.text for each in scenarios.pages()}
    for each in registry.scenarios():
        text = found[scenarios.address(each.id).removesuffix(".html") + ".md"]
        for parameter in each.declared.values():
            assert f"| {page.code(parameter.name)} |" in text, (each.id, parameter.name)
            assert page.prose(parameter.meaning) in text
        assert f"[{page.escape(each.id)}]({each.id}.md)" in found[f"{scenarios.FOLDER}/index.md"]


@pytest.fixture(scope="module")
def pages_of_servers() -> dict[str, str]:
    return {each.path: each.text for each in server_pages.pages(ROOT)}


def test_every_adapter_has_a_page_with_every_variant_and_feature(pages_of_servers: dict[str, str]) -> None:
    for each in registry.adapters().values():
        text = pages_of_servers[f"{server_pages.FOLDER}/{each.name}.md"]
        for name in () if each.unavailable_reason else each.variants:
            assert page.code(f"{each.name}:{name}") in text
        for name in each.features:
            assert page.code(f"{each.name}[{name}]") in text


def test_a_page_shows_the_command_and_the_defaults(pages_of_servers: dict[str, str]) -> None:
    text = pages_of_servers[f"{server_pages.FOLDER}/waitress.md"]
    assert re.search(r"```console\n\$ python3 .*waitress.*shop\.wsgi:application\n```", text)
    assert "| threads | 4 |" in text


def test_a_page_shows_the_recommended_settings(pages_of_servers: dict[str, str]) -> None:
    text = pages_of_servers[f"{server_pages.FOLDER}/gunicorn.md"]
    assert "on a machine with 4 cores: <code>workers=9</code>, <code>threads=8</code>." in text


def test_no_page_names_a_path_of_this_machine(pages_of_servers: dict[str, str]) -> None:
    private = {sys.executable, tempfile.gettempdir() + "/", str(Path.home()) + "/", str(ROOT)}
    assert [path for path, text in pages_of_servers.items() if any(each in text for each in private)] == []


def test_the_versions_are_those_of_the_constraints(pages_of_servers: dict[str, str]) -> None:
    (version,) = re.findall(r"^gunicorn==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert page.escape(version) in pages_of_servers[f"{server_pages.FOLDER}/gunicorn.md"]


class _Odd(Adapter):
    """A server with one variant that has no threads."""

    name = "odd"
    title = "Odd *server*"
    variants = {"plain": "as it comes", "pool": "a pool | of threads"}  # noqa: RUF012 - as adapters have it
    for_development = "“Not for *production*.” https://example.org/docs"

    def supports(self, launch: Launch) -> str:
        return no_option_for("odd", threads=launch.settings.threads if launch.variant == "plain" else None)

    def command(self, launch: Launch) -> Command:
        return Command((launch.python, "-m", "odd", str(launch.address)), files={"odd.ini": "```"})


def test_the_page_of_a_server_says_which_variant_lacks_a_setting() -> None:
    text = server_pages.server_page(_Odd(), "/somewhere/python3")
    assert "| <code>threads=4</code> | <code>pool</code> | <code>plain</code>: odd has no option for threads |" in text
    assert "| <code>workers=4</code> | all variants |  |" in text
    assert "**For development.** “Not for &#42;production&#42;.” <https://example.org/docs>" in text
    assert "$ python3 -m odd 127.0.0.1:8000" in text
    assert "/somewhere" not in text


def test_the_schema_page_describes_every_type_and_every_link_leads_to_one() -> None:
    made = {each.path: each.text for each in schema.pages()}
    text = made[f"{schema.FOLDER}/results.md"]
    names = set(msgspec.json.decode(schema.text(), type=schema.Schema).defs)
    assert set(re.findall(r"^## .*\{ #(\w+) \}$", text, re.MULTILINE)) == names
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= names
    assert made[f"{schema.FOLDER}/results.schema.json"] == schema.text()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/X"}]}, "null or [<code>X</code>](#X)"),
        ({"enum": ["a_b", 1]}, "<code>a&#95;b</code>, <code>1</code>"),
        ({"type": "array", "items": {"type": "string"}}, "a list of: string"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "a list of string, number"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "an object with values: number"),
        ({"type": "object"}, "an object"),
        ({}, "anything"),
    ],
)
def test_a_type_in_words(document: dict[str, object], words: str) -> None:
    assert schema.describe(msgspec.convert(document, schema.Schema)) == words


def test_the_adapter_api_has_every_public_name() -> None:
    (made,) = adapter_api.pages()
    names = re.findall(r"^## .*\{ #(\w+) \}$", made.text, re.MULTILINE)
    assert sorted(names) == sorted(adapters.__all__)
    assert "    workers: int | None = None\n" in made.text
    assert "### Adapter.command { #Adapter.command }" in made.text
