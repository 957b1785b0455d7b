"""``torch.cuda`` as Python code sees it, of one simulated GPU.

User code asks whether there is a GPU, what it is called, how much memory it has, and makes streams, events and
generators. A CPU-only build answers all that with an error.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from sdprof.device import streams
from sdprof.device.dlpack import exporter, importer
from sdprof.device.generator import DefaultGenerator, GeneratorStandIn
from sdprof.device.given_gradients import checked
from sdprof.device.gpu_peaks import GpuPeaks
from sdprof.device.legacy_types import default_type_setter, legacy_types, type_method
from sdprof.device.loading import loader_to_device
from sdprof.device.memory_counter import MemoryCounter
from sdprof.device.memory_statistics import memory_statistics, nested
from sdprof.device.moving_modules import scripted_apply, scripted_loader, swapper
from sdprof.device.multiprocessor import KIB, multiprocessor_limits
from sdprof.device.one_device import gather, scatter
from sdprof.device.ordinal import check_ordinal
from sdprof.device.pinned_memory import mark_pinned
from sdprof.device.saving import SavedPlaces, saver
from sdprof.device.subclasses import as_subclass_method
from sdprof.device.tensor import DEVICE, SimulatedTensor, swap_contents

CUDA_VERSION = "12.8"
"""What ``torch.version.cuda`` says where the build has no CUDA: code takes it apart."""
CUDNN_VERSION = 91002
"""What ``torch.backends.cudnn.version()`` says: code compares it."""
NOT_SIMULATED = "The simulated device cannot capture CUDA graphs: run the loop eagerly while it is audited."
_PINNABLE_FACTORIES = [
    "empty",
    "empty_like",
    "empty_strided",
    "zeros",
    "zeros_like",
    "ones",
    "ones_like",
    "full",
    "full_like",
    "rand",
    "rand_like",
    "randn",
    "randn_like",
    "randint",
    "randperm",
    "arange",
    "linspace",
    "eye",
    "tensor",
]


@contextmanager
def worn(gpu: GpuPeaks, memory: MemoryCounter) -> Iterator[None]:
    """Show the face of a GPU while the block runs."""
    undo: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in _replacements(gpu, memory):
            undo.append((owner, name, owner.__dict__.get(name, _ABSENT)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(undo):
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


_ABSENT = object()


def _replacements(gpu: GpuPeaks, memory: MemoryCounter) -> Iterator[tuple[Any, str, Any]]:
    cuda = torch.cuda
    for name, value in (
        _queries(gpu) | _random_numbers() | _memory_queries(gpu, memory) | _streams() | _graphs() | legacy_types()
    ).items():
        submodule = getattr(getattr(cuda, name, None), "__module__", "")  # before it is replaced
        yield cuda, name, value
        for part in (cuda.memory, cuda.random, cuda.streams):
            if submodule == part.__name__ and hasattr(part, name):
                yield part, name, value
    yield torch, "Generator", GeneratorStandIn
    places = SavedPlaces()
    yield torch, "save", saver(torch.save, places)
    yield torch, "load", loader_to_device(torch.load, places)
    for module in (torch, torch.utils.dlpack):
        yield module, "to_dlpack", exporter(module.to_dlpack)
        yield module, "from_dlpack", importer(module.from_dlpack)
    yield torch.autograd, "_make_grads", checked(torch.autograd._make_grads)
    yield torch.jit, "load", scripted_loader(torch.jit.load)
    yield torch.jit._script.RecursiveScriptModule, "_apply", scripted_apply
    yield torch.utils, "swap_tensors", swapper(torch.utils.swap_tensors)
    yield torch.Tensor, "data", _data_property()
    yield torch.Tensor, "type", type_method(torch.Tensor.type)
    yield torch.Tensor, "as_subclass", as_subclass_method(torch.Tensor.as_subclass)
    for name in _PINNABLE_FACTORIES:
        yield torch, name, _pinnable(getattr(torch, name))
    yield torch.backends.cuda, "is_built", lambda: True
    for name, value in (_accelerator() | _memory_queries(gpu, memory)).items():
        if hasattr(torch.accelerator, name):
            yield torch.accelerator, name, value
    if hasattr(torch.accelerator, "get_memory_info"):
        yield torch.accelerator, "get_memory_info", cuda.mem_get_info
    for name in ("range_push", "range_pop", "mark", "range_start", "range_end"):
        yield cuda.nvtx, name, _do_nothing
    yield cuda.nvtx, "range", _nvtx_range
    yield cuda.memory, "_record_memory_history", _do_nothing
    yield cuda, "cudart", _CudaRuntime
    yield cuda.profiler, "cudart", _CudaRuntime
    yield cuda, "check_error", _do_nothing
    yield cuda.profiler, "check_error", _do_nothing
    yield torch.version, "cuda", torch.version.cuda or CUDA_VERSION
    yield torch, "Stream", streams.Stream
    yield torch, "Event", streams.AnyEvent
    yield torch.backends.cudnn, "version", lambda: CUDNN_VERSION
    yield torch.backends.cudnn, "is_available", lambda: True
    yield torch, "set_default_tensor_type", default_type_setter(torch.set_default_tensor_type)
    yield torch._C, "_scatter", scatter
    yield torch._C, "_gather", gather


def _queries(gpu: GpuPeaks) -> dict[str, Any]:
    limits = multiprocessor_limits(gpu.capability)
    properties = types.SimpleNamespace(
        name=gpu.name,
        major=gpu.capability[0],
        minor=gpu.capability[1],
        total_memory=gpu.memory_bytes,
        multi_processor_count=gpu.multiprocessors,
        warp_size=32,
        is_integrated=0,
        is_multi_gpu_board=0,
        gcnArchName="",
        max_threads_per_multi_processor=limits.threads,
        regs_per_multiprocessor=65536,
        shared_memory_per_block=48 * KIB,
        shared_memory_per_block_optin=limits.shared_memory_bytes - limits.reserved_bytes,
        shared_memory_per_multiprocessor=limits.shared_memory_bytes,
        L2_cache_size=gpu.l2_cache_bytes,
        uuid="00000000-0000-0000-0000-000000000000",
        pci_bus_id=0,
        pci_device_id=0,
        pci_domain_id=0,
    )
    sync_debug_mode = [0]
    modes = {"default": 0, "warn": 1, "error": 2}
    return {
        "_lazy_init": _do_nothing,
        "_is_in_bad_fork": lambda: False,
        "init": _do_nothing,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: DEVICE.index or 0,
        "set_device": check_ordinal,
        "device": _Device,
        "device_of": _Device,
        "get_device_properties": lambda device=None: _checked(device, properties, _refuse_id),
        "get_device_capability": lambda device=None: _checked(device, gpu.capability),
        "get_device_name": lambda device=None: _checked(device, gpu.name),
        "get_arch_list": lambda: [f"sm_{gpu.capability[0]}{gpu.capability[1]}"],
        "can_device_access_peer": lambda device, peer_device: False,
        "is_bf16_supported": lambda including_emulation=True: including_emulation or gpu.bfloat16_flops is not None,
        "is_tf32_supported": lambda: gpu.tf32_flops is not None,
        "get_sync_debug_mode": lambda: sync_debug_mode[0],
        "set_sync_debug_mode": lambda mode: sync_debug_mode.__setitem__(0, modes.get(mode, mode)),  # type: ignore[assignment]
        "ipc_collect": _do_nothing,
        "utilization": lambda device=None: 0,
    }


def _random_numbers() -> dict[str, Any]:
    """One stream of random numbers for host and device: the values are those of the CPU run."""
    host = torch.default_generator
    return {
        "manual_seed": lambda seed: host.manual_seed(int(seed)) and None,
        "manual_seed_all": lambda seed: host.manual_seed(int(seed)) and None,
        "seed": lambda: host.seed() and None,
        "seed_all": lambda: host.seed() and None,
        "initial_seed": lambda: host.initial_seed(),  # TorchDynamo knows the bound method under another name
        "get_rng_state": lambda device="cuda": host.get_state(),
        "get_rng_state_all": lambda: [host.get_state()],
        "set_rng_state": lambda new_state, device="cuda": host.set_state(new_state) and None,
        "set_rng_state_all": lambda new_states: host.set_state(new_states[0]) and None,
        "default_generators": (DefaultGenerator(),),
    }


def _memory_queries(gpu: GpuPeaks, memory: MemoryCounter) -> dict[str, Any]:
    def allocated(device: Any = None) -> int:
        return memory.live_bytes

    def peak(device: Any = None) -> int:
        return memory.peak_bytes

    def reset(device: Any = None) -> None:
        memory.reset_peak()

    return {
        "empty_cache": streams.empty_cache,
        "memory_allocated": allocated,
        "memory_reserved": allocated,
        "max_memory_allocated": peak,
        "max_memory_reserved": peak,
        "reset_peak_memory_stats": reset,
        "reset_max_memory_allocated": reset,
        "reset_accumulated_memory_stats": _do_nothing,
        "memory_stats": lambda device=None: _checked(device, memory_statistics(memory)),
        "memory_stats_as_nested_dict": lambda device=None: nested(_checked(device, memory_statistics(memory))),
        "get_allocator_backend": lambda: "native",
        "memory_summary": lambda device=None, abbreviated=False: f"simulated device: {memory.live_bytes} bytes live",
        "mem_get_info": lambda device=None: _checked(
            device, (max(0, gpu.memory_bytes - memory.live_bytes), gpu.memory_bytes)
        ),
        "set_per_process_memory_fraction": _do_nothing,
        "get_per_process_memory_fraction": lambda device=None: 1.0,
        "memory_snapshot": lambda *args, **kwargs: [],
        "memory_cached": allocated,
        "max_memory_cached": peak,
        "reset_max_memory_cached": reset,
        "reset_peak_host_memory_stats": _do_nothing,
        "reset_accumulated_host_memory_stats": _do_nothing,
    }


def _streams() -> dict[str, Any]:
    return {
        "synchronize": streams.synchronize,
        "Stream": streams.Stream,
        "ExternalStream": streams.Stream,
        "Event": streams.Event,
        "stream": streams.StreamContext,
        "StreamContext": streams.StreamContext,
        "current_stream": streams.current_stream,
        "default_stream": streams.default_stream,
        "set_stream": streams.set_stream,
    }


def _graphs() -> dict[str, Any]:
    return {
        "CUDAGraph": _RefusedGraph,
        "graph": _RefusedGraph,
        "make_graphed_callables": _refuse_graphs,
        "is_current_stream_capturing": lambda: False,
    }


def _accelerator() -> dict[str, Any]:
    return {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_accelerator": lambda check_available=False: torch.device("cuda"),
        "current_device_index": lambda: DEVICE.index,
        "set_device_index": check_ordinal,
        "set_device_idx": check_ordinal,
        "empty_host_cache": _do_nothing,
        "current_stream": streams.current_stream,
        "set_stream": streams.set_stream,
        "synchronize": streams.synchronize,
    }


def _data_property() -> property:
    """``parameter.data = parameter.data.cuda()``: a host tensor becomes a device tensor and stays the same object."""
    plain: Any = torch._C.TensorBase.data

    def assign(tensor: Tensor, value: Tensor) -> None:
        if isinstance(value, SimulatedTensor):
            swap_contents(tensor, value)
        else:
            plain.__set__(tensor, value)

    return property(plain.__get__, assign)


@cache
def _pinnable(factory: Any) -> Any:
    """A factory that knows ``pin_memory``, which TorchScript takes for the factory itself.

    It is made once and kept: TorchScript knows its own functions by their addresses.
    """

    def make(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("pin_memory"):
            return mark_pinned(factory(*args, **{**kwargs, "pin_memory": False}))
        return factory(*args, **kwargs)

    make.__name__ = factory.__name__
    make.__doc__ = factory.__doc__
    make.__wrapped__ = factory  # type: ignore[attr-defined]
    register = getattr(torch.jit._builtins, "_register_builtin", None)
    if register is not None:
        register(make, f"aten::{factory.__name__}")
    return make


class _Device:
    """Stands in for ``torch.cuda.device(…)``: there is one to choose."""

    def __init__(self, device: Any) -> None:
        if not isinstance(device, Tensor):
            check_ordinal(device)

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def _checked(device: Any, answer: Any, check: Callable[[Any], None] = check_ordinal) -> Any:
    """An answer about a device, once that is known to be the one there is."""
    check(device)
    return answer


def _refuse_id(device: Any) -> None:
    """What ``torch.cuda.get_device_properties`` says of a GPU that is not there."""
    try:
        check_ordinal(device)
    except RuntimeError as error:
        raise AssertionError("Invalid device id") from error


@contextmanager
def _nvtx_range(message: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A range that no profiler hears of; as in PyTorch, also a decorator."""
    yield


class _CudaRuntime:
    """Stands in for ``torch.cuda.cudart()``: whatever is called succeeds (cudaSuccess is 0)."""

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cuda"):
            raise AttributeError(name)
        return lambda *args, **kwargs: 0

    def cudaMemGetInfo(self, device: int = 0) -> tuple[int, int]:  # noqa: N802 - CUDA's name
        """Return free and total memory."""
        free, total = torch.cuda.mem_get_info(device)
        return free, total


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _refuse_graphs(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError(NOT_SIMULATED)


class _RefusedGraph:
    """A class, because libraries name it in annotations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(NOT_SIMULATED)
