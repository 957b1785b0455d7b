"""The bindings do what the operators that they stand for do, argument by argument."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.python_bindings import BOUND, shortest_entry

POSITIVE = torch.linspace(0.5, 2.5, 12).reshape(3, 4)
OTHER = torch.linspace(-1.0, 1.0, 12).reshape(3, 4)
HALF = POSITIVE.half()
STACKED = torch.linspace(-1.0, 1.0, 24).reshape(2, 3, 4)
IMAGES = torch.linspace(-1.0, 1.0, 96).reshape(2, 3, 4, 4)
FILTERS = torch.linspace(-1.0, 1.0, 54).reshape(2, 3, 3, 3)
NUMBER = torch.tensor(2, dtype=torch.float64)

UNARY = ("abs", "cos", "exp", "neg", "rsqrt", "sigmoid", "sin", "sqrt", "t", "tanh")
COMPARED = tuple(f"{name}.Scalar" for name in ("eq", "ge", "gt", "le", "lt"))
Call = tuple[tuple[Any, ...], dict[str, Any]]
CALLS: dict[str, list[Call]] = {
    **{f"aten::{name}": [((POSITIVE,), {})] for name in UNARY},
    **{f"aten::{name}": [((OTHER, 0.25), {}), ((HALF, 1), {})] for name in COMPARED},
    "aten::add.Tensor": [((POSITIVE, OTHER), {}), ((POSITIVE, OTHER), {"alpha": 3}), ((HALF, 2.5), {})],
    "aten::sub.Tensor": [((POSITIVE, OTHER), {}), ((POSITIVE, OTHER), {"alpha": 0.5}), ((HALF, NUMBER), {})],
    "aten::mul.Tensor": [((POSITIVE, OTHER), {}), ((HALF, 0.1), {}), ((HALF, NUMBER), {}), ((POSITIVE, True), {})],
    "aten::div.Tensor": [((POSITIVE, OTHER), {}), ((torch.arange(6), 4), {}), ((HALF, NUMBER), {})],
    "aten::pow.Tensor_Scalar": [((POSITIVE, 2), {}), ((POSITIVE, 0.5), {}), ((torch.arange(6), 3), {})],
    "aten::maximum": [((POSITIVE, OTHER), {})],
    "aten::minimum": [((POSITIVE, OTHER), {})],
    "aten::where.self": [((OTHER > 0, POSITIVE, OTHER), {}), ((OTHER > 0, HALF, NUMBER), {})],
    "aten::clamp": [((OTHER, -0.5), {}), ((OTHER, None, 0.5), {}), ((OTHER, -0.5, 0.5), {})],
    "aten::mm": [((POSITIVE, OTHER.T), {})],
    "aten::bmm": [((STACKED, STACKED.mT), {})],
    "aten::addmm": [((torch.ones(3), POSITIVE, OTHER.T), {}), ((torch.ones(3), POSITIVE, OTHER.T), {"beta": 0.5})],
    "aten::baddbmm": [((torch.ones(3), STACKED, STACKED.mT), {"beta": 0, "alpha": 0.125})],
    "aten::cat": [(([POSITIVE, OTHER],), {}), (([POSITIVE, OTHER], -1), {})],
    "aten::convolution": [
        ((IMAGES, FILTERS, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1), {}),
        ((IMAGES, FILTERS, torch.ones(2), [2, 1], [0, 1], [1, 1], False, [0, 0], 1), {}),
        ((IMAGES[:, :2], FILTERS, torch.ones(3), [2, 2], [1, 1], [1, 1], True, [1, 1], 1), {}),
    ],
    "aten::copy_": [((torch.zeros(3, 4), POSITIVE), {}), ((torch.zeros(3, 4, dtype=torch.int32), POSITIVE, True), {})],
    "aten::expand": [((POSITIVE, [2, 3, 4]), {}), ((POSITIVE[:, :1], [-1, 4]), {})],
    "aten::permute": [((STACKED, [2, 0, 1]), {})],
    "aten::select.int": [((STACKED, 1, -1), {})],
    "aten::squeeze.dim": [((POSITIVE[:, :1], 1), {})],
    "aten::transpose.int": [((STACKED, 0, 2), {})],
    "aten::unsqueeze": [((POSITIVE, -1), {})],
    "aten::view": [((POSITIVE, [2, 6]), {}), ((POSITIVE, [-1]), {})],
}


def operator(name: str) -> Any:
    packet, _, overload = name.removeprefix("aten::").partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")


def test_each_bound_operator_is_checked() -> None:
    assert CALLS.keys() == BOUND


@pytest.mark.parametrize("name", sorted(CALLS))
def test_binding_gives_what_the_operator_gives(name: str) -> None:
    func = operator(name)
    assert shortest_entry(func) is not func._op
    for args, kwargs in CALLS[name]:
        expected = func._op(*args, **kwargs).clone()
        given = OperatorPlan(func).call(*args, **kwargs)
        assert (given.dtype, given.shape) == (expected.dtype, expected.shape)
        assert torch.equal(given, expected)
        assert given.stride() == func._op(*args, **kwargs).stride()


def test_other_overloads_have_their_own_entry() -> None:
    for func in (torch.ops.aten.add.Scalar, torch.ops.aten.mul.out, torch.ops.aten.clamp.Tensor):
        assert shortest_entry(func) is func._op
