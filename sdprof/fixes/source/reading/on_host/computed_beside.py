"""Numbers that each step computes on the device from what the host knows: the host computes them beside it.

A name that a decision reads gets a namesake on the host. Each assignment in the loop is followed by the same one of
namesakes; the names that it reads get theirs in turn, down to tables that are read once before the loop and to numbers
that the host has anyway. The device's own names stay as they are, for the latents need them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.reading.before_loop.unchanging import aliases, is_bound_by_others, overlap, written_into
from sdprof.fixes.source.reading.calls import LONGEST_ROW
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, after_statement, before_loop, before_statement
from sdprof.fixes.source.reading.names import (
    Binding,
    bindings,
    dotted,
    is_free,
    last_name,
    read_in,
    scope_of,
    stored_names,
    unpacked,
)
from sdprof.fixes.source.reading.on_device.host_trees import CASTS, REARRANGES, call_moves
from sdprof.fixes.source.reading.on_device.moves import move_of
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, merged
from sdprof.fixes.source.reading.on_host.host_numbers import is_number, is_size
from sdprof.fixes.source.reading.on_host.loop_variables import of_loop_variable
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.plain_functions import is_plain_call, is_plain_lambda, is_plain_method, is_pure
from sdprof.fixes.source.reading.seen import is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call
from sdprof.fixes.source.reading.tensor_leaves import Leaf

MOST_NAMES = 12
"""Names that get a namesake for one decision; what needs more is no decision by a level any more."""
SIGNS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
LIKE = frozenset({"ones_like", "zeros_like", "full_like"})
MAKES = frozenset({"ones", "zeros", "full", "tensor"})
READS = frozenset({"item", "detach", "cpu", "clone"})


HandedOver = Callable[[Frame, ast.Name], HostCopy | None]
"""What it takes to have a parameter of a function that the loop calls on the host."""


def computed_beside(frame: Frame, node: ast.expr, handed_over: HandedOver, *, helped: bool = False) -> HostCopy | None:
    """Have the host compute what a name stands for, or an entry of it, beside the device; ``text`` reads it.

    None where something that it is computed from is not known to the host: the latents, a draw, another function.

    :param helped: tables that cannot be read before the loop are read by ``_on_host``.
    """
    name = node.value if isinstance(node, ast.Subscript) else node
    if not isinstance(name, ast.Name) or is_tensor(name, frame.values, "cuda") is False:
        return None
    copy = _beside(frame, node, handed_over, helped=helped)
    if copy is not None:
        copy.said = " ".join(filter(None, [copy.said, f"The host computes {name.id} as well."]))
    return copy


def expression_beside(frame: Frame, node: ast.expr, handed_over: HandedOver) -> HostCopy | None:
    """The same of what a call is given: ``step(x, ones * sigmas[i])`` has ``ones_on_host * sigmas_on_host[i]``."""
    return _beside(frame, node, handed_over, helped=False)


def _beside(frame: Frame, node: ast.expr, handed_over: HandedOver, *, helped: bool) -> HostCopy | None:
    beside = _Beside(frame, frame.loop_around(node), node, handed_over, helped=helped)
    try:
        text = beside.name(node.id) if isinstance(node, ast.Name) else beside.of(node)
    except DeclinedError:
        return None
    whole = merged([*beside.copies, HostCopy(frame.source.path, beside.changes)], computes=beside.computes)
    if whole is not None:
        whole.text = text
    return whole


class _Beside:
    """Namesakes on the host for names of one function."""

    def __init__(
        self, frame: Frame, loop: LoopStatement | None, node: ast.expr, handed_over: HandedOver, *, helped: bool
    ) -> None:
        self.frame = frame
        self.handed_over = handed_over
        self.helped = helped
        self.source = frame.source
        self.loop = loop
        self.scope = scope_of(frame.source, node)
        self.inside = None if loop is None else set(ast.walk(loop))
        self.names: dict[str, str] = {}
        self.copies: list[HostCopy] = []
        self.changes: list[Replacement] = []
        self.computes = False

    def name(self, name: str) -> str:
        """The namesake of a name, with all the assignments that it needs."""
        if name in self.names:
            return self.names[name]
        wished = f"{name}_on_host"
        if len(self.names) >= MOST_NAMES or not is_free(self.scope, wished) or self._is_written_into(name):
            raise DeclinedError(f"{name} has no namesake on the host")
        self.names[name] = wished
        bound = bindings(self.scope, name)
        inside = [each for each in bound if self._is_in_loop(each)]
        before = [each for each in bound if each not in inside and self._is_before_loop(each)]
        if not inside or any(each.kind == "other" and not isinstance(each.node, ast.AugAssign) for each in bound):
            raise DeclinedError(f"{name} is not assigned in the loop, or in other ways as well")
        if before:
            self._begin(name, before)
        for each in inside:
            if each.node is self.loop:
                self._begin_step(name)
            else:
                self._assign(name, each)
        return wished

    def _begin_step(self, name: str) -> None:
        """What the namesake is at the top of the loop whose variable the name is; the step binds it anew below."""
        loop = self.loop
        copy = None if loop is None else of_loop_variable(self.frame, name, loop, self.scope)
        if loop is None or copy is None or copy.text is None or not stands_alone(self.source, loop.body[0]):
            raise DeclinedError(f"What the loop gives to {name} is not known to the host")
        self.copies.append(copy)
        if copy.text != self.names[name]:
            line = f"{self.names[name]} = {copy.text}"
            self.changes.append(before_statement(self.source, loop.body[0], line))

    def _begin(self, name: str, before: list[Binding]) -> None:
        """What the namesake is when the loop begins."""
        if self.loop is None:
            raise DeclinedError(f"{name} comes from the caller")
        values = [unpacked(each.node, each.value, name) if each.value is not None else None for each in before]
        numbers = [each is not None and is_number(self.source, each, {}) for each in values]
        tensors = [each is not None and self._is_surely_tensor(each) for each in values]
        torch, imports = torch_name(self.source)
        if imports and not (all(numbers) or all(tensors)):
            raise DeclinedError(f"It cannot be told what {name} is before the loop")
        counted = any(isinstance(each.node, ast.AugAssign) for each in bindings(self.scope, name))
        apart = f'{name}.to("cpu", copy=True)'  # what lies on the host already must not be counted up twice
        copied = name if all(numbers) else apart if counted else f"{name}.cpu()"
        if not (all(numbers) or all(tensors)):
            copied += f" if {torch}.is_tensor({name}) else {name}"  # a number, or nothing, as another caller may give
        self.changes.append(before_loop(self.source, self.loop, f"{self.names[name]} = {copied}"))

    def _is_surely_tensor(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Call) and last_name(value.func) in MAKES | LIKE and is_torch_call(self.source, value):
            return True
        return is_tensor(value, self.frame.values) is True

    def _assign(self, name: str, binding: Binding) -> None:
        """The same assignment of namesakes, behind the one of a name."""
        statement, value = binding.node, binding.value
        if isinstance(statement, ast.AugAssign):
            self._count(name, statement)
            return
        plain = isinstance(statement, ast.Assign) and len(statement.targets) == 1
        if not plain or value is None or not isinstance(statement, ast.Assign):
            raise DeclinedError(f"{name} is not assigned by a plain statement")
        target, place = statement.targets[0], ""
        given: ast.expr | None = unpacked(statement, value, name)
        if given is None and isinstance(target, ast.Tuple) and isinstance(value, ast.Call):
            names = [dotted(each) for each in target.elts]
            if names.count(name) != 1 or any(isinstance(each, ast.Starred) for each in target.elts):
                raise DeclinedError(f"It cannot be told what {name} gets")
            given, place = value, f"[{names.index(name)}]"
        if given is None:
            raise DeclinedError(f"{name} shares its assignment")
        others = stored_names(target) - {name}
        if cuts_fractions(self.source, given, self.frame.values):
            raise DeclinedError("Fractions are cut to whole numbers")
        text = self.of(given, frozenset({name, *others}))
        if any(self.names.get(other, "\0") in text for other in others):
            raise DeclinedError("Names change places")
        self._behind(statement, name, text + place)

    def _count(self, name: str, statement: ast.AugAssign) -> None:
        """``t_on_host = t_on_host + dt_on_host`` of ``t += dt``: not in place, for a copy may share its memory."""
        sign = SIGNS.get(type(statement.op))
        if sign is None:
            raise DeclinedError(f"{name} is not counted up")
        self.computes = True
        text = self._as_operand(statement.value, frozenset({name}))
        self._behind(statement, name, f"{self.names[name]} {sign} {text}")

    def _behind(self, statement: ast.stmt, name: str, text: str) -> None:
        """The assignment of a namesake on a line behind the one of its name."""
        if stands_alone(self.source, statement):
            block_of(self.source, statement)
            line = self._line(statement, self.names[name], text)
            self.changes.append(after_statement(self.source, statement, line))
            return
        outer = self.source.parents[statement]
        one_line = isinstance(outer, ast.If) and outer.body == [statement] and not outer.orelse
        if not isinstance(outer, ast.If) or not one_line or not stands_alone(self.source, outer):
            raise DeclinedError(f"{name} shares the line of its assignment")
        if name in read_in(outer.test) or self.of(outer.test) != " ".join(self.source.code(outer.test).split()):
            raise DeclinedError(f"What is asked for {name} cannot be asked again")
        line = f"if {self.source.code(outer.test)}: {self.names[name]} = {text}"
        self.changes.append(after_statement(self.source, outer, line))

    def _line(self, statement: ast.stmt, name: str, text: str) -> str:
        """The assignment, on three lines where one would be long."""
        if statement.col_offset + len(name) + len(text) <= LONGEST_ROW:
            return f"{name} = {text}"
        indent = self.source.text[self.source.line_start(statement.lineno) : self.source.span(statement)[0]]
        return f"{name} = (\n{indent}    {text}\n{indent})"

    def of(self, node: ast.expr, bound: frozenset[str] = frozenset()) -> str:
        """The text of an expression of namesakes.

        :param bound: what the statement binds behind which the text stands: its new value is not what was read.
        """
        texts: list[tuple[ast.expr, str]] = []
        self._visit(node, texts, bound)
        return " ".join(self.source.code_with(node, texts).split())

    def _as_operand(self, node: ast.expr, bound: frozenset[str]) -> str:
        """The same, such that an operator or an attribute may follow it."""
        text = self.of(node, bound)
        return f"({text})" if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp) else text

    def _visit(self, node: ast.expr, texts: list[tuple[ast.expr, str]], bound: frozenset[str]) -> None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str | bytes):
                raise DeclinedError("A text takes part")
            return
        if isinstance(node, Leaf):
            new = self._leaf(node, bound)
            if new is not None:
                texts.append((node, new))
            return
        if isinstance(node, ast.Call) and call_moves(node):
            texts.append((node, self._of_moved(node, bound)))
            return
        if isinstance(node, ast.Call) and last_name(node.func) in MAKES and is_torch_call(self.source, node):
            texts.append((node, self._of_made(node, bound)))
            return
        if isinstance(node, ast.Call):
            parts = self._parts_of_call(node)
        elif isinstance(node, ast.Tuple | ast.List) and not any(isinstance(each, ast.Starred) for each in node.elts):
            parts = node.elts  # of a shape, or of numbers that a tensor is made of
        elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.IfExp):
            self.computes |= isinstance(node, ast.BinOp)
            parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        else:
            raise DeclinedError(f"{self.source.code(node)} is not computed from numbers alone")
        for each in parts:
            self._visit(each, texts, bound)

    def _of_moved(self, call: ast.Call, bound: frozenset[str]) -> str:
        """``sigmas_on_host[i]`` of ``sigmas[i].to(x.device)``."""
        move = move_of(self.source, call, self.frame.values)
        text = self._as_operand(move.host, bound)
        return f"{text}.to({move.dtype_text})" if move.dtype_text else text

    def _of_made(self, call: ast.Call, bound: frozenset[str]) -> str:
        """``torch.ones(n)`` of ``torch.ones(n, device=x.device)``, where all else is known."""
        others = [each for each in call.keywords if each.arg != "device"]
        if any(each.arg not in ("dtype", "fill_value", "size") for each in others):
            raise DeclinedError(f"{self.source.code(call)} is no plain call")
        given = [self.of(each, bound) if not is_size(each) else self.source.code(each) for each in call.args]
        given += [f"{each.arg}={self.source.code(each.value)}" for each in others if each.arg == "dtype"]
        given += [f"{each.arg}={self.of(each.value, bound)}" for each in others if each.arg != "dtype"]
        return f"{self.source.code(call.func)}({', '.join(given)})"

    def _parts_of_call(self, call: ast.Call) -> list[ast.expr]:
        if any(each.arg in (None, "out", "device", "generator") for each in call.keywords):
            raise DeclinedError(f"{self.source.code(call)} is no plain call")
        given = [*call.args, *(each.value for each in call.keywords)]
        if any(isinstance(each, ast.Starred) for each in given):
            raise DeclinedError(f"{self.source.code(call)} is no plain call")
        name = last_name(call.func)
        if isinstance(call.func, ast.Name) and name == "len" and all(dotted(each) for each in given):
            return []  # of a tensor, too, the host knows it
        method = isinstance(call.func, ast.Attribute) and not self._is_module(call.func.value)
        plain = is_plain_call(self.frame.sources, self.source, call) or is_plain_method(self.source, call)
        if isinstance(call.func, ast.Name) and is_plain_lambda(self.source, self.scope, call.func.id):
            plain = True
        if plain:
            self.computes = True
            return given
        like = name in LIKE and is_torch_call(self.source, call)
        if not is_pure(self.source, call) and not like and not (method and name in READS):
            raise DeclinedError(f"{self.source.code(call)} may do more than compute")
        self.computes |= name not in REARRANGES | CASTS | READS
        if name in CASTS:
            given = [each for each in given if not (dotted(each) or "").startswith("torch.")]
        return [call.func.value, *given] if method and isinstance(call.func, ast.Attribute) else given

    def _leaf(self, node: ast.expr, bound: frozenset[str]) -> str | None:
        """The namesake of a name or an entry; None where the host has it under the same name."""
        if is_size(node):
            return None
        root = (dotted(node.value if isinstance(node, ast.Subscript) else node) or "").split(".")[0]
        if not root or (isinstance(node, ast.Attribute) and self._is_module(node.value)):
            if root:
                return None
            raise DeclinedError("What the entry is of is computed")
        local = bindings(self.scope, root)
        if isinstance(node, ast.Subscript) and read_in(node.slice) & bound:
            raise DeclinedError(f"The statement binds what {self.source.code(node)} is found by")
        assigned = any(_assigns(each) and self._is_in_loop(each) for each in local)
        steady = not isinstance(node, ast.Name) or not (assigned or node.id in bound)
        copy = twin(self.frame, node) if steady else None
        if copy is not None and copy.text is not None:
            if read_in(ast.parse(copy.text)) & bound:
                raise DeclinedError(f"The statement binds what {self.source.code(node)} is found by")
            self.copies.append(copy)
            return copy.text
        named = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
        if assigned and named and isinstance(node, ast.Subscript) and _is_written_out(node.slice):
            return f"{self.name(root)}[{ast.unparse(node.slice)}]"
        numbers = all(each.value is not None and is_number(self.source, each.value, {}) for each in local)
        known = value_of(node, self.frame.values)
        if isinstance(node, ast.Name) and assigned and not numbers:
            counted = known is not None and known.kind == "number" and self._runs_through_numbers(node.id, local)
            return None if counted else self.name(node.id)
        of_caller = self.loop is None and [each.kind for each in local] == ["parameter"]
        if isinstance(node, ast.Name) and of_caller and (known is None or known.kind != "number"):
            given = self.handed_over(self.frame, node)
            if given is not None and given.text is not None:
                self.copies.append(given)
                return f"({given.text})"
        whole = node.value if isinstance(node, ast.Subscript) else node
        seen = value_of(whole, self.frame.values)
        if self.helped and root not in bound and seen is not None and (seen.kind, seen.device) == ("tensor", "cuda"):
            if isinstance(node, ast.Name) and assigned:
                raise DeclinedError(f"{node.id} is made in the step")
            return f"_on_host({self.source.code(node)})"
        if root in bound:
            raise DeclinedError(f"{self.source.code(node)} is bound by the statement itself")
        if seen is None and isinstance(node, ast.Attribute):
            return None  # a setting of an object, as self.config.steps; were it on the device, the wait would stay
        if seen is None or seen.kind == "other" or (seen.kind == "tensor" and seen.device != "cpu"):
            raise DeclinedError(f"{self.source.code(node)} is not known to the host")
        return None

    def _runs_through_numbers(self, name: str, local: list[Binding]) -> bool:
        """Whether a name that was seen to be a number comes from a loop over no table, ``for i, j in pairs``."""
        if not isinstance(self.loop, ast.For) or all(each.node is not self.loop for each in local):
            return False
        runs = is_tensor(self.loop.iter, self.frame.values) is not True
        return runs and of_loop_variable(self.frame, name, self.loop, self.scope) is None

    def _is_in_loop(self, binding: Binding) -> bool:
        return self.inside is None or binding.node in self.inside

    def _is_before_loop(self, binding: Binding) -> bool:
        return self.loop is not None and getattr(binding.node, "lineno", 0) <= self.loop.lineno

    def _is_module(self, node: ast.expr) -> bool:
        """``torch`` of ``torch.exp``, ``math`` of ``math.pi``: a name that is no value."""
        name = dotted(node)
        return name is not None and name not in self.frame.values and not bindings(self.scope, name.split(".")[0])

    def _is_written_into(self, name: str) -> bool:
        """Whether a tensor under this name may be written to, or a function inside binds it."""
        written = list(written_into(self.scope))
        counted = [each for each in bindings(self.scope, name) if isinstance(each.node, ast.AugAssign)]
        if is_bound_by_others(self.source, name) or sum(overlap(name, other) for other in written) > len(counted):
            return True
        return any(overlap(alias, other) for other in written for alias in aliases(self.scope, name) - {name})


def _assigns(binding: Binding) -> bool:
    return binding.kind in ("assignment", "unpacking") or isinstance(binding.node, ast.AugAssign)


def _is_written_out(index: ast.expr) -> bool:
    """``0``, ``-1``, ``:2``: what is written out."""
    return all(
        isinstance(each, ast.Constant | ast.UnaryOp | ast.USub | ast.Slice)
        for each in ast.walk(index)
        if not isinstance(each, ast.expr_context)
    )
