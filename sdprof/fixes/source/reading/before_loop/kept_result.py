"""Keep what an expression makes by a helper, while the very same tensors come again."""

from __future__ import annotations

import ast
import keyword
import re

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.repeatable import check_repeatable, wider
from sdprof.fixes.source.reading.before_loop.shared_result import check_shared
from sdprof.fixes.source.reading.before_loop.unchanging import is_path, is_size, libraries, reads_of
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, statement_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place

LEAST_KEPT_BYTES = 32768
"""What is smaller is made as fast as it is looked up."""
CONSTANTS = frozenset(
    f"aten::{name}"
    for name in (
        *("full", "ones", "zeros", "arange", "linspace", "logspace", "eye"),
        *("full_like", "ones_like", "zeros_like", "new_full", "new_ones", "new_zeros"),
    )
)


def kept_result(site: SiteEvidence, source: ModuleSource, node: ast.Call) -> MadeOnce:
    """``_made_once(torch.cat, [uc, c])``.

    :raises DeclinedError: it would not be found again, or costs no more to be made.
    """
    if site.op in CONSTANTS:
        raise DeclinedError("A constant is made as fast as it is looked up")
    if not site.same_tensors:
        raise DeclinedError(
            "It is made of other tensors in each step, or of such that count no writes (inference mode)"
        )
    if site.bytes < LEAST_KEPT_BYTES * site.count:
        raise DeclinedError("A tensor of this size is made as fast as it is looked up")
    if isinstance(source.parents[statement_of(source, node)], ast.ClassDef):
        raise DeclinedError("It stands in the body of a class")
    reads = {source.code(each) for each in reads_of(source, node, entries=True)}
    for each in wider(source, node):  # what is made of it alone, and of numbers that are written out
        try:
            check_repeatable(source, each)
            check_shared(source, each)
            if (
                not isinstance(each, ast.Call)
                or {source.code(r) for r in reads_of(source, each, entries=True)} != reads
            ):
                break
            node = each
        except DeclinedError:
            break
    text, imports = _call_of_helper(source, node)
    said = "A helper keeps it, and hands it out again while the tensors that it is made of are the same."
    return MadeOnce(source.path, [in_place(source, node, text)], said, ("_made_once",), imports)


def _call_of_helper(source: ModuleSource, node: ast.Call) -> tuple[str, tuple[str, ...]]:
    """The call, and the imports that it needs.

    ``_made_once(torch.cat, [uc, c])``, ``_made_once(torch.Tensor.half, c)``; of what is made in several calls
    ``_made_once(lambda c, n: c[None].expand(n, -1).contiguous(), c, n)``: it is given all that it reads.
    """
    arguments = [*node.args, *(each.value for each in node.keywords)]
    given = source.text[source.span(node.func)[1] : source.span(node)[1]].strip()[1:].lstrip()
    if all(map(_is_given_again, arguments)) and is_plain(node):
        if isinstance(node.func, ast.Name) or _is_of_library(source, node.func):
            return f"_made_once({source.code(node.func)}, {given}", ()
        if isinstance(node.func, ast.Attribute) and is_path(node.func.value):
            torch, imports = torch_name(source)
            owner = source.code(node.func.value)
            return f"_made_once({torch}.Tensor.{node.func.attr}, {owner}{', ' if arguments else ''}{given}", imports
    reads = [source.code(each) for each in reads_of(source, node, entries=True)]
    names = _parameters(source, node, reads)
    return f"_made_once(lambda {', '.join(names)}: {_with_names(source, node, names, reads)}, {', '.join(reads)})", ()


def _is_of_library(source: ModuleSource, function: ast.expr) -> bool:
    """``torch.cat``, ``F.pad``: no method of a tensor."""
    return (dotted(function) or "").partition(".")[0] in libraries(source)


def _is_given_again(node: ast.expr) -> bool:
    """Whether an argument is the same thing when it is evaluated again: no tensor is made in it."""
    if isinstance(node, ast.List | ast.Tuple):
        return all(map(_is_given_again, node.elts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return isinstance(node.left, ast.List) and _is_given_again(node.left) and isinstance(node.right, ast.Constant)
    number = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(number, ast.Constant) or is_path(node) or is_size(node)


def _parameters(source: ModuleSource, node: ast.expr, reads: list[str]) -> list[str]:
    """Names for what an expression reads: its own, where it is a name."""
    taken = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - set(reads)
    names: list[str] = []
    for read in reads:
        words = re.findall(r"[A-Za-z_]\w*", read)
        wished = read if read.isidentifier() else words[-1] if words[-1] not in ("shape", "size") else "n"
        number, name = 1, wished
        while name in taken or keyword.iskeyword(name):
            number += 1
            name = f"{wished}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _with_names(source: ModuleSource, node: ast.expr, names: list[str], reads: list[str]) -> str:
    """The text of an expression, with names for what it reads."""
    places = [each for each in ast.walk(node) if isinstance(each, ast.expr) and source.code(each) in reads]
    outermost = [each for each in places if not any(each is not one and each in ast.walk(one) for one in places)]
    return source.code_with(node, [(each, names[reads.index(source.code(each))]) for each in outermost])
