"""The lists of servers, cases and cached environments."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import CaseInfo
from wsgi_gauntlet.harness.registry import ServerListing
from wsgi_gauntlet.harness.server.environments.versioned import CachedEnvironment
from wsgi_gauntlet.reports.terminal import environments, listings

UNDECODABLE = b"/tmp/caf\xe9".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("print_list", "field"),
    [
        (lambda: environments.show([CachedEnvironment("gunicorn-20.1.0", UNDECODABLE, 1, None)], as_json=True), "path"),
        (
            lambda: listings.servers(
                [ServerListing("mine", "", {}, {}, front=False, version="", why=UNDECODABLE, get="")], as_json=True
            ),
            "why",
        ),
    ],
)
def test_a_path_that_is_not_utf8_is_escaped(
    print_list: Callable[[], None], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_list()
    [each] = json.loads(capsys.readouterr().out)
    assert each[field] == r"/tmp/caf\udce9"


def chosen(prefix: str) -> list[CaseInfo]:
    return [each.info() for each in registry.cases() if each.id.startswith(prefix)]


def test_variants_of_a_case_share_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    listings.cases(chosen("http/framing/cl-"), [], as_json=False)
    out = capsys.readouterr().out
    assert out.count("  cl-syntax (14 variants) ") == 1
    assert "cl-syntax/plus" not in out
    assert "  cl-leading-zeros " in out
    assert "--all prints" in out


def test_a_single_variant_has_its_own_id(capsys: pytest.CaptureFixture[str]) -> None:
    listings.cases(chosen("http/framing/cl-syntax/plus"), [], as_json=False)
    out = capsys.readouterr().out
    assert "  cl-syntax/plus " in out
    assert "--all" not in out


def test_all_prints_one_id_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    cases = chosen("http")
    listings.cases(cases, [], as_json=False, all_ids=True)
    assert capsys.readouterr().out.splitlines() == [each.id for each in cases]
