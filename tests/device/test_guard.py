"""Where a build cannot carry the simulation, it says so before anything runs."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import SimulationUnavailableError, guard, kernels, simulate


def test_a_build_without_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "REGISTRY_SYMBOL", "no_such_symbol")
    with pytest.raises(SimulationUnavailableError, match="its device guard registry was not found"), simulate():
        pass


def test_a_build_without_the_function_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_ensureCUDADeviceGuardSet")
    with pytest.raises(SimulationUnavailableError, match="Use a build for Linux"), simulate():
        pass


def test_a_build_whose_operators_go_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_factories", lambda: iter(()))
    with pytest.raises(SimulationUnavailableError, match="its probe failed"), simulate():
        pass
    assert not torch.cuda.is_available()
