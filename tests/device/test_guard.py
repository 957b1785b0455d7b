"""Where a build cannot carry the simulation, it says so before anything runs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from sdprof.device import SimulationUnavailableError, guard, kernels, simulate


def test_a_build_without_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "REGISTRY_SYMBOL", "no_such_symbol")
    with pytest.raises(SimulationUnavailableError, match="its device guard registry was not found"), simulate():
        pass


def test_a_build_without_the_function_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_ensureCUDADeviceGuardSet", raising=False)
    monkeypatch.setattr(guard, "ANSWER_ONE", {})
    with pytest.raises(SimulationUnavailableError, match="Use a build for Linux"), simulate():
        pass


def test_a_build_whose_operators_go_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_factories", lambda: iter(()))
    with pytest.raises(SimulationUnavailableError, match="its probe failed"), simulate():
        pass
    assert not torch.cuda.is_available()


def test_a_build_without_that_function_on_a_known_processor() -> None:
    """In a process of its own: the guard stays for good."""
    script = (
        "import torch\n"
        "if hasattr(torch._C, '_ensureCUDADeviceGuardSet'): del torch._C._ensureCUDADeviceGuardSet\n"
        "from sdprof.device import simulate\n"
        "with simulate() as device:\n"
        "    x = torch.ones(3).to('cuda').requires_grad_()\n"
        "    assert x.to('cuda') is x and float((x * 2).sum()) == 6.0\n"
        "    (x * x).sum().backward()\n"
        "    assert x.grad.tolist() == [2.0, 2.0, 2.0]\n"
        "    print([event.kind for event in device.events])\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout.strip() == "['H2D', 'SYNC', 'D2H']", run.stderr
