"""The documentation site: mkdocs builds it without a warning, and a browser needs no network to show it."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.site_generator import cases, scenarios
from wsgi_gauntlet.harness import registry

from ..helpers.common_folders import made_once

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
LOADING_ATTRIBUTES = {("link", "href"), *((tag, "src") for tag in ("script", "img", "iframe", "source", "video"))}
"""What a browser loads by itself. A link that a reader clicks may lead outside."""


class _Document(HTMLParser):
    """The ids, the links and the loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if values.get("rel") not in ("canonical", "alternate"):
            self.loaded |= {value for name, value in values.items() if (tag, name) in LOADING_ATTRIBUTES}


def build(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "site", build)


@pytest.fixture(scope="module")
def documents(site: Path) -> dict[str, _Document]:
    return {
        path.relative_to(site).as_posix(): _Document(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")
    }


def test_every_link_inside_the_site_leads_somewhere(site: Path, documents: dict[str, _Document]) -> None:
    for name, document in documents.items():
        if name in ("404.html", "sample/report.html"):
            continue  # the first is for web servers, the second makes its own addresses
        for link in document.links | document.loaded:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            path = (site / name).parent / unquote(target.path) if target.path else site / name
            assert path.exists(), (name, link)
            if target.fragment and path.suffix == ".html":
                ids = documents[path.resolve().relative_to(site.resolve()).as_posix()].ids
                assert unquote(target.fragment) in ids, (name, link)


def test_no_page_loads_anything_from_outside(site: Path, documents: dict[str, _Document]) -> None:
    for name, document in documents.items():
        outside = [each for each in document.loaded if urlsplit(each).netloc]
        assert not outside, (name, outside)
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8").replace("'", "").replace('"', ""), style
        assert "@import" not in style.read_text(encoding="utf-8"), style


def test_every_case_and_scenario_is_at_its_permanent_address(documents: dict[str, _Document]) -> None:
    addresses = [cases.address(each.id) for each in registry.cases()]
    for address in [*addresses, *(scenarios.address(each.id) for each in registry.scenarios())]:
        path, _, anchor = address.partition("#")
        assert not anchor or anchor in documents[path].ids, address
        assert path in documents


def test_the_sample_report_has_ten_servers(site: Path) -> None:
    text = (site / "sample" / "report.html").read_text(encoding="utf-8")
    assert 'data-title="10 WSGI servers: ' in text


def test_nothing_of_the_generator_is_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))
    assert not list(site.rglob("*.xz"))
