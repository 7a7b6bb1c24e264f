"""What mkdocs calls while it builds the site. mkdocs.yml names this file.

Documents by hand are the files in docs/. All other pages are made here: from the catalogue, the adapters, the commands
and the schema. Nothing is written into docs/.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [each for each in (str(ROOT), str(ROOT / ".src")) if each not in sys.path]

from docs.site_generator import (  # noqa: E402 - mkdocs loads this file by its path
    adapter_api,
    cases,
    commands,
    links,
    navigation,
    sample,
    scenarios,
    schema,
    server_pages,
)
from docs.site_generator.page import Page  # noqa: E402
from wsgi_gauntlet.harness import registry  # noqa: E402
from wsgi_gauntlet.harness.model.naming import requirement_id  # noqa: E402


@cache
def generated_pages() -> tuple[Page, ...]:
    """Return every generated page."""
    project = (Page(links.site_path(name), (ROOT / name).read_text(encoding="utf-8")) for name in navigation.PROJECT)
    return (
        *commands.pages(),
        *scenarios.pages(),
        *cases.pages(),
        *server_pages.pages(ROOT),
        *schema.pages(),
        *adapter_api.pages(),
        *sample.pages(ROOT),
        *project,
    )


@cache
def addresses() -> dict[str, str]:
    """Return the address of every case, variant and scenario by its id."""
    return {
        **{each.id: cases.address(each.id) for each in registry.cases()},
        **{name: cases.address(name) for name in (requirement_id(each.id) for each in registry.cases())},
        **{each.id: scenarios.address(each.id) for each in registry.scenarios()},
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give mkdocs the navigation."""
    adapters = sorted(registry.adapters().values(), key=lambda each: (each.front, each.name))
    generated = {
        "Commands": {
            "All commands": f"{commands.FOLDER}/index.md",
            **{words: f"{commands.FOLDER}/{commands.filename(words)}" for words, _, _ in commands.commands()},
        },
        "Cases": {
            "All cases": f"{cases.FOLDER}/index.md",
            **{each: f"{cases.FOLDER}/{each}.md" for each in cases.families(registry.cases())},
        },
        "Scenarios": {
            "All scenarios": f"{scenarios.FOLDER}/index.md",
            **{each.id: f"{scenarios.FOLDER}/{each.id}.md" for each in registry.scenarios()},
        },
        "Servers": {
            "All servers": f"{server_pages.FOLDER}/index.md",
            **{each.title: f"{server_pages.FOLDER}/{each.name}.md" for each in adapters},
        },
        "results.json": {"results.json": f"{schema.FOLDER}/results.md"},
        "Adapter API": {"Adapter API": adapter_api.PATH},
    }
    written = {each.name for each in Path(config.docs_dir).glob("*.md")}
    config.nav = navigation.navigation(written, generated)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for each in generated_pages():
        files.append(File.generated(config, each.path, content=each.text))
    return files


def on_page_markdown(markdown: str, page: SitePage, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs passes them by name
    """Make the links of a document work on the site."""
    path = page.file.src_uri
    project = {links.site_path(name): name for name in navigation.PROJECT}
    if path not in project and path.startswith("reference/"):
        return markdown
    return links.for_site(markdown, project.get(path, f"docs/{path}"), {each.src_uri for each in files})


def on_page_content(html: str, page: SitePage, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - likewise
    """Link every id of a case or scenario to its page."""
    return links.link_ids(html, page.file.url, lambda id_: addresses().get(id_, ""))
