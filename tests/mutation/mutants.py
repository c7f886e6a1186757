"""
The faults that can be planted in a module: from its source to changed sources.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator

from attrs import frozen

__all__ = ["Mutant", "mutants_of"]

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
DROPPED = (ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
LEFT_ALONE = ("annotation", "returns", "decorator_list", "type_params")
MODULE = "(module)"

Path = tuple["tuple[str, int | None]", ...]


@frozen(eq=False)
class Mutant:
    """
    A module with one fault.

    :ivar name: where and what, the same as long as the code in question is.
    :ivar line: the line in the module.
    """

    name: str
    line: int
    _tree: ast.Module
    _path: Path
    _changed: ast.AST

    def source(self) -> str:
        """The source with the fault; comments are gone."""
        kept = _put(self._tree, self._path, self._changed)
        try:
            return ast.unparse(ast.fix_missing_locations(self._tree))
        finally:
            _put(self._tree, self._path, kept)


def mutants_of(source: str) -> list[Mutant]:
    """
    All faults that can be planted in a module, in the order of its lines.

    Annotations, decorators, assertions and texts are left as they are: the first three say what
    the type checker checks, and texts are for people but for those that the protocol fixes.

    :param source: the module's source.
    """
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for path, where, statement in _places(tree):
        node = _at(tree, path)
        for changed in _changes(node):
            name = f"{where}: {_shown(node)} => {_shown(changed)}"
            if not isinstance(node, ast.stmt):
                name += f" in {statement}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            found.append(Mutant(name, getattr(node, "lineno", 0), tree, path, changed))
    return sorted(found, key=lambda each: each.line)


# Where -----------------------------------------------------------------------------------------


def _places(tree: ast.Module) -> Iterator[tuple[Path, str, str]]:
    """Each node that may be changed: the way to it, what it is in, and its statement."""

    def walk(
        node: ast.AST, path: Path, where: str, statement: str
    ) -> Iterator[tuple[Path, str, str]]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            where = node.name if where == MODULE else f"{where}.{node.name}"
        if isinstance(node, ast.stmt):
            statement = _shown(node)
        yield path, where, statement
        for name, value in ast.iter_fields(node):
            if name in LEFT_ALONE:
                continue
            for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(each, ast.AST) and not _left_alone(each):
                    yield from walk(each, (*path, (name, index)), where, statement)

    return walk(tree, (), MODULE, "")


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, (ast.Assert, ast.Import, ast.ImportFrom))


def _at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for name, index in path:
        value = getattr(node, name)
        node = value if index is None else value[index]
    return node


def _put(tree: ast.AST, path: Path, node: ast.AST) -> ast.AST:
    """Replace a node. :returns: what was there."""
    kept, parent, (name, index) = _at(tree, path), _at(tree, path[:-1]), path[-1]
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node
    return kept


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


# What ------------------------------------------------------------------------------------------


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    for kind, change in _CHANGES:
        if isinstance(node, kind):
            yield from change(node)


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            changed = copy.deepcopy(node)
            changed.ops[index] = other()
            yield changed


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        return  # formats a text
    if type(node.op) in ARITHMETIC:
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is None:
        yield ast.Pass()
    elif not isinstance(node.value, ast.Constant) or node.value.value not in (None, True, False):
        yield ast.Return(ast.Constant(None))


def _augmented(node: ast.AugAssign) -> Iterator[ast.AST]:
    if type(node.op) in ARITHMETIC:
        yield ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value)


def _branches(node: ast.If) -> Iterator[ast.AST]:
    if isinstance(node.test, ast.UnaryOp):
        return  # as without its "not"
    if isinstance(node.test, ast.Compare) and len(COMPARISONS[type(node.test.ops[0])]) == 1:
        return  # as with the opposite operator
    yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _conditional(node: ast.IfExp) -> Iterator[ast.AST]:
    yield ast.IfExp(node.test, node.orelse, node.body)


def _dropped(node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.Pass()


def _called(node: ast.Expr) -> Iterator[ast.AST]:
    if isinstance(node.value, (ast.Call, ast.Await)):
        yield ast.Pass()


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[ast.AST]:
    """A dropped local name is an error that anything would notice."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets):
        yield ast.Pass()


_CHANGES: tuple[tuple[type | tuple[type, ...], Callable[..., Iterator[ast.AST]]], ...] = (
    (ast.Compare, _compare),
    (ast.BoolOp, _boolean),
    (ast.BinOp, _binary),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    (ast.Return, _return),
    (ast.AugAssign, _augmented),
    (ast.If, _branches),
    (ast.IfExp, _conditional),
    (DROPPED, _dropped),
    (ast.Expr, _called),
    ((ast.Assign, ast.AnnAssign), _assigned),
)
