"""Whether one tensor can stand for those that an expression makes each time: nobody writes to it, or keeps it."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import around, dotted, is_in_place, last_name, scope_of, stored_names, within

KEEPING = frozenset(
    {"append", "appendleft", "add", "extend", "insert", "put", "put_nowait", "setattr", "setdefault", "update"}
)
"""Methods that keep what they are given."""
_VIEWS = """
chunk contiguous data detach expand expand_as flatten float half double bfloat16 mT movedim narrow permute real reshape
select split squeeze T t to transpose type type_as unbind unsqueeze view view_as
"""
VIEWS = frozenset(_VIEWS.split())
"""Methods and functions that may hand out the memory that they were given."""
PASSED_ON = (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Starred, ast.IfExp, ast.BoolOp, ast.keyword)
ONLY_READ = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Expr,
    ast.Assert,
    ast.If,
    ast.While,
    ast.FormattedValue,
    ast.Raise,
)


CONTAINERS = frozenset({"list", "tuple", "dict", "zip", "enumerate", "iter", "next"})
WRITTEN = "The result is written to: each time it has to be another tensor"
KEPT = "The result is kept beyond the step: each time it has to be another tensor"


def check_shared(source: ModuleSource, node: ast.expr) -> None:
    """Follow what an expression gives through its function.

    What is handed to another function counts as read: that nobody wrote to it, the watched run has shown.

    :raises DeclinedError: it is written to, or may outlive the iteration.
    """
    _Follower(source).follow(node)


class _Follower:
    def __init__(self, source: ModuleSource) -> None:
        self.source = source
        self.bound: set[tuple[str, ast.AST]] = set()
        """Names that were followed, each from where it was bound."""

    def follow(self, node: ast.AST, depth: int = 0) -> None:
        """What happens to a value.

        :param depth: of the lists and mappings that it lies in: to fill these is not to write to it.
        """
        parent = self.source.parents[node]
        if isinstance(parent, ast.List | ast.Tuple | ast.Dict | ast.Set | ast.ListComp | ast.GeneratorExp):
            depth += 1
        if isinstance(parent, ast.keyword) and parent.arg == "out":
            raise DeclinedError(WRITTEN)
        if isinstance(parent, PASSED_ON) or (
            isinstance(parent, ast.ListComp | ast.GeneratorExp) and parent.elt is node
        ):
            self.follow(parent, depth)
        elif isinstance(parent, ast.Call):
            self._given_to(parent, depth)
        elif isinstance(parent, ast.Attribute):
            self._attribute(parent, depth)
        elif isinstance(parent, ast.Subscript):
            self._subscript(parent, node, depth)
        elif isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            for target in parent.targets if isinstance(parent, ast.Assign) else [parent.target]:
                self._bound(target, node, depth)
            if isinstance(parent, ast.NamedExpr):
                self.follow(parent, depth)
        elif isinstance(parent, ast.For) and parent.iter is node:
            self._bound(parent.target, node, max(0, depth - 1))
        elif isinstance(parent, ast.AugAssign):
            if parent.target is node or depth:
                raise DeclinedError(WRITTEN if parent.target is node else KEPT)
        elif not isinstance(parent, ONLY_READ):
            raise DeclinedError("The result is handed out of its function: its readers may keep it or write to it")

    def _given_to(self, call: ast.Call, depth: int) -> None:
        name = last_name(call.func)
        owner = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
        if any(each.arg == "inplace" and getattr(each.value, "value", True) for each in call.keywords):
            raise DeclinedError(WRITTEN)
        if is_in_place(name) and (owner is None or owner.split(".")[0] in ("torch", "th", "nn", "F")):
            raise DeclinedError(WRITTEN)
        if name in KEEPING:
            raise DeclinedError(KEPT)
        if name in VIEWS | CONTAINERS:
            self.follow(call, depth + (name == "dict"))

    def _attribute(self, attribute: ast.Attribute, depth: int) -> None:
        parent = self.source.parents[attribute]
        called = isinstance(parent, ast.Call) and parent.func is attribute
        if not isinstance(attribute.ctx, ast.Load) or (called and is_in_place(attribute.attr)):
            raise DeclinedError(WRITTEN)
        if attribute.attr in VIEWS or (called and attribute.attr in ("values", "items", "get", "copy")):
            self.follow(parent if called else attribute, depth)

    def _subscript(self, subscript: ast.Subscript, node: ast.AST, depth: int) -> None:
        if subscript.value is not node:
            return  # an index
        if isinstance(subscript.ctx, ast.Load):
            self.follow(subscript, max(0, depth - 1))
        elif not depth:
            raise DeclinedError(WRITTEN)

    def _bound(self, target: ast.expr, node: ast.AST, depth: int) -> None:
        while isinstance(target, ast.Subscript):  # it fills a local list or mapping, which is followed in its stead
            target, depth = target.value, depth + 1
        names = stored_names(target) or ({target.id} if isinstance(target, ast.Name) else set())
        if not names:
            raise DeclinedError(KEPT)
        scope = scope_of(self.source, node)
        own = set(map(id, within(scope)))
        for name in names:
            if (name, node) in self.bound:
                continue
            self.bound.add((name, node))
            for each in ast.walk(scope):
                if isinstance(each, ast.Global | ast.Nonlocal) and name in each.names:
                    raise DeclinedError(KEPT)
                if not isinstance(each, ast.Name) or each.id != name:
                    continue
                if id(each) not in own:
                    raise DeclinedError(f"The result is read by a function inside, as {name}")
                if _in_other_branch(self.source, node, each):
                    continue
                if isinstance(each.ctx, ast.Load):
                    self.follow(each, depth)
                elif isinstance(self.source.parents[each], ast.AugAssign):
                    raise DeclinedError(WRITTEN)


def _in_other_branch(source: ModuleSource, node: ast.AST, use: ast.AST) -> bool:
    """Whether a call of the function that comes to one of two places never comes to the other one."""
    scope = scope_of(source, node)
    above = [node, *around(source, node, scope)]
    inner = use
    for outer in around(source, use, scope):
        if outer in above:
            beneath = above[above.index(outer) - 1] if above.index(outer) else None
            arms = [outer.body, outer.orelse] if isinstance(outer, ast.If) else []
            places = [next((k for k, arm in enumerate(arms) if each in arm), None) for each in (inner, beneath)]
            again = any(isinstance(each, ast.For | ast.AsyncFor | ast.While) for each in around(source, outer, scope))
            return None not in places and places[0] != places[1] and not again
        inner = outer
    return False
