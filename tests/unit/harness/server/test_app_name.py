"""The name of a user app: what it may be, and what is wrong with another text."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_name import AppName, FactoryArguments, parse_app_name
from wsgi_gauntlet.suites.testapp.core.user_app_loader import parse_attribute


@pytest.mark.parametrize(
    ("text", "attribute", "arguments"),
    [
        ("shop.wsgi:application", "application", None),
        ("shop:app.wsgi_app", "app.wsgi_app", None),
        ("shop:create_app()", "create_app", ((), {})),
        ('shop:create_app("prod", debug=False)', "create_app", (("prod",), {"debug": False})),
        ("shop:factories.make(-1, [2, (3,)], {'a': None}, b'x', x={1})", "factories.make",
         ((-1, [2, (3,)], {"a": None}, b"x"), {"x": {1}})),
        ("shop:create_app('a:b, (c)')", "create_app", (("a:b, (c)",), {})),
        ("shop: create_app ( 'x' )", "create_app", (("x",), {})),
    ],
)  # fmt: skip
def test_both_sides_read_it_alike(
    text: str, attribute: str, arguments: tuple[tuple[object, ...], dict[str, object]] | None
) -> None:
    expected = None if arguments is None else FactoryArguments(*arguments)
    assert parse_app_name(text) == AppName(text.partition(":")[0], attribute, expected)
    path, given = parse_attribute(text.partition(":")[2])
    assert path == attribute
    assert (None if given is None else (tuple(given[0]), given[1])) == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        "os.environ",
        "1e999",
        "...",
        "open('x')",
        "f'{x}'",
        "*[1]",
        "**{'a': 1}",
        "a=b",
        "__import__('os')",
        "{[]: 1}",
        "-" * 5000 + "1",
    ],
)
def test_arguments_are_literals(arguments: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be literals|write module:callable") as raised:
        parse_app_name(f"shop:create_app({arguments})")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("arguments", ["os.environ", "open('x')", "f'{x}'", "*[1]", "**{'a': 1}", "a=b", "{[]: 1}"])
def test_the_server_takes_literals_alone_too(arguments: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_attribute(f"create_app({arguments})")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" shop.wsgi : application ", "shop.wsgi:application"),
        ("shop:create_app()", "shop:create_app()"),
        ('shop: create_app ( "a b",\n 3, debug = False )', "shop:create_app('a b', 3, debug=False)"),
        (r'shop:create_app("\d")', r"shop:create_app('\\d')"),
    ],
)
def test_a_name_is_written_without_its_spaces(text: str, written: str) -> None:
    found = parse_app_name(text)
    assert found.text == written
    assert parse_app_name(found.text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shop", "write module:callable"),
        (":app", "write module:callable"),
        ("shop:", "write module:callable"),
        ("shop:()", "write module:callable"),
        ("shop:create_app(", "write module:callable"),
        ("shop:create_app()()", "write module:callable"),
        ("shop:create_app().wsgi", "write module:callable"),
        ("shop:apps[0]", "write module:callable"),
        ("shop:create_app(\n1))", "write module:callable"),
        ("shop:a\0b", "write module:callable"),
        ("shop:" + "9" * 5000, "write module:callable"),
        ("shop.py:app", "shop.py is a file; write the name of its module, as shop:application"),
        ("src/shop.py:app", "as shop:application"),
        ("/:app", "as shop:application"),
    ],
)
def test_another_text_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match="--app ") as raised:
        parse_app_name(text)
    assert says in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_string_that_looks_like_code_is_only_a_string() -> None:
    found = parse_app_name('shop:create_app(\'__import__("os").system("exit")\')')
    assert found.arguments == FactoryArguments(('__import__("os").system("exit")',))
