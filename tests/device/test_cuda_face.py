"""What Python code asks torch.cuda."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import Simulation, simulate, to_host
from sdprof.device.gpu_peaks import GPUS
from tests.device.conftest import Run


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
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.accelerator.set_device_index(1)
    torch.cuda.nvtx.range_push("step")
    torch.cuda.nvtx.range_pop()
    assert device.events == []


def test_profilers_of_cuda_are_told_and_do_nothing(device: Simulation) -> None:
    @torch.cuda.nvtx.range("step {}", 1)
    def step() -> int:
        return 1

    with torch.cuda.nvtx.range("steps"), torch.cuda.profiler.profile():
        assert [step(), step()] == [1, 1]
    assert torch.cuda.cudart().cudaProfilerStart() == 0
    torch.cuda.check_error(torch.cuda.cudart().cudaMemGetInfo(0)[0])
    torch.cuda.profiler.start()
    torch.cuda.profiler.stop()
    assert device.events == []


def test_versions_and_properties(device: Simulation) -> None:
    assert torch.version.cuda is not None
    assert int(torch.version.cuda.split(".")[0]) >= 12
    properties = torch.cuda.get_device_properties(0)
    assert properties.max_threads_per_multi_processor == 2048
    assert properties.L2_cache_size == 40 << 20
    assert properties.shared_memory_per_block_optin == 163 << 10
    assert str(properties.uuid)
    torch.cuda.Event(external=True)


@pytest.mark.parametrize("gpu", GPUS)
def test_every_known_gpu_has_properties(gpu: str) -> None:
    with simulate(gpu=gpu):
        assert torch.cuda.get_device_properties().max_threads_per_multi_processor >= 1024


def test_giving_memory_back_waits(device: Simulation) -> None:
    torch.cuda.empty_cache()
    (event,) = device.events
    assert (event.kind, event.operator) == ("SYNC", "torch.cuda.empty_cache")


def test_memory_statistics(device: Simulation) -> None:
    kept = torch.zeros(1000, device="cuda")
    statistics = torch.cuda.memory_stats()
    assert statistics["allocated_bytes.all.current"] == torch.cuda.memory_allocated() >= kept.nbytes
    for name in ("num_alloc_retries", "num_ooms", "allocation.all.current", "inactive_split_bytes.all.peak"):
        assert statistics[name] == 0
    nested = torch.cuda.memory_stats_as_nested_dict()
    assert nested["allocated_bytes"]["all"]["current"] == torch.cuda.memory_allocated()
    torch.cuda.memory._record_memory_history()
    assert torch.cuda.get_allocator_backend() == "native"


def test_the_default_tensor_type_may_be_the_devices(device: Simulation) -> None:
    try:
        torch.set_default_tensor_type("torch.cuda.HalfTensor")
        assert torch.zeros(2).type() == "torch.cuda.HalfTensor"
        torch.set_default_tensor_type(torch.cuda.FloatTensor)
        assert torch.tensor([1.0]).type() == "torch.cuda.FloatTensor"
    finally:
        torch.set_default_tensor_type("torch.FloatTensor")
    assert torch.zeros(2).type() == "torch.FloatTensor"


@pytest.mark.parametrize("given_on", ["cpu", "cuda"])
def test_data_parallel_on_one_device(given_on: str, device: Simulation) -> None:
    model = torch.nn.Linear(3, 2)
    parallel = torch.nn.DataParallel(model)
    given = torch.ones(4, 3, device=given_on)
    before = len(device.events)
    outputs = parallel(given)
    assert outputs.is_cuda
    assert [event.kind for event in device.events[before:]] == (["H2D"] if given_on == "cpu" else [])
    outputs.sum().backward()
    assert model.weight.grad is not None


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


def test_generators_are_cloned_and_the_default_one_is_given(device: Simulation) -> None:
    generator = torch.Generator("cuda").manual_seed(3)
    twin = generator.clone_state()
    assert twin.device == torch.device("cuda", 0)
    first = torch.rand(2, device="cuda", generator=generator)
    assert torch.equal(torch.rand(2, device="cuda", generator=twin), first)
    default = torch.cuda.default_generators[0]
    assert default.device == torch.device("cuda", 0)
    drawn = []
    for given in (default, None):
        default.manual_seed(5)
        drawn.append(torch.rand(2, device="cuda", generator=given))
        drawn.append(torch.zeros(2, device="cuda").uniform_(generator=given))
    default.manual_seed(5)
    drawn.append(torch.rand(2, device="cuda", generator=default.clone_state()))
    assert torch.equal(drawn[4], drawn[0])
    assert torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[1], drawn[3])
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type"):
        torch.rand(2, device="cuda", generator=torch.default_generator)


def test_seeds_rule_both_devices(device: Simulation) -> None:
    torch.manual_seed(1)
    first = torch.randn(3, device="cuda")
    torch.cuda.manual_seed_all(1)
    assert torch.equal(torch.randn(3, device="cuda"), first)
    with torch.random.fork_rng():
        torch.randn(3, device="cuda")
    torch.manual_seed(1)
    assert torch.equal(to_host(first), torch.randn(3))


def test_submodules_have_the_same_face(device: Simulation) -> None:
    from torch.cuda.memory import memory_snapshot, reset_peak_memory_stats
    from torch.cuda.random import get_rng_state

    reset_peak_memory_stats()
    assert memory_snapshot() == []
    assert torch.equal(get_rng_state(), torch.get_rng_state())
    assert device.events == []
    torch.cuda.memory.empty_cache()
    torch.cuda.streams.Stream().synchronize()
    assert [event.kind for event in device.events] == ["SYNC", "SYNC"]


def test_events_and_memory_of_any_accelerator(events_of: Run) -> None:
    event = torch.Event("cuda", enable_timing=True)
    assert isinstance(event, torch.Event)
    event.record()
    assert events_of(event.synchronize) == [("SYNC", "torch.cuda.Event.synchronize")]
    if hasattr(torch.accelerator, "empty_host_cache"):
        torch.accelerator.empty_host_cache()
    if hasattr(torch.accelerator, "get_memory_info"):
        free, total = torch.accelerator.get_memory_info()
        assert 0 < free <= total


def test_cudnn_is_there_for_those_who_ask(device: Simulation) -> None:
    assert torch.backends.cudnn.is_available()
    version = torch.backends.cudnn.version()
    assert version is not None
    assert version >= 8000
