"""Runs operators on simulated tensors: unwrap, check devices, record waits, compute on the host, wrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch

from sdprof.device import current
from sdprof.device.device_check import FILLS, named_tensors, refuse_mixed_devices
from sdprof.device.generator import check_generator, without_default
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.ordinal import check_ordinal
from sdprof.device.tensor import HOST, SimulatedTensor, plain_data, wrap

SpecialRule = Callable[[OperatorPlan, tuple[Any, ...], dict[str, Any]], Any]

SPECIAL_RULES: dict[str, SpecialRule] = {}
"""Operators that need more than the ordinary way, by dispatcher name without overload. Filled by ``special``."""

_plans: dict[int, OperatorPlan] = {}
"""By identity: operators live as long as the process, and their own hash is computed in Python."""


def special(*names: str) -> Callable[[SpecialRule], SpecialRule]:
    """Register a rule for operators, by dispatcher name."""

    def register(rule: SpecialRule) -> SpecialRule:
        SPECIAL_RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def execute(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operator that has a simulated tensor among its arguments."""
    plan = _plans.get(id(func))
    if plan is None:
        plan = _plans[id(func)] = OperatorPlan(func)
        plan.rule = SPECIAL_RULES.get(plan.name)
    if plan.rule is not None:
        return plan.rule(plan, args, kwargs)
    if plan.composite:
        return taken_apart(func, args, kwargs)
    return run_on_host(plan, args, kwargs)


def taken_apart(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run what an operator is made of, as PyTorch does in C++.

    ``func.decompose`` prefers Python versions, written for compilers, that round differently (bicubic interpolation).
    """
    return func._op_dk(_COMPOSITE, *args, **kwargs)


_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd


def run_on_host(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute an operator with the CPU kernels on the host values."""
    mixed = False
    host_args: list[Any] = []
    for value in args:
        kind = type(value)
        if kind is SimulatedTensor:
            host_args.append(value.host)
        elif kind is list or kind is tuple:
            host_args.append(_hosts(plan, value))
        else:
            if kind is not int and kind is not float and isinstance(value, Tensor):
                # A number in arithmetic arrives as a tensor of no dimensions, so most that come here are fine.
                mixed = mixed or plan.refuses_host_scalars or value.dim() > 0
            host_args.append(value)
    device = None
    host_kwargs = kwargs
    if kwargs:
        device = kwargs.get("device")
        host_kwargs = {}
        for name, value in kwargs.items():
            if isinstance(value, Tensor) and type(value) is not SimulatedTensor:
                mixed = True
            host_kwargs[name] = _host(plan, value)
        if device is not None and device.type == "cuda":
            check_ordinal(device)
            host_kwargs["device"], device = HOST, None
        if host_kwargs.get("pin_memory"):
            host_kwargs["pin_memory"] = False
    if plan.draws:
        check_generator(plan.named(args, kwargs).get("generator"))
        host_kwargs = without_default(host_kwargs)
    if mixed and check_devices(plan, args, kwargs):
        device = HOST
    if plan.waits is not None:
        record_wait(plan, args, kwargs)
    try:
        result = plan.call(*host_args, **host_kwargs)
    except NotImplementedError as error:
        raise NotImplementedError(_no_kernel(plan, str(error))) from error
    if plan.returned:
        return _given_back(plan, args, kwargs)
    if device is not None:
        return result
    return wrap_result(result)


def _no_kernel(plan: OperatorPlan, error: str) -> str:
    """Tell an operator that the CPU lacks from one that it has for other types."""
    told = error.splitlines()[0]
    if "not implemented for '" in told:  # AT_DISPATCH's words
        dtype = told.split("not implemented for '")[1].split("'")[0]
        why = f"the CPU has no kernel of {plan.name} for this dtype ({dtype}): run it in single precision here"
    else:
        why = f"{plan.name} has none: this operator exists on CUDA alone"
    return f"The simulated device computes with PyTorch's CPU kernels, and {why}. ({told})"


def wrap_result(result: Any) -> Any:
    """Wrap the tensors that an operator returned; numbers and bools stay."""
    if type(result) is Tensor or isinstance(result, Tensor):
        return wrap(result)
    if isinstance(result, (list, tuple)):
        return type(result)(wrap(each) if isinstance(each, Tensor) else each for each in result)
    return result


def check_devices(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Refuse host tensors beside device tensors, but for the host scalars that CUDA takes.

    :return: whether it is the host that computes: a host tensor is filled with a number that is read from the device.
    """
    tensors = named_tensors((*plan.argument_names[: len(args)], *kwargs), (*args, *kwargs.values()))
    on_host = [tensor for _, tensor in tensors if tensor.device.type == "cpu"]
    if plan.name in FILLS and [name for name, tensor in tensors if tensor.device.type != "cpu"] == ["value"]:
        return True
    if any(tensor.dim() > 0 for tensor in on_host) or (on_host and plan.refuses_host_scalars):
        refuse_mixed_devices(plan.func, tensors)
    return False


def record_wait(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Record that an operator waits for the device, if its arguments make it."""
    row = plan.waits
    if row is not None and row.when(plan.named(args, kwargs)):
        current.record("SYNC", plan.name, row.reason)


def _host(plan: OperatorPlan, value: Any) -> Any:
    if type(value) is SimulatedTensor:
        return value.host
    if isinstance(value, (list, tuple)):
        return _hosts(plan, value)
    return value


def _hosts(plan: OperatorPlan, values: Any) -> Any:
    if values and type(values[0]) is int:  # lists are of one type: sizes, strides, dimensions
        return values
    hosts = []
    for value in values:
        if type(value) is SimulatedTensor:
            hosts.append(value.host)
        else:
            if isinstance(value, Tensor) and (value.dim() > 0 or plan.name in ("aten::stack", "aten::cat")):
                refuse_mixed_devices(plan.func, named_tensors([plan.argument_names[0]], [values]))
            hosts.append(value)
    return hosts


def _given_back(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    results = []
    for position in plan.returned:
        result = args[position] if position < len(args) else kwargs[plan.argument_names[position]]
        if type(result) is not SimulatedTensor:
            if plan.name not in FILLS:  # a host scalar may be read beside device tensors, not written to
                tensors = named_tensors((*plan.argument_names[: len(args)], *kwargs), (*args, *kwargs.values()))
                refuse_mixed_devices(plan.func, tensors)
        elif plan.changes_metadata:
            follow_metadata(result)
        results.append(result)
    return results[0] if len(results) == 1 else tuple(results)


def follow_metadata(tensor: SimulatedTensor) -> None:
    """Give a wrapper the sizes and strides that its host tensor got."""
    host = tensor.host
    if tensor.shape == host.shape and tensor.stride() == host.stride():
        return
    with no_dispatch():
        try:
            torch.as_strided_(tensor, host.shape, host.stride(), host.storage_offset())
        except RuntimeError:  # larger than it was created
            plain_data.__set__(tensor, wrap(host, tensor.device))
