"""Letters, names and options of the candidates."""

from __future__ import annotations

import re

import pytest

from wsgi_gauntlet.harness.comparison.candidates import CandidateOptions, candidate_options
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.registry import REFERENCE_APP


def options(*servers: str, **given: object) -> tuple[CandidateOptions, ...]:
    defaults = {"python": (), "default_python": "python3", "app": (), "command": "", "config": ()}
    return candidate_options(servers, **{**defaults, **given})  # type: ignore[arg-type]


def test_the_same_server_twice_has_two_letters_and_two_names() -> None:
    found = options("gunicorn", "gunicorn", "waitress")
    assert [(each.letter, each.server, each.name) for each in found] == [
        ("A", "gunicorn", "gunicorn"),
        ("B", "gunicorn", "gunicorn (B)"),
        ("C", "waitress", "waitress"),
    ]
    assert {(each.python, each.app, each.config) for each in found} == {("python3", REFERENCE_APP, ())}


def test_an_option_is_for_a_letter_a_name_or_everybody() -> None:
    found = options(
        "gunicorn[workers=2]",
        "gunicorn[workers=2]",
        "waitress",
        python=("B=/opt/b", "/opt/all", "waitress=/opt/w"),
        app=("gunicorn[workers=2]=shop:app",),
    )
    assert [each.python for each in found] == ["/opt/all", "/opt/b", "/opt/w"]
    assert [each.app for each in found] == ["shop:app", "shop:app", REFERENCE_APP]


def test_a_configuration_file_is_for_a_letter_an_adapter_or_everybody() -> None:
    chain = ("nginx+gunicorn", "nginx+waitress")
    assert [each.config for each in options(*chain, config=("B=new.conf",))] == [(), ("new.conf",)]
    both = ("nginx=site.conf",)
    assert [each.config for each in options(*chain, config=both)] == [both, both]
    only = ("gunicorn=g.py",)
    assert [each.config for each in options(*chain, config=only)] == [only, ()]
    assert [each.config for each in options(*chain, config=("site.conf",))] == [("site.conf",), ("site.conf",)]


def test_a_command_is_for_the_custom_server() -> None:
    assert [each.command for each in options("custom", "gunicorn", command="x {port}")] == ["x {port}", ""]


@pytest.mark.parametrize(
    ("servers", "given", "message"),
    [
        (("gunicorn",), {}, "compare takes 2 to 8 servers"),
        (("gunicorn",) * 9, {}, "compare takes 2 to 8 servers"),
        (("a", "b"), {"python": ("x", "y")}, "--python is given twice"),
        (("a", "b"), {"python": ("B=x", "B=y")}, "B has a value already"),
        (("a", "b"), {"app": ("B=",)}, "write a value after ="),
        (("a", "b"), {"command": "x"}, "--command describes the server named custom"),
        (("a", "b"), {"config": ("C=x.conf",)}, "--config C=x.conf: no server of this comparison uses it"),
        (("a", "b"), {"config": ("nginx=x.conf",)}, "--config nginx=x.conf: no server of this comparison uses it"),
    ],
)
def test_wrong_options_are_rejected(servers: tuple[str, ...], given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        options(*servers, **given)
