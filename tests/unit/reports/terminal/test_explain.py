"""`explain`: what a case asks, for people and as JSON."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, from_sender_grammar
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import UnknownName
from wsgi_gauntlet.harness.model import Breach, Level, Reference, Setup
from wsgi_gauntlet.reports.terminal.explain import explain, explain_scenario


async def run(x: Exchange) -> None: ...


def case(id_: str = "http/framing/odd/one", **changed: Any) -> Case:
    given: dict[str, Any] = {
        "level": Level.SHOULD,
        "reference": Reference("RFC 9112", "6.1", "A server\n   SHOULD.", "https://example.org/#6.1"),
        "run": run,
        "summary": "It holds.",
        "sent": "a GET.",
        "expected": "an answer.",
        "why": "Users wait.",
        "tags": ("security",),
        "basis": SHOULD_TEXT,
    }
    return Case(id_, **{**given, **changed})


def printed(name: str, *cases: Case, as_json: bool = False) -> str:
    out = io.StringIO()
    explain(name, cases, as_json=as_json, console=Console(file=out, width=90, height=25))
    return out.getvalue()


def test_one_case_is_explained() -> None:
    output = printed("http/framing/odd/one", case(needs=("http/a/b",)))
    assert output.startswith("http/framing/odd/one  (should, security)\n\nIt holds.\n\nSends\n  A GET.\n\nExpects\n")
    for each in (
        "Why it matters\n  Users wait.",
        "RFC 9112, 6.1\n  “A server SHOULD.”\n  https://example.org/#6.1",
        "Level     should: a server that breaks it gets a warning.",
        "Sent      whole; if the",
        "byte by byte, split",
        "Needs     http/a/b must pass",
        "wsgi-gauntlet check SERVER --select http/framing/odd/one\n",
        "wsgi-gauntlet replay SERVER http/framing/odd/one\n",
    ):
        assert each in output
    assert "Variants" not in output
    assert "Setup" not in output


def test_the_basis_has_the_binding_rule() -> None:
    output = printed("x", case(basis=from_sender_grammar("The sign ends a line."), breach=Breach.CLIENT))
    output = " ".join(output.split())
    assert (
        "Basis of the level definition: The sign ends a line. RFC 9110, 2.2: “A sender MUST NOT generate protocol "
        "elements that do not match the grammar defined by the corresponding ABNF rules.”"
    ) in output
    assert "Breach on purpose, the client breaks a rule" in output


def test_a_case_without_a_breach_has_no_breach_line() -> None:
    output = printed("x", case(basis=MUST_TEXT))
    assert "Basis of the level\n  MUST of the text.\n" in output
    assert "Breach" not in output


def test_a_setup_is_described() -> None:
    setup = Setup(
        workers=2,
        threads=1,
        unix=True,
        mount="/app",
        environment=(("A", "b"),),
        deployed=(("X", "y"),),
        tls=True,
        alone=True,
    )
    output = " ".join(printed("x", case(setup=setup)).split())
    assert (
        "Setup 2 workers, 1 thread, on a Unix socket, over TLS, the app mounted at /app, A=b in the environment of the "
        "server process, X=y in the environ of each request, no other case at the same time."
    ) in output
    assert "Sent whole only: it measures time." in output
    assert "Sent whole only: segments would make another case of it." in " ".join(
        printed("x", case(segmentable=False)).split()
    )


def test_variants_are_explained_together() -> None:
    output = printed("http/framing/odd", case(), case("http/framing/odd/two"))
    assert output.startswith("http/framing/odd  (should, security, 2 variants)\n")
    assert "Variants  one, two\n" in output
    assert "--select http/framing/odd\n" in output
    assert "replay SERVER http/framing/odd/one\n" in output


def test_as_json_all_of_it_is_there() -> None:
    output = json.loads(printed("http/framing/odd", case(setup=Setup(mount="/x")), as_json=True))
    assert output["id"] == "http/framing/odd"
    assert output["cases"][0]["setup"]["mount"] == "/x"
    assert output["cases"][0]["reference"]["url"] == "https://example.org/#6.1"
    assert output["cases"][0]["basis"]["kind"] == "should"
    assert output["cases"][0]["breach"] == "nobody"
    assert output["cases"][0]["segmentations"] == ["whole", "bytes", "lines", "paused"]


@pytest.mark.parametrize("text", ["sent", "expected", "why", "summary"])
def test_every_part_may_be_missing(text: str) -> None:
    assert printed("x", case(**{text: ""}))


@pytest.mark.slow
def test_every_case_can_be_explained() -> None:
    for each in registry.cases():
        assert each.reference.url in printed(each.id, each)


def test_names_lead_to_cases_and_families() -> None:
    assert registry.case_or_variants("pep3333/environ/exact-dict")[0] == "pep3333/environ/exact-dict"
    assert registry.case_or_variants("exact-dict")[0] == "pep3333/environ/exact-dict"
    name, variants = registry.case_or_variants("te-and-cl")
    assert name == "http/framing/te-and-cl"
    assert len(variants) > 1
    assert registry.case_or_variants("http/framing/te-and-cl/")[1] == variants


@pytest.mark.parametrize(
    ("name", "says"), [("http/framing", "is a family of"), ("nonsense", "no case has the id"), ("exact-dct", "no case")]
)
def test_what_is_no_family_is_one_line(name: str, says: str) -> None:
    with pytest.raises(UnknownName, match=says):
        registry.case_or_variants(name)


def test_a_family_is_no_case() -> None:
    with pytest.raises(
        UnknownName, match=r"te-and-cl has \d+ variants: equal, .*; name one of them, like http/framing/te-and-cl/"
    ):
        registry.case("te-and-cl")


def test_a_scenario_has_a_table_of_its_parameters() -> None:
    out = io.StringIO()
    explain_scenario(registry.scenario("capacity"), as_json=False, console=Console(file=out, width=90))
    rows = [line.split("  ") for line in out.getvalue().splitlines()]
    found = {row[0]: [each.strip() for each in row[1:] if each] for row in rows if row[0]}
    assert found["parameter"] == ["quick run", "full run", "unit", "meaning"]
    assert found["clients"] == ["4,096", "16,384", "-", "most connections of the generator"]
    assert found["duration"] == ["0.8", "10", "s", "length of each try"]
    assert found["rate"] == ["-", "-", "requests/s", "highest rate to try; no limit by default"]


def test_the_parameters_of_a_scenario_as_json() -> None:
    out = io.StringIO()
    explain_scenario(registry.scenario("throughput"), as_json=True, console=Console(file=out, width=90))
    document = json.loads(out.getvalue())
    assert document["commands"] == ["wsgi-gauntlet load SERVER --scenario throughput"]
    assert document["parameters"][1] == {
        "name": "duration",
        "unit": "s",
        "meaning": "length of each step",
        "quick": 0.7,
        "full": 5,
    }
