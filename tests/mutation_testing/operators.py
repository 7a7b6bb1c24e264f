"""The mutation operators: each turns one place of a module into a wrong one. Source text in, source text out.

The set follows the usual operators for Python (cosmic-ray, mutmut): comparisons, arithmetic, logic, constants, removed
statements and calls. Regular expressions get operators of their own, because the grammar of HTTP is in them.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
}

TRANSPARENT_CALLS = frozenset({"encode", "lower", "lstrip", "replace", "rstrip", "strip", "title", "upper"})
"""Methods whose result has the type of the object, or nearly so: a mutant leaves out the call."""

LOG_CALLS = frozenset({"log", "write", "flush", "print_exc", "error"})
"""Calls that write to the log. The wire does not show them."""

REGEX_FAULTS: tuple[tuple[str, str], ...] = (
    (r"\Z", ""),
    ("+", "*"),
    ("*", "+"),
    ("?", ""),
    ("[ \\t]*", " ?"),
    ("[0-9]", "[0-8]"),
    ("0-9", "0-9a-f"),
    ("\\x80-\\xff", ""),
    ("A-Za-z", "A-Z"),
    ("\\t", ""),
    (r"\r?\n?", r"\n?"),
    (".", "[a-z]"),
)
"""Pieces of regular expressions, and the wrong ones."""


@dataclass(frozen=True)
class ToolMutant:
    """One change of one module. `source` is the whole text of the module with the change."""

    module: str
    line: int
    function: str
    operator: str
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """A name that stays the same as long as the changed line does."""
        return f"{self.module}:{self.function}: {self.before} -> {self.after}"


Change = tuple[str, ast.AST]
"""The operator and the node that replaces another."""


def mutants(module: str, source: str) -> list[ToolMutant]:
    """Return every mutant of the module `module`, in the order of its lines. Each compiles and has other code."""
    tree = ast.parse(source)
    normal = ast.unparse(tree)
    found: dict[str, ToolMutant] = {}
    functions, skipped = _functions(tree), _skipped(tree)
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped or not hasattr(node, "lineno"):
            continue
        for operator, replacement in _changes(node):
            text = _with_replacement(tree, number, replacement)
            if text == normal or text in found:
                continue
            before, after = _difference(normal, text)
            found[text] = ToolMutant(
                module, node.lineno, functions.get(id(node), "module"), operator, before, after, text
            )
    return sorted(found.values(), key=lambda each: (each.line, each.operator, each.after))


def sample(all_mutants: Sequence[ToolMutant], count: int, seed: int) -> list[ToolMutant]:
    """Return `count` of the mutants, or all if there are fewer; the same seed chooses the same names.

    A change of the reference server adds and removes mutants, and the others stay chosen or not.
    """
    return sorted(all_mutants, key=lambda each: hashlib.sha256(f"{seed} {each.name}".encode()).digest())[:count]


# ---------------------------------------------------------------------- the changes of one node


def _changes(node: ast.AST) -> Iterator[Change]:
    for make in _MAKERS:
        yield from make(node)


def _comparison(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for wrong in COMPARISONS[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[index] = wrong()
                yield "comparison", changed


def _arithmetic(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        changed = copy.deepcopy(node)
        changed.op = ARITHMETIC[type(node.op)]()
        yield "arithmetic", changed


def _logic(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.BoolOp):
        changed = copy.deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and, or", changed
        for index in range(len(node.values)):
            fewer = copy.deepcopy(node)
            del fewer.values[index]
            yield "left-out condition", fewer.values[0] if len(fewer.values) == 1 else fewer
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "left-out not", node.operand
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Constant):
        changed_test = copy.deepcopy(node)
        changed_test.test = ast.UnaryOp(ast.Not(), changed_test.test)
        yield "negated condition", changed_test


def _constant(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int | float):
        yield "constant", ast.Constant(value + 1)
        if value:
            yield "constant", ast.Constant(value - 1)
        if value > 100:
            yield "constant", ast.Constant(value // 2)
    elif isinstance(value, str) and value and len(value) < 24:
        yield "text", ast.Constant("")
    elif isinstance(value, bytes) and value:
        yield "bytes", ast.Constant(b"")
        for old, new in REGEX_FAULTS:
            for match in re.finditer(re.escape(old.encode()), value):
                wrong = value[: match.start()] + new.encode() + value[match.end() :]
                if _is_regex(wrong) and _is_regex(value) and len(value) > 2:
                    yield "regular expression", ast.Constant(wrong)


def _statement(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Raise | ast.AugAssign | ast.Delete) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "removed statement", ast.Pass()
    if isinstance(node, ast.Break):
        yield "break, continue", ast.Continue()
    if isinstance(node, ast.Continue):
        yield "break, continue", ast.Break()
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "returned nothing", ast.Return(ast.Constant(None))
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Attribute | ast.Call | ast.BinOp):
        target = node.targets[0]
        if isinstance(target, ast.Attribute):
            yield "removed assignment", ast.Pass()


def _call(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr in TRANSPARENT_CALLS:
        yield "left-out call", node.func.value
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("min", "max"):
        swapped = copy.deepcopy(node)
        swapped.func = ast.Name("max" if name == "min" else "min", ast.Load())
        yield "min, max", swapped


def _collection(node: ast.AST) -> Iterator[Change]:
    is_literal = isinstance(node, ast.Tuple | ast.List | ast.Set) and all(
        isinstance(each, ast.Constant) for each in node.elts
    )
    if is_literal and isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
        for index in range(len(node.elts)):
            fewer = copy.deepcopy(node)
            del fewer.elts[index]
            yield "left-out member", fewer
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        for index in range(len(node.keys)):
            smaller = copy.deepcopy(node)
            del smaller.keys[index], smaller.values[index]
            yield "left-out key", smaller


def _slice(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Slice):
        for name in ("lower", "upper"):
            bound = getattr(node, name)
            if bound is not None:
                changed = copy.deepcopy(node)
                setattr(changed, name, ast.BinOp(copy.deepcopy(bound), ast.Add(), ast.Constant(1)))
                yield "slice", changed


_MAKERS: tuple[Callable[[ast.AST], Iterator[Change]], ...] = (
    _comparison,
    _arithmetic,
    _logic,
    _constant,
    _statement,
    _call,
    _collection,
    _slice,
)


# ---------------------------------------------------------------------- the tree


def _skipped(tree: ast.AST) -> set[int]:
    """Return the nodes that are no code of the server: docstrings, annotations, messages and the log."""
    found: set[int] = set()

    def skip(node: ast.AST | None) -> None:
        if node is not None:
            found.update(id(each) for each in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skip(node)
        if isinstance(node, ast.FunctionDef):
            skip(node.returns)
            for each in [*node.args.args, *node.args.posonlyargs, *node.args.kwonlyargs]:
                skip(each.annotation)
        if isinstance(node, ast.AnnAssign):
            skip(node.annotation)
        if isinstance(node, ast.JoinedStr):
            skip(node)
        if isinstance(node, ast.Call):
            attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else attribute
            if name in LOG_CALLS or name.endswith("Error"):
                skip(node)
            elif name in ("RequestRejected", "cast", "TypeVar"):
                for argument in node.args[1:]:
                    skip(argument)
    statements = [each for each in ast.walk(tree) if isinstance(each, ast.Expr)]
    return found | {id(each) for each in statements if id(each.value) in found}


def _functions(tree: ast.Module) -> dict[int, str]:
    """Return the name of the function or class around each node, by the node's id."""
    names: dict[int, str] = {}

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}" if name else child.name
            names[id(child)] = inner or "module"
            visit(child, inner)

    visit(tree, "")
    return names


class _Replacer(ast.NodeTransformer):
    def __init__(self, wanted: ast.AST, replacement: ast.AST) -> None:
        self._wanted = wanted
        self._replacement = replacement

    def visit(self, node: ast.AST) -> ast.AST:
        return self._replacement if node is self._wanted else self.generic_visit(node)


def _with_replacement(tree: ast.Module, number: int, replacement: ast.AST) -> str:
    """Return the text of `tree` with its node `number` (in the order of ast.walk) replaced."""
    copied = copy.deepcopy(tree)
    wanted = next(itertools.islice(ast.walk(copied), number, None))
    changed = _Replacer(wanted, replacement).visit(copied)
    return ast.unparse(ast.fix_missing_locations(changed))


def _difference(normal: str, text: str) -> tuple[str, str]:
    """Return the first line that differs, before and after; an empty text if the line is gone."""
    old, new = normal.splitlines(), text.splitlines()
    for left, right in zip(old, new, strict=False):
        if left != right:
            return left.strip(), right.strip()
    return old[-1].strip(), ""


def _is_regex(pattern: bytes) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
