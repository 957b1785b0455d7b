"""Running operators without values: sizes, costs and memory of a model that no CPU would finish.

Large tensors have no values (their host tensor is on PyTorch's ``meta`` device), on the simulated device and on the
host alike, so that a full-size model is built in seconds and without memory. Small ones keep theirs as long as they
depend on known values alone: samplers read their schedules to decide what to do, and those are small tables. A value
that is not known is never made up: whoever asks for it gets a ``ValueNeededError``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from sdprof.device import current, known_values
from sdprof.device.bus import crossing
from sdprof.device.complex_algebra import CONJUGATING, conjugates_are_seen, resolved
from sdprof.device.copying import TO_DEVICE, TO_HOST, cannot_pin
from sdprof.device.cuda_keywords import without_svd_driver
from sdprof.device.device_check import FILLS, REFUSES_HOST_SCALARS, named_tensors, refuse_mixed_devices
from sdprof.device.dispatch import follow_metadata
from sdprof.device.host_without_values import without_generator
from sdprof.device.indexing import record_index_traffic, refuse_device_indices_on_host
from sdprof.device.memory_counter import MemoryCounter
from sdprof.device.operator_cost import CostLedger, OperatorCost, cost_of
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.ordinal import check_ordinal
from sdprof.device.padding_masks import never_left_aligned
from sdprof.device.pinned_memory import is_pinned, mark_pinned
from sdprof.device.sequences import wrong_lengths
from sdprof.device.shape_rules import ShapeRules
from sdprof.device.tensor import DEVICE, HOST, SimulatedTensor, host_of, wrap
from sdprof.device.value_needed import ValueNeededError

INDEXING = (
    "aten::index",
    "aten::_unsafe_index",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::_unsafe_index_put",
)
_META = torch.device("meta")


class WithoutValues:
    """The executor of a run without values."""

    def __init__(self, memory: MemoryCounter, ledger: CostLedger) -> None:
        self.memory = memory
        self.ledger = ledger
        self._plans: dict[int, OperatorPlan] = {}
        self._shapes = ShapeRules()
        self._rules: dict[str, Callable[[OperatorPlan, tuple[Any, ...], dict[str, Any]], Any]] = {
            "aten::copy_": self._copy_into,
            "aten::_to_copy": self._to_copy,
            "aten::_local_scalar_dense": self._read_number,
            "aten::_nested_tensor_from_mask_left_aligned": never_left_aligned,
            "aten::_conj": self._conjugate,
            "aten::_neg_view": self._conjugate,
            "aten::is_pinned": lambda plan, args, kwargs: _pinned(args[0]),
            "aten::_pin_memory": self._pin,
            "aten::scaled_dot_product_attention": self._attention,
            "aten::_softmax": self._softmax,
            "aten::_log_softmax": self._softmax,
            "aten::_linalg_svd": self._svd,
            "aten::_pack_padded_sequence": self._pack_sequence,
            **dict.fromkeys(FILLS, self._fill),
            **dict.fromkeys(INDEXING, self._index),
        }

    def execute(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run an operator with at least one simulated tensor among its arguments."""
        plan = self._plan(func)
        rule = self._rules.get(plan.name)
        if rule is not None:
            return rule(plan, args, kwargs)
        if plan.composite:
            return func.decompose(*args, **kwargs)
        if plan.reshapes and isinstance(args[0], SimulatedTensor):
            return self._reshape(plan, args, kwargs)
        return self._run(plan, args, kwargs)

    def _svd(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._run(plan, args, without_svd_driver(kwargs))

    def make(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device) -> Tensor:
        """Run a factory: small tensors get their values, large ones only a shape."""
        kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "pin_memory")}
        shape_only: Tensor = func(*args, **without_generator(kwargs), device=_META)
        if device == DEVICE:
            host = (
                func(*args, **kwargs, device=HOST) if shape_only.numel() <= known_values.KNOWN_ELEMENTS else shape_only
            )
            result = self._on_device(host)
            self._charge(self._plan(func), args, kwargs, host)
            return result
        return wrap(shape_only, HOST)

    def _plan(self, func: Any) -> OperatorPlan:
        plan = self._plans.get(id(func))
        if plan is None:
            plan = self._plans[id(func)] = OperatorPlan(func)
        return plan

    def _run(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensors = named_tensors((*plan.argument_names[: len(args)], *kwargs), (*args, *kwargs.values()))
        device = self._result_device(plan, tensors)
        known = all(_is_known(tensor) for _, tensor in tensors)
        place = HOST if known else _META
        host_args = tuple(_on(place, value) for value in args)
        host_kwargs = {name: _on(place, value) for name, value in kwargs.items()}
        wanted: torch.device | None = kwargs.get("device")
        if wanted is not None:
            check_ordinal(wanted)
            host_kwargs["device"] = place
            device = DEVICE if wanted.type == "cuda" else HOST
        if not known:
            host_kwargs = without_generator(host_kwargs)
            host_args = tuple(None if isinstance(value, torch._C.Generator) else value for value in host_args)
        if device == DEVICE and plan.waits is not None and plan.waits.when(plan.named(args, kwargs)):
            current.record("SYNC", plan.name, plan.waits.reason)
        if known or plan.is_view:
            result = _computed(plan, host_args, host_kwargs)
            cost = cost_of(plan, host_args, host_kwargs, result)
        else:

            def compute() -> tuple[Any, OperatorCost | None]:
                result = _computed(plan, host_args, host_kwargs)
                return (None if plan.returned else result), cost_of(plan, host_args, host_kwargs, result)

            if plan.changes_metadata:  # the arguments themselves are looked at afterwards
                result, cost = compute()
            else:
                result, cost = self._shapes.result(plan.func, host_args, host_kwargs, compute)
        if device == DEVICE and cost is not None:
            self.ledger.calls[cost] += 1
        given = plan.named(args, kwargs)
        if not known:
            for position in plan.writes:
                _forget_values(given.get(plan.argument_names[position]))
        if plan.returned:
            written = [given[plan.argument_names[position]] for position in plan.returned]
            if plan.changes_metadata:
                on_place = plan.named(host_args, host_kwargs)
                for position, tensor in zip(plan.returned, written, strict=True):
                    _resized(tensor, on_place[plan.argument_names[position]])
            return written[0] if len(written) == 1 else tuple(written)
        return self._wrapped(result, device)

    def _reshape(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Change sizes and strides alone: no value is looked at."""
        plan.func(*map(host_of, args), **kwargs)
        follow_metadata(args[0])
        return args[0]

    def _conjugate(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Conjugate at once: the wrapper has no bit that would delay it."""
        place = HOST if _is_known(args[0]) else _META
        return self._wrapped(resolved(plan.func(_on(place, args[0]))), args[0].device)

    def _result_device(self, plan: OperatorPlan, tensors: list[tuple[str, Tensor]]) -> torch.device:
        if all(tensor.device.type == "cpu" for _, tensor in tensors):
            return HOST
        host = [tensor for _, tensor in tensors if tensor.device.type == "cpu"]
        if any(tensor.dim() > 0 for tensor in host) or (host and plan.name in REFUSES_HOST_SCALARS):
            refuse_mixed_devices(plan.func, tensors)
        return DEVICE

    def _wrapped(self, result: Any, device: torch.device) -> Any:
        if isinstance(result, Tensor):
            if device == DEVICE:
                return self._on_device(result)
            return wrap(result, HOST)
        if isinstance(result, (list, tuple)):
            return type(result)(self._wrapped(each, device) for each in result)
        return result

    def _on_device(self, host: Tensor) -> SimulatedTensor:
        if not host.is_meta and host.untyped_storage().nbytes() > known_values.KNOWN_ELEMENTS * 8:
            host = _shape_of(host)
        self.memory.follow(host)
        return wrap(host)

    def _charge(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        cost = cost_of(plan, args, kwargs, result)
        if cost is not None:
            self.ledger.calls[cost] += 1

    def _copy_into(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        destination, source = args[0], args[1]
        non_blocking = bool(args[2] if len(args) > 2 else kwargs.get("non_blocking", False))
        self._record_copy(plan.name, source, destination, destination.device, non_blocking)
        if _is_known(source) and _is_known(destination):
            plan.func(_on(HOST, destination), _on(HOST, source))
        else:
            _forget_values(destination)
        if destination.device == source.device == DEVICE:
            self._charge(plan, (_shape_of(source),), {}, _shape_of(destination))
        return destination

    def _to_copy(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        source = args[0]
        device = kwargs.get("device") or source.device
        check_ordinal(device)
        non_blocking = bool(kwargs.get("non_blocking", False))
        options = {name: kwargs[name] for name in ("dtype", "layout", "memory_format") if name in kwargs}
        place = HOST if _is_known(source) else _META
        host = plan.func(_on(place, source), **options, device=place)
        if device.type == "meta":
            return host
        target = DEVICE if device.type == "cuda" else HOST
        if non_blocking and source.device == DEVICE and target == HOST:
            mark_pinned(host)
        self._record_copy(plan.name, source, host, target, non_blocking)
        if source.device == target == DEVICE:
            self._charge(plan, (_shape_of(source),), {}, host)
        return self._wrapped(host, target)

    def _record_copy(
        self, operator: str, source: Tensor, destination: Tensor, target: torch.device, non_blocking: bool
    ) -> None:
        to_device = target.type == DEVICE.type
        if source.device.type == target.type or destination.numel() == 0:
            return
        moved = crossing(source, destination, to_device=to_device, non_blocking=non_blocking)
        content = _on(HOST, source) if _is_known(source) else _on(_META, source)
        pinned = moved.own_memory and _pinned(source if to_device else destination)
        kind, reason = ("H2D", TO_DEVICE) if to_device else ("D2H", TO_HOST)
        current.record(kind, operator, reason, moved.bytes, content, pinned, non_blocking)

    def _pin(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        source = args[0]
        if source.device.type != HOST.type:
            raise cannot_pin(source)
        copy = torch.empty_like(source.host) if source.host.is_meta else source.host.clone()
        if not _is_known(source):
            known_values.forget(copy)
        return wrap(mark_pinned(copy), HOST)

    def _read_number(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        source = args[0]
        if source.device == DEVICE:
            assert plan.waits is not None
            content = source.host if _is_known(source) else None
            current.record("SYNC", plan.name, plan.waits.reason, source.element_size(), content)
        if not _is_known(source):
            raise ValueNeededError("A number is read from a tensor")
        return plan.func(source.host)

    def _index(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        source, indices = args[0], args[1]
        if source.device == DEVICE:
            selects = len(plan.argument_names) == 2
            if selects or not _is_host_number(args[2]):
                record_index_traffic(plan, indices)
            if selects and any(_is_unknown_mask(each) for each in indices):
                raise ValueNeededError("A mask that is not known selects elements of a tensor")
            indices = [None if each is None or each.device == DEVICE else each.to(DEVICE) for each in indices]
            indices = [given if moved is None else moved for given, moved in zip(args[1], indices, strict=True)]
        else:
            refuse_device_indices_on_host(source, indices)
        return self._run(plan, (source, indices, *args[2:]), kwargs)

    def _fill(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Fill a tensor; one on the host may be filled with a number from the device, which is read."""
        named = plan.named(args, kwargs)
        value = named["value"]
        if isinstance(value, SimulatedTensor) and value.device == DEVICE and named["self"].device.type == HOST.type:
            if not _is_known(value):
                raise ValueNeededError("A number is read from a tensor")
            assert plan.waits is not None
            current.record("SYNC", plan.name, plan.waits.reason)
            args = tuple(value.host if each is value else each for each in args)
        return self._run(plan, args, kwargs)

    def _pack_sequence(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Pack by lengths, which are on the host and known."""
        padded, lengths, *rest = args
        if lengths.device == DEVICE:
            raise wrong_lengths(lengths)
        place = HOST if _is_known(padded) else _META
        data, batch_sizes = plan.func(_on(place, padded), _on(HOST, lengths), *rest, **kwargs)
        return self._wrapped(data, padded.device), batch_sizes

    def _attention(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        query, key, value = args[:3]
        tensors = named_tensors(("query", "key", "value", "attn_mask"), args[:4])
        device = self._result_device(plan, tensors)
        host = torch.empty((*query.shape[:-1], value.shape[-1]), dtype=query.dtype, device=_META)
        if device == DEVICE:
            self._charge(plan, tuple(_shape_of(each) for each in (query, key, value)), {}, host)
        return self._wrapped(host, device)

    def _softmax(self, plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        source, dimension, half_to_float = args
        if not half_to_float:
            return self._run(plan, args, kwargs)
        host = torch.empty_like(_shape_of(source), dtype=torch.float32)
        self._charge(plan, (_shape_of(source), dimension), {}, host)
        return self._wrapped(host, source.device)


def _is_known(tensor: Tensor) -> bool:
    return known_values.are_known(host_of(tensor))


def _forget_values(written: Any) -> None:
    if isinstance(written, (list, tuple)):
        for each in written:
            _forget_values(each)
    elif isinstance(written, SimulatedTensor):
        known_values.forget(written.host)
    elif isinstance(written, Tensor):
        raise ValueNeededError("A tensor without values is written into a host tensor made from data")


def _resized(tensor: Tensor, host: Tensor) -> None:
    """Give a tensor the size that its stand-in was given as ``out=``."""
    if isinstance(tensor, SimulatedTensor) and tensor.shape != host.shape:
        tensor.host = host
        follow_metadata(tensor)


def _on(place: torch.device, value: Any) -> Any:
    """An argument as the host or the meta device sees it."""
    if isinstance(value, Tensor):
        host = host_of(value)
        return host if host.device == place else _shape_of(host)
    if isinstance(value, (list, tuple)):
        return [_on(place, each) for each in value]
    return value


def _shape_of(tensor: Tensor) -> Tensor:
    host: Tensor = host_of(tensor)
    if host.is_meta:
        return host
    return torch.empty_strided(host.shape, host.stride(), dtype=host.dtype, device=_META)


def _computed(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        if plan.name not in CONJUGATING:
            return plan.func(*args, **kwargs)
        with conjugates_are_seen():
            return tree_map_only(Tensor, resolved, plan.func(*args, **kwargs))
    except RuntimeError as error:
        if not isinstance(error, NotImplementedError) and " meta tensor" not in str(error):
            raise
        if plan.waits is not None:
            raise ValueNeededError(f"{plan.name} has a result that depends on values") from error
        raise NotImplementedError(f"A run without values cannot tell the result of {plan.name}: {error}") from error


def _is_host_number(values: Tensor) -> bool:
    return values.numel() == 1 and values.device.type == "cpu"


def _is_unknown_mask(index: Tensor | None) -> bool:
    return index is not None and index.dtype in (torch.bool, torch.uint8) and not _is_known(index)


def _pinned(tensor: Tensor) -> bool:
    return tensor.device.type != DEVICE.type and is_pinned(host_of(tensor))
