"""Tell which tensors a loop makes again in each step, with the same content, although nothing in the step computed it.

Copies, casts and constants are looked at: what joins, repeats or fills. Where a step computed what is copied, the copy
is not the cause, whatever its content.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from sdprof.collectors.content_digest import ContentDigest
from sdprof.collectors.tensors_within import tensors_within

COPIES = frozenset(
    f"aten::{name}"
    for name in (
        *("cat", "stack", "repeat", "clone", "_to_copy", "flip", "roll", "constant_pad_nd", "tril", "triu"),
        *("full", "ones", "zeros", "arange", "linspace", "logspace", "eye"),
        *("full_like", "ones_like", "zeros_like", "new_full", "new_ones", "new_zeros"),
    )
)
"""What makes a tensor of others without computing with their values, or of numbers alone: nothing random, and nothing
that is left as the memory was."""
MOST_BYTES = 16 * 2**20
"""A larger tensor is not read: of its content nothing is said."""
MOST_VISITS = 64
"""An expression that a step visits more often is not followed further."""

_MARK = "_sdprof_made"
_Tensor = tuple["weakref.ref[torch.Tensor]", int, tuple[Any, ...]]
"""What owns the memory, how often that was written to, and which part of it the tensor is."""


@dataclass(slots=True, eq=False)
class Making:
    """What was seen of the tensors that one operator makes at one place."""

    compared: bool = False
    """A visit was compared with that of another step."""
    differs: bool = False
    """Or cannot be told."""
    written: bool = False
    """Somebody wrote to one of these tensors later on."""
    same_tensors: bool = True
    """Each visit was given the very tensors that it was given in the other steps, and nobody had written to them."""
    sources: set[Making] = field(default_factory=set)
    """Who made what it was given, in the same step."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """By the number of the visit within its step."""
    given: dict[int, list[_Tensor] | None] = field(default_factory=dict)
    step: int | None = None
    visit: int = -1

    @property
    def is_repeated(self) -> bool:
        """Whether each step made what the step before had made, of nothing that was computed or written in between."""
        return self.compared and not self.differs and not self.written and not self._of_changing(set())

    def _of_changing(self, seen: set[Making]) -> bool:
        seen.add(self)
        return any(each.differs or each.written or each._of_changing(seen) for each in self.sources if each not in seen)

    def _differ(self) -> None:
        self.differs = True
        self.contents.clear()
        self.given.clear()


def of_both(one: Making, other: Making) -> Making:
    """Of one operator at one place, seen on two ways that led there."""
    return Making(
        compared=one.compared and other.compared,
        differs=one.differs or other.differs,
        written=one.written or other.written,
        same_tensors=one.same_tensors and other.same_tensors,
        sources=one.sources | other.sources,
    )


COMPUTED = Making(differs=True)
"""Stands for all that computes."""


@dataclass(frozen=True, slots=True)
class OperatorCall:
    """What one call of an operator took and gave."""

    inputs: list[torch.Tensor]
    outputs: list[torch.Tensor]
    made: list[torch.Tensor]
    """The outputs in memory of their own; views and what was written in place are none."""
    written: list[torch.Tensor]
    """The inputs that it writes to."""

    @classmethod
    def of(cls, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Self:
        """Of a call as a dispatch mode sees it."""
        inputs = [*tensors_within(args), *tensors_within(kwargs)]
        memory = [_memory(tensor) for tensor in inputs]
        outputs = list(tensors_within(output))
        made = [tensor for tensor in outputs if _memory(tensor) not in memory]
        written = [
            tensor
            for position, name in _written_arguments(func)
            for tensor in tensors_within(args[position] if position < len(args) else kwargs.get(name))
        ]
        return cls(inputs, outputs, made, written)


@dataclass(frozen=True, slots=True)
class _Made:
    """How a piece of memory came about in the loop; kept at the memory, for an address is soon another's."""

    seen_by: MadeAgain
    by: Making
    step: int


class MadeAgain:
    """Follows the tensors of a loop from operator to operator."""

    def __init__(self) -> None:
        self._digest = ContentDigest()
        self._step: int | None = None

    def see(self, making: Making, name: str, call: OperatorCall, step: int | None) -> None:
        """Hear of one call of an operator.

        :param making: of this operator at this place.
        :param step: None outside of the loop.
        """
        if step != self._step:
            self._step = step
            self._digest.forget()
        for tensor in call.written:
            self._write(tensor, step)
        copies = name in COPIES
        if step is not None and copies and len(call.made) == 1 and not making.differs:
            self._visit(making, call, call.made[0], step)
        if step is not None:
            for tensor in call.made:
                self._mark(tensor, making if copies else COMPUTED, step)

    def _write(self, tensor: torch.Tensor, step: int | None) -> None:
        made = self._made(tensor)
        if made is not None and made.by is not COMPUTED:
            made.by.written = True
        if step is not None:
            self._mark(tensor, COMPUTED, step)

    def _made(self, tensor: torch.Tensor) -> _Made | None:
        """How the loop made a tensor's memory, if it did."""
        try:
            made: _Made | None = getattr(tensor.untyped_storage(), _MARK, None)
        except (NotImplementedError, RuntimeError):  # no memory of its own: sparse
            return None
        return made if made is not None and made.seen_by is self else None

    def _mark(self, tensor: torch.Tensor, making: Making, step: int) -> None:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            setattr(tensor.untyped_storage(), _MARK, _Made(self, making, step))

    def _visit(self, making: Making, call: OperatorCall, made: torch.Tensor, step: int) -> None:
        making.visit = making.visit + 1 if making.step == step else 0
        making.step = step
        sources = [how for how in map(self._made, call.inputs) if how is not None]
        making.sources |= {how.by for how in sources if how.step == step}
        if making.visit >= MOST_VISITS or making._of_changing(set()) or not _is_readable(call.inputs, made):
            making._differ()
            return
        try:
            content = self._digest(made)
        except (RuntimeError, NotImplementedError):  # a tensor without memory of its own, as those of other modes are
            making._differ()
            return
        known = making.visit in making.contents
        if known and making.contents[making.visit] != content:
            making._differ()
            return
        tensors = None if made.is_inference() else _tensors_as_they_are(call.inputs)
        if known:
            earlier = making.given[making.visit]
            making.compared = True
            making.same_tensors &= tensors is not None and earlier is not None and _are_same(earlier, tensors)
        making.contents[making.visit], making.given[making.visit] = content, tensors


@functools.cache
def _written_arguments(func: Any) -> tuple[tuple[int, str], ...]:
    if not isinstance(func, torch._ops.OpOverload) or not func._schema.is_mutable:
        return ()
    arguments = enumerate(func._schema.arguments)
    return tuple((at, each.name) for at, each in arguments if each.alias_info is not None and each.alias_info.is_write)


def _is_readable(given: list[torch.Tensor], made: torch.Tensor) -> bool:
    """Not a copy to another device, a weight (autocast's casts of weights have a cure of their own), or too large."""
    if any(tensor.device != made.device or isinstance(tensor, torch.nn.Parameter) for tensor in given):
        return False
    return made.numel() * made.element_size() <= MOST_BYTES


def _tensors_as_they_are(given: list[torch.Tensor]) -> list[_Tensor] | None:
    """What tensors are known again by; None where writes to one are not counted, or gradients are wanted of it."""
    found: list[_Tensor] = []
    for tensor in given:
        base = tensor if tensor._base is None else tensor._base
        is_weight = isinstance(base, torch.nn.Parameter)  # which may get other memory in its place
        if is_weight or base.is_inference() or tensor.requires_grad or tensor.layout is not torch.strided:
            return None
        place = (tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.storage_offset())
        found.append((weakref.ref(base), base._version, place))
    return found


def _are_same(before: list[_Tensor], now: list[_Tensor]) -> bool:
    return len(before) == len(now) and all(
        one[0]() is other[0]() is not None and one[1:] == other[1:] for one, other in zip(before, now, strict=True)
    )


def _memory(tensor: torch.Tensor) -> int:
    """Identity of the memory behind a tensor, or of the tensor where it has none (sparse)."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)
