"""Attention as one operator: the scores are never written to memory."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.attention.attention_parts import dropout_of, is_own_maximum, softmax_of
from sdprof.fixes.source.reading.attention.hidden_rows import in_branch, with_equal_rows
from sdprof.fixes.source.reading.attention.products import (
    Product,
    arranged,
    is_cast,
    operand_text,
    product_of,
    transposed_from,
)
from sdprof.fixes.source.reading.attention.score_masks import FilledMask, filled_in, filled_mask
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.functional import functional_name
from sdprof.fixes.source.reading.names import last_name, read_in, statement_of
from sdprof.fixes.source.reading.straight_line import (
    changed_in_place,
    definitions_before,
    loads_after,
    names_bound_between,
    without,
)
from sdprof.model import FixMeta

META = FixMeta(
    id="fused-attention",
    title="Write attention as scaled_dot_product_attention",
    kind="source",
    numerics="rounding",
    removes=("naive-attention",),
    group="attention",
    order=50,
)


LONGEST_ARGUMENTS = 76
"""Columns that the arguments may reach on one line: the operator's name takes some forty more."""


def concerns(site: SiteEvidence) -> bool:
    """Whether a softmax ran on a batch of matrices."""
    return site.kind == "operator" and site.op == "aten::_softmax" and bool(site.input_shapes)


@dataclass
class _Scores:
    """What the softmax is taken of, read backwards."""

    product: Product
    scales: list[str] = field(default_factory=list)
    mask: str = ""
    statements: list[ast.stmt] = field(default_factory=list)
    """Statements that only make scores, from the last to the first."""
    changes: list[Replacement] = field(default_factory=list)
    """What becomes of a statement that fills a mask into the scores."""
    dropped: str = ""
    """How many of the weights are dropped, as text; empty where none ever is."""
    first: ast.stmt | None = None
    """The first statement that holds the product."""
    filled: FilledMask | None = None
    """Where the mask is a finite value that is filled in."""
    masked: ast.stmt | None = None
    """The statement that the mask acts in."""


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """Product, scale, mask, softmax, casts, product → ``F.scaled_dot_product_attention(q, k, v, scale=…)``."""
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    rank = len(site.input_shapes[0])
    softmax = softmax_of(source, node)
    if softmax is None:
        raise DeclinedError("The softmax is not called in this expression")
    if rank not in (3, 4):
        raise DeclinedError(f"The scores have {rank} axes; three or four are carried over")
    _check_axis(softmax[1], rank)
    scores = _read_scores(source, softmax[0], node, rank)
    second, swapped, passed = _second_product(source, node, rank, scores)
    gone = [*scores.statements, *passed]
    text = _fused(source, scores, second, swapped, rank, gone)
    start, end = source.span(second)
    _check_operands(source, scores, statement_of(source, second), gone)
    functional, imports = functional_name(source)
    changes = [
        *without(source, gone + _deletions(source, scores, statement_of(source, second))),
        *scores.changes,
        Replacement(start=start, end=end, text=text.replace("<functional>", functional)),
    ]
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="rounding",
            proof="arithmetic",
            description="Product, softmax and product are one operator, which keeps the scores in cache.",
        ),
    )


def _check_axis(dim: ast.expr | None, rank: int) -> None:
    if isinstance(dim, ast.UnaryOp) and isinstance(dim.operand, ast.Constant):
        last = dim.operand.value == 1
    else:
        last = isinstance(dim, ast.Constant) and dim.value == rank - 1
    if not last:
        raise DeclinedError("The softmax is not taken over the last axis")


def _read_scores(source: ModuleSource, node: ast.expr, at: ast.AST, rank: int) -> _Scores:
    scales: list[str] = []
    mask = ""
    shifted: set[ast.AST] = set()
    statements: list[ast.stmt] = []
    changes: list[Replacement] = []
    finite: FilledMask | None = None
    masked: ast.stmt | None = None
    while True:
        product = product_of(source, node, rank)
        if product is not None:
            if product.scale:
                scales.append(product.scale)
            first = statement_of(source, node)
            return _Scores(product, scales, mask, statements, changes, first=first, filled=finite, masked=masked)
        if is_cast(node) and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            inner, factor = (node.left, node.right) if _holds_scores(node.left) else (node.right, node.left)
            if isinstance(node.op, ast.Div) and inner is node.right:
                raise DeclinedError("Something is divided by the scores")
            scales.append(f"1 / {_factor(source, factor)}" if isinstance(node.op, ast.Div) else _factor(source, factor))
            node = inner
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and not mask and not scales:
            inner, added = (node.left, node.right) if _holds_scores(node.left) else (node.right, node.left)
            masked = statement_of(source, node)
            mask, node = source.code(added), inner
        elif not mask and not scales and (found := filled_in(source, node)) is not None:
            masked = statement_of(source, node)
            node, filled = found
            mask, finite = filled.name, filled if filled.finite else None
            statements += filled.gone
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and is_own_maximum(node.right, node.left):
            shifted.update(ast.walk(node.right))
            node = node.left
        elif isinstance(node, ast.Name) and (changed := changed_in_place(source, at, node.id)) is not None:
            if isinstance(changed.op, ast.Mult | ast.Div):
                by = _factor(source, changed.value)
                scales.append(f"1 / {by}" if isinstance(changed.op, ast.Div) else by)
            elif isinstance(changed.op, ast.Add) and not mask and not scales:
                masked = changed
                mask = source.code(changed.value)
            else:
                raise DeclinedError("The scores are made in a way that is not carried over")
            statements.append(changed)
            at = changed
        elif isinstance(node, ast.Name):
            definitions = definitions_before(source, at, node.id)
            filled = filled_mask(source, definitions[-1], node, shifted)
            if filled.name and mask:
                raise DeclinedError("Two masks act on the scores")
            mask = filled.name or mask
            finite = filled if filled.finite else finite
            changes += filled.changes
            statements += [*definitions, *filled.gone]
            at, node = definitions[0], definitions[0].value
        else:
            raise DeclinedError("The scores are made in a way that is not carried over")


def _factor(source: ModuleSource, node: ast.expr) -> str:
    return source.code(node) if isinstance(node, ast.Constant) else in_parentheses(source, node)


def _holds_scores(node: ast.expr) -> bool:
    """Whether this side of a multiplication or addition is the scores, and not the scale or the mask."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and last_name(each.func) in ("einsum", "bmm", "matmul", "baddbmm", "masked_fill"):
            return True
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.MatMult):
            return True
    return isinstance(node, ast.Name) and not any(word in node.id for word in ("scale", "mask", "bias", "factor"))


def _second_product(
    source: ModuleSource, softmax: ast.expr, rank: int, scores: _Scores
) -> tuple[ast.expr, bool, list[ast.stmt]]:
    """The product with the values, whether the weights come transposed into it, and the statements on the way."""
    node: ast.expr = softmax
    swapped = False
    passed: list[ast.stmt] = []
    while True:
        parent = source.parents[node]
        if isinstance(parent, ast.Attribute) and isinstance(source.parents[parent], ast.Call):
            call = source.parents[parent]
            assert isinstance(call, ast.Call)
            if is_cast(call):
                node = call
                continue
            if transposed_from(call, rank) is node:
                node, swapped = call, not swapped
                continue
            if product_of(source, call, rank) is not None:
                return call, swapped, passed
        elif isinstance(parent, ast.BinOp | ast.Call) and product_of(source, parent, rank) is not None:
            return parent, swapped, passed
        elif isinstance(parent, ast.List | ast.Tuple):
            call = source.parents[parent]
            if isinstance(call, ast.Call) and product_of(source, call, rank) is not None:
                return call, swapped, passed
        elif isinstance(parent, ast.Call) and parent.args[:1] == [node]:
            dropped = dropout_of(source, parent)
            if dropped is not None and not (dropped and scores.dropped):
                scores.dropped = scores.dropped or dropped
                node = parent
                continue
        elif isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
            uses = [each for each in loads_after(source, parent) if not isinstance(each.ctx, ast.Del)]
            real = [
                each
                for each in uses
                if not (isinstance(source.parents[each], ast.Attribute) and source.parents[each].attr == "dtype")  # type: ignore[attr-defined]
            ]
            if len(real) != 1:
                raise DeclinedError("The weights are used for more than one product with values")
            passed.append(parent)
            node = real[0]
            continue
        raise DeclinedError("The weights do not go straight into a product with the values")


def _fused(
    source: ModuleSource, scores: _Scores, second: ast.expr, swapped: bool, rank: int, gone: list[ast.stmt]
) -> str:
    product = scores.product
    out = product.axes
    query, key = product.left, product.right
    summed = [letter for letter in query.axes if letter in key.axes and letter not in out]
    keys = out[-1]
    queries = [letter for letter in out if letter not in key.axes]
    if len(summed) != 1 or len(queries) != 1 or keys in query.axes:
        query, key = key, query
        queries = [letter for letter in out if letter not in key.axes]
    if len(summed) != 1 or len(queries) != 1 or keys in query.axes or keys not in key.axes:
        raise DeclinedError("The product of queries and keys is not one over channels")
    batch = "".join(letter for letter in out if letter not in (keys, queries[0]))
    if any(letter not in query.axes or letter not in key.axes for letter in batch):
        raise DeclinedError("Queries and keys do not share all heads")
    parts = [
        operand_text(source, query, f"{batch}{queries[0]}{summed[0]}", rank),
        operand_text(source, key, f"{batch}{keys}{summed[0]}", rank),
    ]
    if scores.filled is not None and scores.filled.fill is not None:
        arranged_anew = parts[0] != source.code(query.node)
        scores.changes += in_branch(source, scores.filled, query.node, arranged=arranged_anew, gone=gone)
    elif scores.filled is not None:
        parts[0], scores.mask, added = with_equal_rows(source, scores.filled, statement_of(source, second), parts[0])
        scores.changes += added
    value, result = _values(source, second, swapped, rank)
    parts.append(value)
    if rank == 3:
        parts = [f"{part}.unsqueeze(0)" for part in parts]
    if scores.mask:
        parts.append(f"attn_mask={scores.mask}")
    if scores.dropped:
        parts.append(f"dropout_p={scores.dropped}")
    parts.append(f"scale={' * '.join(scores.scales) if scores.scales else '1.0'}")
    return f"<functional>.scaled_dot_product_attention({_laid_out(source, second, parts)}){_tail(rank, result)}"


def _tail(rank: int, result: str) -> str:
    return f"{'.squeeze(0)' if rank == 3 else ''}{result}"


def _laid_out(source: ModuleSource, call: ast.expr, arguments: list[str]) -> str:
    """The arguments on one line if it is not too long, else each on its own."""
    together = ", ".join(arguments)
    if call.col_offset + len(together) <= LONGEST_ARGUMENTS:
        return together
    statement = statement_of(source, call)
    indent = source.text[source.line_start(statement.lineno) : source.span(statement)[0]]
    return "".join(f"\n{indent}    {argument}," for argument in arguments) + f"\n{indent}"


def _values(source: ModuleSource, second: ast.expr, swapped: bool, rank: int) -> tuple[str, str]:
    """The text of the values as (…, keys, channels), and what brings the result into the order of the original."""
    product = product_of(source, second, rank)
    assert product is not None
    weights_left = _is_weights(source, product.left.node)
    weights, values = (product.left, product.right) if weights_left else (product.right, product.left)
    axes = f"{weights.axes[:-2]}{weights.axes[-1]}{weights.axes[-2]}" if swapped else weights.axes
    batch, queries, keys = axes[:-2], axes[-2], axes[-1]
    channels = [letter for letter in values.axes if letter not in axes]
    if len(channels) != 1 or keys not in values.axes or keys in product.axes or set(batch) - set(values.axes):
        raise DeclinedError("The product with the values is not one over keys")
    text = operand_text(source, values, f"{batch}{keys}{channels[0]}", rank)
    made = f"{batch}{queries}{channels[0]}"
    return text, arranged("", made, product.axes)


def _is_weights(source: ModuleSource, node: ast.expr) -> bool:
    """Whether this operand of the second product is made of a softmax."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and softmax_of(source, each) is not None:
            return True
        if isinstance(each, ast.Name):
            try:
                definition = definitions_before(source, each, each.id)[0]
            except DeclinedError:
                continue
            if _is_weights(source, definition.value):
                return True
    return False


def _check_operands(source: ModuleSource, scores: _Scores, last: ast.stmt, gone: list[ast.stmt]) -> None:
    """Queries and keys are still what they were where the fused operator is called.

    :raises DeclinedError: one of their names is bound in between.
    """
    assert scores.first is not None
    if scores.first is last:
        return
    removed = {
        each.targets[0].id for each in gone if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    read = read_in(scores.product.left.node) | read_in(scores.product.right.node)
    changed = read & (names_bound_between(source, scores.first, last) - removed)
    if scores.masked is not None:
        changed |= read_in(ast.parse(scores.mask)) & (names_bound_between(source, scores.masked, last) - removed)
    if changed:
        raise DeclinedError(f"{', '.join(sorted(changed))} is bound anew before the values come in")


def _deletions(source: ModuleSource, scores: _Scores, last: ast.stmt) -> list[ast.stmt]:
    """``del q, k`` in between: they are needed for longer now."""
    assert scores.first is not None
    read = read_in(scores.product.left.node) | read_in(scores.product.right.node)
    found: list[ast.stmt] = []
    for each in ast.walk(source.tree):
        if isinstance(each, ast.Delete) and scores.first.lineno < each.lineno < last.lineno:
            names = {last_name(target) for target in each.targets}
            if names & read:
                found.append(each)
    return found
