"""Decide on the host with a host copy of a table that was read once, instead of waiting for the device each time."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement, changes_elsewhere, same_file
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import bindings, last_name, read_in, scope_of
from sdprof.fixes.source.reading.on_device.entries_by_place import can_stay_on_device
from sdprof.fixes.source.reading.on_host.computed_beside import computed_beside
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.fixes.source.reading.on_host.flags import READ_BY_HELPER, flag_on_host
from sdprof.fixes.source.reading.on_host.handed_over import handed_over, handed_over_all
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, in_place, merged
from sdprof.fixes.source.reading.on_host.host_origins import make_host
from sdprof.fixes.source.reading.on_host.made_from_host import made_from_host, reaching
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.seen import value_of
from sdprof.fixes.source.reading.tensor_calls import is_only_read
from sdprof.fixes.source.reading.tensor_leaves import tensor_leaves
from sdprof.model import FixMeta

META = FixMeta(
    id="read-table-once",
    title="Read small tables of numbers once before the loop, where the host decides by them",
    kind="source",
    numerics="rounding",
    removes=("sync-in-loop", "device-to-host-in-loop", "repeated-copy-outside-loop"),
    order=20,
)
DIRECT = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.JoinedStr, ast.FormattedValue, ast.Subscript)
ASKED_AGAIN = (
    *(ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop),
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.expr_context),
)
"""What gives the same however often it is asked."""
PATH = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.expr_context)
CUTS = frozenset({"int", "round", "floor", "ceil", "trunc", "rint"})
CUT = "Fractions are computed and cut to whole numbers: rounded otherwise, one could be another"
COPIES = frozenset({"cpu", "to"})
READS = frozenset({"float", "int", "bool", "item", "tolist", "range"})
CHOOSES = frozenset({"all", "any", "max", "min", "amax", "amin"})
"""What compares, and so gives the same everywhere."""


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read a number.

    A mask that selects is none: of one on the host, the indices would be copied to the device instead.
    """
    if site.kind == "SYNC" and site.dtype == "bool" and site.op.startswith(("aten::index", "aten::_index_put")):
        return False
    return site.kind == "SYNC" or (site.kind == "D2H" and site.bytes <= 64 * site.count)


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``if sigmas[i] > 0`` → ``if sigmas_on_host[i] > 0``, with ``sigmas_on_host = sigmas.cpu()`` before the loop.

    A loop variable is read from a host copy of what it runs through; an argument is followed into the caller. Where
    nothing but comparisons and indexing sees the copy, the result is exact.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    node = frame.source.node_at(site.where)
    if isinstance(node, ast.IfExp):
        node = node.test  # the jump has the place of the whole expression
    if _shows_device(node, site):
        raise DeclinedError("The text that is made of it names the device")
    leaves = tensor_leaves(_what_is_read(site, node), frame.values)
    while not leaves and isinstance(parent := frame.source.parents[node], ast.BoolOp):
        node = parent  # CPython may give a later operand of 'or' the place of the one before it
        leaves = tensor_leaves(node, frame.values)
    leaves = _given_as_number(site, frame, node, leaves) or leaves or _receiver(node)
    if not all(frame.source.has_own_text(leaf) for leaf in leaves):
        raise DeclinedError("The place inside the f-string is not exact: name the number before it")
    if not leaves:
        raise DeclinedError("No name in the expression stands for the number that was read")
    if cuts_fractions(frame.source, node, frame.values):
        raise DeclinedError(CUT)
    edits: list[Edit] = []
    copies: list[HostCopy] = []
    unreached = ""
    for leaf in leaves:
        try:
            copy = _copied(frame, leaf)
        except DeclinedError as declined:
            copy, unreached = None, str(declined)
        if copy is not None:
            copies.append(copy)
    whole = merged(copies, computes=_computes(frame, node, leaves)) if copies else None
    if whole is not None:
        edits.append(_edit(site, whole))
    edits += filter(None, [_whole_condition(site, frame, node)])
    try:
        given = [handed_over(frame, leaf) for leaf in leaves]
        together = (
            merged([each for each in given if each], computes=_computes(frame, node, leaves)) if any(given) else None
        )
        if together is not None:
            edits.append(_edit(site, together))
    except DeclinedError as declined:
        unreached = unreached or str(declined)
    edits += filter(None, [_computed_beside(site, frame, leaves)])
    plainer = can_stay_on_device(frame, node)  # index-on-device needs no helper
    if not plainer and all(_fits_helper(leaf) for leaf in leaves) and site.where.function != "<module>":
        edits.append(_with_helper(site, frame, leaves, computes=_computes(frame, node, leaves)))
        made_of = [each for leaf in leaves for each in _operands_of(frame, leaf)]
        if made_of and all(_fits_helper(each) for each in made_of):
            edits.append(_with_helper(site, frame, made_of, computes=True))
        edits += filter(None, [_asked_again(site, frame, leaves), _flag_by_helper(site, frame, leaves)])
        edits += filter(None, [_computed_beside(site, frame, leaves, helped=True)])
        edits += filter(None, [_entry_by_helper(site, frame, leaves)])
        condition = _whole_of(frame, node)
        asked = tensor_leaves(condition, frame.values) if condition is not None else []
        if condition is not None and all(map(_fits_helper, asked)):
            edits.append(_with_helper(site, frame, asked, computes=_computes(frame, condition, asked)))
    if _is_cut(frame, node):
        kept = [edit for edit in edits if edit.numerics == "exact"]
        if edits and not kept:
            raise DeclinedError(CUT)
        edits = kept
    if not edits:
        raise DeclinedError(
            unreached or "The number is computed on the device in this very step: only the device can know it"
        )
    return tuple(_of_its_own(frame, node, edit) for edit in edits)


def _of_its_own(frame: Frame, node: ast.expr, edit: Edit) -> Edit:
    """``sigmas_on_host[i].cpu().clone()``: what was a copy, and may be written to, must not be part of a table."""
    source = frame.source
    if not isinstance(node, ast.Call) or last_name(node.func) not in COPIES:
        return edit
    outer: ast.expr = node
    while isinstance(method := source.parents[outer], ast.Attribute) and method.attr in ("numpy", "detach"):
        called = source.parents[method]
        if not isinstance(called, ast.Call):
            break
        outer = called
    used = source.parents[outer]
    reads = isinstance(used, ast.Call) and outer in used.args and last_name(used.func) in READS
    if reads or is_only_read(source, outer):
        return edit
    end = source.span(node)[1]
    clone = Replacement(start=end, end=end, text=".clone()")
    if same_file(edit.file, source.path):
        return replace(edit, replacements=(*edit.replacements, clone))
    elsewhere = {each.file: list(each.replacements) for each in edit.elsewhere}
    elsewhere.setdefault(source.path, []).append(clone)
    return replace(edit, elsewhere=changes_elsewhere(elsewhere)[0])


def _is_cut(frame: Frame, node: ast.expr) -> bool:
    """``int(x.item())``, ``math.ceil(n * x.item())``, ``x.item() // 1``: a fraction is cut to a whole number."""
    if not frame.site.dtype.startswith(("float", "bfloat")):
        return False
    inner: ast.AST = node
    while True:
        if isinstance(inner, ast.Call) and last_name(inner.func) in CUTS:
            return True
        outer = frame.source.parents[inner]
        if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.FloorDiv):
            return True
        if not isinstance(outer, ast.BinOp | ast.UnaryOp | ast.Call | ast.Attribute):
            return False
        inner = outer


def _shows_device(node: ast.expr, site: SiteEvidence) -> bool:
    """``print(t)`` and ``str(t)`` say where a tensor lies; a number in an f-string does not."""
    if isinstance(node, ast.JoinedStr):
        return site.shape not in ((), None)
    return isinstance(node, ast.Call) and last_name(node.func) in ("print", "str", "repr", "format")


def _what_is_read(site: SiteEvidence, node: ast.expr) -> ast.expr:
    """The index of an entry; the entry itself where its truth was asked, for an index is a whole number."""
    return node.slice if isinstance(node, ast.Subscript) and site.dtype != "bool" else node


def _receiver(node: ast.expr) -> list[ast.expr]:
    """``data["atoms"].mask`` of ``data["atoms"].mask.sum().item()``: nothing was seen of what has no plain name."""
    read = node
    while isinstance(read, ast.Call) and isinstance(read.func, ast.Attribute) and not read.args and not read.keywords:
        if read.func.attr not in READS | CHOOSES | {"sum"}:
            return []
        read = read.func.value
    path = isinstance(read, ast.Attribute) and all(isinstance(each, PATH) for each in ast.walk(read))
    return [read] if path and read is not node else []


def _given_as_number(site: SiteEvidence, frame: Frame, node: ast.expr, leaves: list[ast.expr]) -> list[ast.expr]:
    """``counts[i]`` of ``torch.topk(shares, k=counts[i])``: of several arguments, the one of the type that was read."""
    if not isinstance(node, ast.Call) or last_name(node.func) in READS or len(leaves) < 2 or not site.dtype:
        return []
    arguments = [*node.args, *(each.value for each in node.keywords)]
    if not all(leaf in arguments for leaf in leaves):
        return []
    seen = {leaf: value_of(leaf.value if isinstance(leaf, ast.Subscript) else leaf, frame.values) for leaf in leaves}
    of_type = [leaf for leaf in leaves if (value := seen[leaf]) is not None and value.dtype == site.dtype]
    return of_type if None not in seen.values() and len(of_type) == 1 else []


def _copied(frame: Frame, leaf: ast.expr) -> HostCopy | None:
    copy = twin(frame, leaf)
    if copy is not None and copy.text is not None:
        start, end = frame.source.span(leaf)
        copy.replacements.append(Replacement(start=start, end=end, text=copy.text))
        return copy
    made = made_from_host(frame, leaf)
    if made is not None:
        return made
    if isinstance(leaf, ast.Subscript):
        return _index_made_host(frame, leaf)
    flag = flag_on_host(frame, leaf) if isinstance(leaf, ast.Name) else None
    return flag or make_host(frame, leaf)


def _whole_condition(site: SiteEvidence, frame: Frame, node: ast.expr) -> Edit | None:
    """The same for all that a condition asks of tables."""
    whole = _whole_of(frame, node)
    if whole is None:
        return None
    leaves = tensor_leaves(whole, frame.values)
    try:
        copies = [_copied(frame, leaf) for leaf in leaves]
    except DeclinedError:
        return None
    found = [each for each in copies if each is not None]
    together = merged(found, computes=_computes(frame, whole, leaves)) if len(found) == len(leaves) else None
    return _edit(site, together) if together is not None else None


def _whole_of(frame: Frame, node: ast.expr) -> ast.BoolOp | None:
    """``if a[0] == 0 and (a[1:] == b[0]).all()``: CPython may give the second operand the place of the first one."""
    whole: ast.AST = node
    while isinstance(frame.source.parents[whole], ast.BoolOp):
        whole = frame.source.parents[whole]
    return whole if whole is not node and isinstance(whole, ast.BoolOp) else None


def _flag_by_helper(site: SiteEvidence, frame: Frame, leaves: list[ast.expr]) -> Edit | None:
    """``accepted = error <= 1``, then ``accepted = False`` in a branch: what is compared is read by the helper."""
    if len(leaves) != 1 or not isinstance(leaves[0], ast.Name):
        return None
    flag = flag_on_host(frame, leaves[0], helped=True)
    return _edit(site, flag, ("_on_host",)) if flag is not None else None


def _index_made_host(frame: Frame, leaf: ast.Subscript) -> HostCopy | None:
    found = [copy for each in tensor_leaves(leaf.slice, frame.values) if (copy := make_host(frame, each)) is not None]
    return merged(found, computes=False) if found else None


def _computes(frame: Frame, node: ast.expr, leaves: list[ast.expr]) -> bool:
    """Whether there is arithmetic between a leaf and the number that is read."""
    for leaf in leaves:
        parent: ast.AST = leaf
        while parent is not node:
            parent = frame.source.parents[parent]
            direct = isinstance(parent, DIRECT) and not (
                isinstance(parent, ast.UnaryOp) and not isinstance(parent.op, ast.Not)
            )
            reads = isinstance(parent, ast.Call) and last_name(parent.func) in READS | CHOOSES
            method = isinstance(parent, ast.Attribute) and parent.attr in READS | CHOOSES
            if not (direct or reads or method or isinstance(parent, ast.Tuple | ast.List)):
                return not frame.site.dtype.startswith("int")
    return False


def _edit(site: SiteEvidence, copy: HostCopy, helpers: tuple[str, ...] = ()) -> Edit:
    elsewhere, also = changes_elsewhere(copy.elsewhere)
    return Edit(
        fix=META.id,
        file=copy.file,
        where=site.where,
        replacements=tuple(copy.replacements),
        elsewhere=elsewhere,
        helpers=helpers,
        numerics="rounding" if copy.computes else "exact",
        proof="arithmetic" if copy.computes else "data",
        description=copy.said + (" The host computes with it." if copy.computes else "") + also,
    )


def _fits_helper(leaf: ast.expr) -> bool:
    return isinstance(leaf, ast.Name | ast.Attribute | ast.Subscript)


def _operands_of(frame: Frame, leaf: ast.expr) -> list[ast.expr]:
    """The tensors that a local name is computed from, where it is assigned once."""
    if not isinstance(leaf, ast.Name):
        return []
    bound = bindings(scope_of(frame.source, leaf), leaf.id)
    if len(bound) != 1 or bound[0].kind != "assignment" or bound[0].value is None:
        return []
    if cuts_fractions(frame.source, bound[0].value, frame.values):
        return []
    return tensor_leaves(bound[0].value, frame.values)


def _computed_beside(site: SiteEvidence, frame: Frame, leaves: list[ast.expr], *, helped: bool = False) -> Edit | None:
    """``if down == 0`` → ``if down_on_host == 0``, where each step computes it of a table: so does the host."""
    copies: list[HostCopy] = []
    for leaf in leaves:
        copy = twin(frame, leaf) or computed_beside(frame, leaf, handed_over_all, helped=helped)
        if copy is None or copy.text is None:
            return None
        copy.replacements += [in_place(frame.source, each, copy.text) for each in _asked_as_well(frame, leaf)]
        copies.append(copy)
    whole = merged(copies, computes=False)
    return _edit(site, whole, ("_on_host",) if helped else ()) if whole is not None else None


def _asked_as_well(frame: Frame, leaf: ast.expr) -> list[ast.expr]:
    """The same name wherever the condition compares it: ``s < end if forward else s > end`` asks for one of two."""
    source = frame.source
    inner, outer = leaf, source.parents[leaf]
    while isinstance(outer, ast.expr):
        inner, outer = outer, source.parents[outer]
    compared = [each for each in ast.walk(inner) if isinstance(each, ast.Compare)]
    numbers = [each for each in compared if not any(isinstance(part, ast.Call) for part in ast.walk(each))]
    same = [part for each in numbers for part in ast.walk(each) if ast.dump(part) == ast.dump(leaf)]
    asked = isinstance(outer, ast.If | ast.While) and leaf in same
    return [each for each in same if isinstance(each, ast.expr)] if asked else [leaf]


def _asked_again(site: SiteEvidence, frame: Frame, leaves: list[ast.expr]) -> Edit | None:
    """``if done.all()`` → ``if (_on_host(t) == 0).all()``, where ``done = t == 0`` is needed on the device as well."""
    changes: list[Replacement] = []
    computes = False
    for leaf in leaves:
        found = reaching(frame.source, leaf) if isinstance(leaf, ast.Name) else None
        made = found[0].value if found is not None and found[0].kind == "assignment" else None
        if found is None or made is None or not all(isinstance(each, ASKED_AGAIN) for each in ast.walk(made)):
            return None
        operands = tensor_leaves(made, frame.values)
        if not operands or not all(map(_fits_helper, operands)) or read_in(made) & found[1]:
            return None
        if cuts_fractions(frame.source, made, frame.values):
            return None
        text = frame.source.code_with(made, [(each, f"_on_host({frame.source.code(each)})") for each in operands])
        computes |= any(isinstance(each, ast.operator | ast.USub) for each in ast.walk(made))
        text, parent = " ".join(text.split()), frame.source.parents[leaf]
        alone = isinstance(parent, ast.Call) and parent.args == [leaf]
        changes.append(in_place(frame.source, leaf, text if alone else f"({text})"))
    said = "What the device computes of a table is computed on the host as well, of a copy that a helper keeps."
    return _by_helper(site, frame, changes, said, computes=computes)


def _with_helper(site: SiteEvidence, frame: Frame, leaves: list[ast.expr], *, computes: bool) -> Edit:
    replacements = []
    for leaf in leaves:
        start, end = frame.source.span(leaf)
        replacements.append(Replacement(start=start, end=end, text=f"_on_host({frame.source.code(leaf)})"))
    said = READ_BY_HELPER + (" The host computes with it." if computes else "")
    return _by_helper(site, frame, replacements, said, computes=computes)


def _entry_by_helper(site: SiteEvidence, frame: Frame, leaves: list[ast.expr]) -> Edit | None:
    """``_on_host(table)[_on_host(i)]`` of ``table[i]``, where the host waits for the index as well as for the entry."""
    wrapped: list[ast.expr] = []
    for leaf in leaves:
        inner = tensor_leaves(leaf.slice, frame.values) if isinstance(leaf, ast.Subscript) else []
        if not isinstance(leaf, ast.Subscript) or not inner or not isinstance(leaf.value, ast.Name | ast.Attribute):
            return None
        wrapped += [leaf.value, *inner]
    return _with_helper(site, frame, wrapped, computes=False) if all(map(_fits_helper, wrapped)) and wrapped else None


def _by_helper(site: SiteEvidence, frame: Frame, changes: list[Replacement], said: str, *, computes: bool) -> Edit:
    return Edit(
        fix=META.id,
        file=frame.source.path,
        where=site.where,
        replacements=tuple(changes),
        helpers=("_on_host",),
        numerics="rounding" if computes else "exact",
        proof="arithmetic" if computes else "data",
        description=said,
    )
