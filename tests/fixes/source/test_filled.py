"""What the helper fills in on the device has the bits of the copy; what it cannot fill it copies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sdprof.device import Recorder, simulate, to_host
from sdprof.fixes.source.inserted_helpers import HELPERS

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -2.5, 0.1, 1e-45, 3.4e38, 65519.0, float("inf"), float("nan")])
TYPES = st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16])
WHOLE_TYPES = st.sampled_from([torch.int64, torch.int32, torch.uint8, torch.bool])
SHAPES = st.sampled_from([(), (1,), (3,), (2, 1, 2), (0,)])


def helper() -> Callable[..., torch.Tensor]:
    space: dict[str, Callable[..., torch.Tensor]] = {}
    exec(HELPERS["_filled"], space)
    return space["_filled"]


def copies(host: torch.Tensor, dtype: torch.dtype | None) -> int:
    """How many copies it takes; the bits and the form are those of a copy."""
    recorder = Recorder()
    with simulate(recorder):
        found, expected = helper()(host, "cuda", dtype), host.to("cuda", dtype)
        assert (found.dtype, found.shape, found.stride()) == (expected.dtype, expected.shape, expected.stride())
        same = [to_host(each).reshape(-1).view(torch.uint8) for each in (found, expected)]
    assert torch.equal(*same)
    return sum(event.kind == "H2D" for event in recorder.events) - 1


@settings(max_examples=50)
@given(NUMBERS, TYPES, SHAPES, st.none() | TYPES)
def test_fractions(number: float, made: torch.dtype, shape: tuple[int, ...], dtype: torch.dtype | None) -> None:
    copies(torch.full(shape, number, dtype=torch.float64).to(made), dtype)


@settings(max_examples=50)
@given(st.integers(-(2**62), 2**62), WHOLE_TYPES, SHAPES, st.none() | TYPES | WHOLE_TYPES)
def test_whole_numbers(number: int, made: torch.dtype, shape: tuple[int, ...], dtype: torch.dtype | None) -> None:
    copies(torch.full(shape, number, dtype=torch.int64).to(made), dtype)


@pytest.mark.parametrize(
    ("host", "dtype", "count"),
    [
        (torch.full((3,), 7), torch.float32, 0),
        (torch.tensor(0.5), torch.float16, 0),
        (torch.zeros(1), None, 0),
        (torch.zeros(2), None, 1),
        (torch.tensor([0.5, 0.25]), None, 1),
        (torch.tensor(float("nan")), None, 1),
        (torch.full((2,), 0.1, dtype=torch.float64), torch.float16, 1),
        (torch.ones(2, 3).t(), None, 1),
        (torch.ones(2, requires_grad=True), None, 1),
    ],
)
def test_one_number_goes_along_with_the_kernel(host: torch.Tensor, dtype: torch.dtype | None, count: int) -> None:
    assert copies(host, dtype) == count


def test_on_the_host_nothing_is_filled_in() -> None:
    host = torch.ones(3)
    assert helper()(host, "cpu") is host
