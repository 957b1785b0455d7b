"""A name that only says yes or no: it is asked by conditions, and set by comparisons and constants."""

from __future__ import annotations

import ast

from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import bindings, scope_of, within
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, in_place, merged
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.tensor_leaves import Leaf, tensor_leaves

READ_BY_HELPER = "The table is read once each time it was written to, by a helper that keeps its host copy."
COMPARED = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)


def flag_on_host(frame: Frame, name: ast.Name, *, helped: bool = False) -> HostCopy | None:
    """``last = sigmas[i] == 0`` in one branch, ``last = False`` in another → ``last = sigmas_on_host[i] == 0``.

    Every assignment compares entries that have a twin on the host, or says what needs no tensor; every use is a
    condition, which takes the answer of a host tensor as well. Nothing is computed: the answer is the same.

    :param helped: what has no twin is read by the helper: ``accepted = _on_host(error) <= 1``.
    """
    scope = scope_of(frame.source, name)
    bound = bindings(scope, name.id)
    if not bound or any(each.kind != "assignment" or each.value is None for each in bound):
        return None
    own = set(map(id, within(scope)))
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == name.id]
    read = [each for each in uses if isinstance(each.ctx, ast.Load)]
    if not all(id(each) in own for each in uses) or not all(_is_condition(frame, each) for each in read):
        return None
    found: list[HostCopy] = []
    for each in bound:
        assert each.value is not None
        compared = tensor_leaves(each.value, frame.values)
        if not isinstance(each.node, ast.Assign) or len(each.node.targets) != 1:
            return None
        if not compared and isinstance(each.value, ast.Constant):
            continue
        if not compared or not _only_compares(each.value):
            return None
        for leaf in compared:
            copy = twin(frame, leaf)
            if (copy is None or copy.text is None) and helped:
                copy = HostCopy(frame.source.path, text=f"_on_host({frame.source.code(leaf)})", said=READ_BY_HELPER)
            if copy is None or copy.text is None:
                return None
            copy.replacements.append(in_place(frame.source, leaf, copy.text))
            copy.text = None
            found.append(copy)
    return merged(found, computes=False) if found else None


def _is_condition(frame: Frame, node: ast.expr) -> bool:
    parent = frame.source.parents[node]
    while isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)):
        node, parent = parent, frame.source.parents[parent]
    return isinstance(parent, ast.If | ast.While | ast.IfExp) and parent.test is node


def _only_compares(value: ast.expr) -> bool:
    """Whether there is no arithmetic but in indices."""
    if isinstance(value, Leaf):
        return True
    parts = [each for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)]
    return isinstance(value, COMPARED) and all(map(_only_compares, parts))
