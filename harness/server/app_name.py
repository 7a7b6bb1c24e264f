"""The name of a user app: `module:callable`, or `module:function(arguments)` for an app that a function makes. Pure.

Arguments are literals, as in `shop:create_app("prod", debug=False)`. They are read and never executed.
suites/testapp/core/user_app_loader.py reads the same names inside the server.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.errors import ConfigurationError


@dataclass(frozen=True)
class FactoryArguments:
    """The arguments of the function that makes the app."""

    positional: tuple[object, ...] = ()
    named: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class AppName:
    """The parts of a name. `attribute` may have dots. `arguments` is None if the attribute is the app itself."""

    module: str
    attribute: str
    arguments: FactoryArguments | None = None

    @property
    def text(self) -> str:
        """The name without spaces around its parts, and with the arguments as Python writes them."""
        if self.arguments is None:
            return f"{self.module}:{self.attribute}"
        named = (f"{name}={value!r}" for name, value in self.arguments.named.items())
        return f"{self.module}:{self.attribute}({', '.join((*map(repr, self.arguments.positional), *named))})"


def parse_app_name(text: str, label: str = "--app ") -> AppName:
    """Return the parts of the name `text`. `label` precedes the name in messages.

    Raises ConfigurationError, in one line, if the name has another form or an argument is no literal.
    """
    shown = f"{label}{text if text.isprintable() else repr(text)}"
    module, colon, attribute = text.partition(":")
    module, attribute = module.strip(), attribute.strip()
    if not (module and colon and attribute):
        raise ConfigurationError(f"{shown}: write module:callable, as shop.wsgi:application")
    if "/" in module or module.endswith(".py"):
        own = module.removesuffix(".py").rpartition("/")[2] or "shop"
        raise ConfigurationError(f"{shown}: {module} is a file; write the name of its module, as {own}:application")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in a text, which Python may warn about, stays a backslash
            node = ast.parse(attribute, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = None
    if isinstance(node, ast.Call):
        path = _dotted(node.func)
        if path:
            return AppName(module, path, _arguments(node, path, shown))
    elif node is not None and (path := _dotted(node)):
        return AppName(module, path)
    raise ConfigurationError(
        f"{shown}: write module:callable, as shop.wsgi:application, or module:function(arguments), as "
        'shop:create_app("prod")'
    )


def _arguments(call: ast.Call, function: str, shown: str) -> FactoryArguments:
    try:
        named: dict[str, object] = {}
        for each in call.keywords:
            if each.arg is None:
                raise ValueError("** has no name")
            named[each.arg] = ast.literal_eval(each.value)
        found = FactoryArguments(tuple(ast.literal_eval(each) for each in call.args), named)
        ast.literal_eval(repr((found.positional, found.named)))  # 1e999 becomes inf, which is no literal
        return found
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ConfigurationError(
            f'{shown}: the arguments of {function} must be literals, such as "prod", 3 or debug=False'
        ) from None


def _dotted(node: ast.expr) -> str:
    """Return the text of a name with dots, '' for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
