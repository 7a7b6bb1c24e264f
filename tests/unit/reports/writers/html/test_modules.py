"""The JavaScript modules become one script, in the order of their imports."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources

import pytest

from wsgi_gauntlet.reports.writers.html.modules import ModuleError, constant_name, join_modules
from wsgi_gauntlet.reports.writers.html.view import views

ASSETS = resources.files("wsgi_gauntlet.reports.writers.html").joinpath("assets", "js")


def reader(**sources: str) -> Callable[[str], str]:
    return lambda path: sources[path.removesuffix(".js").replace("/", "_")]


def test_a_module_follows_its_imports() -> None:
    """And is there once, although two modules import it."""
    script = join_modules(
        reader(
            main='import { a } from "./a.js";\nimport { b } from "./b.js";\na(b);\n',
            a='import { b } from "./b.js";\nexport function a() { return b; }\n',
            b="export const b = 1;\n",
        ),
        ["main.js"],
    )
    assert re.findall(r"^const (module_\w+)", script, re.MULTILINE) == ["module_b", "module_a", "module_main"]
    assert "const { b } = module_b;" in script
    assert "return { a };" in script


def test_two_modules_can_use_the_same_name() -> None:
    script = join_modules(
        reader(views_one="export function render() {}\n", views_two="export async function render() {}\n"),
        ["views/one.js", "views/two.js"],
    )
    assert script.count("return { render };") == 2


def test_a_path_counts_from_the_folder_of_its_module() -> None:
    script = join_modules(
        reader(views_one='import {\n  h,\n  svg,\n} from "../dom.js";\nh(svg);\n', dom="export const h = 1;\n"),
        ["views/one.js"],
    )
    assert "const { h, svg } = module_dom;" in script


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('import { a as b } from "./a.js";', "by its own name"),
        ('import * as a from "./a.js";', "cannot be joined"),
        ('import a from "./a.js";', "cannot be joined"),
        ('const a = await import("./a.js");', "cannot be joined"),
        ("export default 1;", "cannot be joined"),
        ("export { a };", "cannot be joined"),
        ("export let a = 1;", "cannot be joined"),
        ('import { a } from "./main.js";', "circle"),
        ('const a = "</script>";', "would end the script"),
        ("// <!-- a comment", "would end the script"),
    ],
)
def test_other_forms_are_refused(source: str, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        join_modules(reader(main=source, a="export const a = 1;"), ["main.js"])


def test_every_module_of_the_page_is_used() -> None:
    """A module that no other imports, and that is no view, is left over."""
    shown = [f"views/{each.name}.js" for each in views()]
    script = join_modules(lambda path: ASSETS.joinpath(*path.split("/")).read_text("utf-8"), ["main.js", *shown])
    files = [each.name for each in ASSETS.iterdir() if each.is_file()]
    files += [f"views/{each.name}" for each in ASSETS.joinpath("views").iterdir()]
    assert {constant_name(each) for each in files} == set(re.findall(r"^const (module_\w+)", script, re.MULTILINE))


def test_modules_use_no_markup() -> None:
    """Text of servers cannot become markup, and no text becomes code."""
    for each in [*ASSETS.iterdir(), *ASSETS.joinpath("views").iterdir()]:
        if each.is_file():
            source = each.read_text("utf-8")
            assert not re.search(
                r"\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
                r"|setTimeout\([\"']|createContextualFragment|setHTML",
                source,
            ), each.name
