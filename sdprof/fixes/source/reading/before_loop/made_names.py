"""Names for tensors that are made before a loop."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.repeatable import MAKERS
from sdprof.fixes.source.reading.before_loop.unchanging import OF_SIZE, is_path, reads_of
from sdprof.fixes.source.reading.names import Scope, dotted, is_free, last_name, within
from sdprof.fixes.source.reading.on_device.host_trees import FACTORIES

JOINS = frozenset({"cat", "concat", "concatenate", "stack"})
LONGEST_NAME = 24
LIKE = frozenset({"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"})


def name_for(source: ModuleSource, node: ast.expr, scope: Scope) -> str:
    """A name after what the tensor is made of; the same for the same expression, never the same for two."""
    wished = _wish(source, node)
    alike = [
        ast.dump(each)
        for each in within(scope)
        if isinstance(each, type(node))
        and not (isinstance(each, ast.Call) and last_name(each.func) not in MAKERS)
        and _wish(source, each) == wished
    ]
    number = list(dict.fromkeys(alike)).index(ast.dump(node)) + 1
    name = wished if number == 1 else f"{wished}_{number}"
    while not is_free(scope, name):
        name += "_once"
    return name


def _wish(source: ModuleSource, node: ast.expr) -> str:
    """``uc_and_c`` of ``torch.cat([uc, c])``, ``context_once`` of ``context.half()``, ``ones`` of ``torch.ones(2)``."""
    try:
        reads = [each for each in reads_of(source, node, entries=True) if is_path(each)]
    except DeclinedError:
        return ""
    tensors = [word for each in reads if (word := _word(each)) not in OF_SIZE]
    called = [last_name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)]
    if JOINS & set(called) and len(tensors) == 2:
        both = "_and_".join(tensors)
        return both if tensors[0] != tensors[1] and len(both) <= LONGEST_NAME else f"{tensors[0]}_joined"
    constants = [each for each in called if each in FACTORIES | LIKE]
    if constants:
        return constants[0].removeprefix("new_").removesuffix("_like")
    return f"{tensors[0]}_once" if tensors else "constant"


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        inner = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(inner, str) and inner.isidentifier():
            owner = _word(node.value)
            return f"{owner}_{inner}" if owner else inner
        return _word(node.value)
    return (last_name(node) or (dotted(node) or "").rpartition(".")[2]).lstrip("_")
