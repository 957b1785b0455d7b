"""The user's own torch.compile: what is compiled runs eagerly, and no event is lost."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import simulate

WAITS = [("H2D", "aten::copy_"), ("SYNC", "aten::_local_scalar_dense")]


def work(x: torch.Tensor) -> float:
    return float(x.to("cuda").max())


@pytest.mark.parametrize("compiled", ["before", "inside"])
def test_a_compiled_function_shows_its_copies_and_waits(compiled: str) -> None:
    before = torch.compile(work) if compiled == "before" else None
    plain = torch.compile
    with simulate() as device:
        function = before or torch.compile(work, fullgraph=True)
        assert function(torch.ones(3)) == 1.0
        assert [(event.kind, event.operator) for event in device.events] == WAITS
    assert torch.compile is plain


def test_a_compiled_module_keeps_its_names() -> None:
    with simulate() as device:
        model = torch.compile(torch.nn.Linear(2, 2).to("cuda"))
        moved = len(device.events)
        assert model(torch.ones(1, 2, device="cuda")).is_cuda
        assert len(device.events) == moved
        in_place = torch.nn.Linear(2, 2).to("cuda")
        in_place.compile()
        assert in_place(torch.ones(1, 2, device="cuda")).is_cuda
