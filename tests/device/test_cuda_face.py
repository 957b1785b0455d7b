"""What Python code asks torch.cuda."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import Simulation, simulate, to_host


def test_queries(device: Simulation) -> None:
    assert torch.cuda.is_available()
    assert torch.cuda.is_initialized()
    assert torch.cuda.device_count() == 1
    assert torch.cuda.current_device() == 0
    assert torch.cuda.get_device_name(0) == "NVIDIA A100-SXM4-80GB"
    assert torch.cuda.get_device_capability() == (8, 0)
    assert torch.cuda.get_device_properties("cuda").multi_processor_count == 108
    assert torch.cuda.is_bf16_supported()
    assert torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() == torch.device("cuda")
    assert torch.backends.cuda.is_built()
    assert torch.device(0) == torch.device("cuda", 0)
    with torch.cuda.device(0), torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda.set_device(0)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.cuda.set_device(1)
    torch.cuda.empty_cache()
    torch.cuda.nvtx.range_push("step")
    torch.cuda.nvtx.range_pop()
    assert device.events == []


def test_another_gpu() -> None:
    with simulate(gpu="t4"):
        assert torch.cuda.get_device_capability() == (7, 5)
        assert not torch.cuda.is_bf16_supported(including_emulation=False)
    unknown = "No peak figures are known for a GPU named 'abacus'; known are T4"
    with pytest.raises(ValueError, match=unknown), simulate(gpu="abacus"):
        pass


def test_the_face_comes_off() -> None:
    names = ("is_available", "Stream", "Event", "synchronize", "FloatTensor", "manual_seed")
    before = {name: getattr(torch.cuda, name) for name in names}
    generator, zeros, load = torch.Generator, torch.zeros, torch.load
    with simulate():
        assert torch.cuda.is_available is not before["is_available"]
    assert {name: getattr(torch.cuda, name) for name in names} == before
    assert (torch.Generator, torch.zeros, torch.load) == (generator, zeros, load)
    with pytest.raises((RuntimeError, AssertionError, NotImplementedError)):
        torch.zeros(2, device="cuda")


def test_one_simulation_at_a_time(device: Simulation) -> None:
    with pytest.raises(RuntimeError, match="already running"), simulate():
        pass


def test_memory(device: Simulation) -> None:
    start = torch.cuda.memory_allocated()
    x = torch.zeros(1000, device="cuda")
    view = x[10:]
    assert torch.cuda.memory_allocated() - start == 4096
    free, total = torch.cuda.mem_get_info()
    assert total - free == torch.cuda.memory_allocated()
    del x, view
    assert torch.cuda.memory_allocated() == start
    assert torch.cuda.max_memory_allocated() >= start + 4096
    torch.cuda.reset_peak_memory_stats()
    assert torch.cuda.max_memory_allocated() == start
    if hasattr(torch.accelerator, "memory_allocated"):  # since 2.9
        assert torch.accelerator.memory_allocated() == start


def test_events_measure_the_hosts_time(device: Simulation) -> None:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with pytest.raises(RuntimeError, match="must be recorded"):
        start.elapsed_time(end)
    start.record()
    end.record()
    assert start.elapsed_time(end) >= 0
    assert end.query()


def test_generators(device: Simulation) -> None:
    generator = torch.Generator("cuda").manual_seed(3)
    assert isinstance(generator, torch.Generator)
    assert generator.device == torch.device("cuda", 0)
    assert torch.Generator().device.type == "cpu"
    drawn = torch.randn(4, device="cuda", generator=generator)
    assert torch.equal(to_host(drawn), torch.randn(4, generator=torch.Generator().manual_seed(3)))
    state = generator.get_state()
    again = torch.rand(2, device="cuda", generator=generator)
    generator.set_state(state)
    assert torch.equal(torch.rand(2, device="cuda", generator=generator), again)


def test_seeds_rule_both_devices(device: Simulation) -> None:
    torch.manual_seed(1)
    first = torch.randn(3, device="cuda")
    torch.cuda.manual_seed_all(1)
    assert torch.equal(torch.randn(3, device="cuda"), first)
    with torch.random.fork_rng():
        torch.randn(3, device="cuda")
    torch.manual_seed(1)
    assert torch.equal(to_host(first), torch.randn(3))
