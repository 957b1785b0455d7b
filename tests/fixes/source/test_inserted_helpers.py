"""What the helper functions keep, and when they let go of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from sdprof.fixes.source.inserted_helpers import HELPERS


@pytest.fixture
def on_device() -> Callable[..., torch.Tensor]:
    space: dict[str, Callable[..., torch.Tensor]] = {}
    exec(HELPERS["_on_device"], space)
    return space["_on_device"]


def test_small_tensors_are_known_by_their_content(on_device: Callable[..., torch.Tensor]) -> None:
    kept = on_device(torch.arange(4), "meta")
    assert on_device(torch.arange(4), "meta") is kept
    assert on_device(torch.arange(4) + 1, "meta") is not kept
    assert on_device(torch.arange(4), "meta", torch.float32).dtype == torch.float32


def test_large_ones_are_known_by_themselves_until_they_are_written_to(on_device: Callable[..., torch.Tensor]) -> None:
    large = torch.zeros(1 << 15, dtype=torch.float64)
    kept = on_device(large, "meta")
    assert on_device(large, "meta") is kept
    assert on_device(large.clone(), "meta") is not kept
    assert on_device(large, "meta", torch.float32) is not kept
    kept = on_device(large, "meta")
    large.add_(1)
    assert on_device(large, "meta") is not kept


def test_what_counts_no_writes_is_copied_each_time(on_device: Callable[..., torch.Tensor]) -> None:
    with torch.inference_mode():
        large = torch.zeros(1 << 15, dtype=torch.float64)
        assert on_device(large, "meta") is not on_device(large, "meta")
    wanted = torch.zeros(1 << 15, dtype=torch.float64, requires_grad=True)
    assert on_device(wanted, "meta") is not on_device(wanted, "meta")
