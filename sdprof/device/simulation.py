"""The simulated CUDA device: run code written for a GPU on a machine without one, and see what crosses the bus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._device import _device_constructors

# Importing the rules registers them with the dispatcher.
from sdprof.device import (
    accelerator,
    attention,  # noqa: F401
    complex_algebra,  # noqa: F401
    copying,  # noqa: F401
    cuda_face,
    cuda_lacks,  # noqa: F401
    current,
    dispatch,
    guard,
    half_precision,  # noqa: F401
    indexing,  # noqa: F401
    kernels,
    padding_masks,  # noqa: F401
    sequences,  # noqa: F401
    views_in_place,  # noqa: F401
)
from sdprof.device.eager import compiled_code_runs_eagerly
from sdprof.device.event import TransferEvent
from sdprof.device.gpu_peaks import find_gpu
from sdprof.device.host_without_values import HostTensorsWithoutValues
from sdprof.device.memory_counter import MemoryCounter
from sdprof.device.no_values import WithoutValues
from sdprof.device.operator_cost import CostLedger, RooflinePrediction
from sdprof.device.recorder import Recorder
from sdprof.device.tensor import DEVICE, Executor, SimulatedTensor

DEFAULT_GPU = "A100"


class Simulation:
    """A running simulation."""

    def __init__(self, recorder: Recorder, memory: MemoryCounter) -> None:
        self.recorder = recorder
        self.memory = memory

    @property
    def step(self) -> int:
        """The step that new events are counted to; set it at the start of each step."""
        return self.recorder.step

    @step.setter
    def step(self, step: int) -> None:
        self.recorder.step = step

    @property
    def events(self) -> list[TransferEvent]:
        """Copies and waits so far, in the order in which they happened."""
        return self.recorder.events


class SimulationWithoutValues(Simulation):
    """A running simulation that computes no values."""

    def __init__(self, recorder: Recorder, memory: MemoryCounter, costs: CostLedger) -> None:
        super().__init__(recorder, memory)
        self.costs = costs

    def roofline(self, gpu: str) -> RooflinePrediction:
        """The least time that a GPU of ``gpu_peaks.GPUS`` needs for everything that was run so far.

        :raises ValueError: for an unknown GPU.
        """
        return self.costs.predict(find_gpu(gpu), self.memory.peak_bytes)


@contextmanager
def simulate(recorder: Recorder | None = None, *, gpu: str = DEFAULT_GPU) -> Iterator[Simulation]:
    """Let ``cuda`` name a simulated device while the block runs.

    Values are computed by CPU kernels. Build the model inside the block, and import modules that ask
    ``torch.cuda.is_available()`` at import time inside it, too. Tensors that leave the block keep working; ``to_host``
    gives their values.

    :param recorder: where events go; a new one by default.
    :param gpu: the GPU that ``torch.cuda.get_device_properties`` describes, a key of ``gpu_peaks.GPUS``.
    :raises SimulationUnavailableError: where this build of PyTorch cannot carry it.
    :raises RuntimeError: inside another simulation.
    """
    simulation = Simulation(recorder or Recorder(), MemoryCounter())
    with _carried(simulation, gpu, dispatch.execute, kernels.make_with_values):
        yield simulation


@contextmanager
def simulate_without_values(
    recorder: Recorder | None = None, *, gpu: str = DEFAULT_GPU
) -> Iterator[SimulationWithoutValues]:
    """Let ``cuda`` name a simulated device that knows sizes, costs and memory, but computes nothing large.

    Arguments and errors as for ``simulate``; operators raise ``ValueNeededError`` where a value that was not computed
    decides what happens next.
    """
    memory, costs = MemoryCounter(follow_all=True), CostLedger()
    simulation = SimulationWithoutValues(recorder or Recorder(), memory, costs)
    executor = WithoutValues(memory, costs)

    def make(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        return executor.make(func, args, kwargs, DEVICE)

    with _carried(simulation, gpu, executor.execute, make), HostTensorsWithoutValues():
        yield simulation


@contextmanager
def _carried(simulation: Simulation, gpu: str, execute: Executor, make: kernels.Make) -> Iterator[None]:
    if current.running:
        raise RuntimeError("A simulated device is already running in this process.")
    guard.install()
    # PyTorch lists, once, the functions that a default device applies to: by their own names, not by our stand-ins.
    _device_constructors()
    SimulatedTensor.executor = staticmethod(execute)
    # torch.tensor([…], device="cuda") makes a host tensor and copies it only where this is set (fake tensors set it).
    lifts_host_only = torch._C._only_lift_cpu_tensors()
    with (
        kernels.installed(make),
        cuda_face.worn(find_gpu(gpu), simulation.memory),
        _backward_in_this_thread(),
        compiled_code_runs_eagerly(),
        _without_cudnn(),
        accelerator.believed_in(),
    ):
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            _probe()
            current.start(simulation.recorder.add)
            yield
        finally:
            current.stop()
            torch._C._set_only_lift_cpu_tensors(lifts_host_only)


@contextmanager
def _without_cudnn() -> Iterator[None]:
    """Have composite code (batch_norm, grid_sample) choose plain operators: the CPU has no kernel of cuDNN's own."""
    enabled = torch.backends.cudnn.enabled
    torch._C._set_cudnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_cudnn_enabled(enabled)


@contextmanager
def _backward_in_this_thread() -> Iterator[None]:
    """Have backward passes run in the caller's thread, where the user's frames are.

    Without this the engine hands work on device tensors to that device's thread. It starts these threads when it first
    runs, one for each device that there is by then: a process that ran backward on the host before has none for CUDA.
    """
    multithreaded = torch._C._is_multithreading_enabled()
    torch._C._set_multithreading_enabled(False)
    try:
        yield
    finally:
        torch._C._set_multithreading_enabled(multithreaded)


def _probe() -> None:
    """Try what a build without CUDA refuses: a factory, a copy each way, a number, a mask.

    :raises SimulationUnavailableError: where one of them fails.
    """
    watch = Recorder()
    current.start(watch.add)
    try:
        host = torch.tensor([1.0, 2.0, 3.0])
        with torch.inference_mode(False):
            tensor = host.to("cuda")
            values = (tensor * 2)[tensor > 1.5].tolist()
        right = values == [4.0, 6.0] and float(torch.arange(3, device="cuda")[2]) == 2.0
        kinds = [event.kind for event in watch.events]
    except Exception as error:
        raise guard.SimulationUnavailableError(guard.refusal(f"its probe failed ({_first_line(error)})")) from error
    finally:
        current.stop()
    if not right or kinds != ["H2D", "SYNC", "D2H", "SYNC"]:
        raise guard.SimulationUnavailableError(guard.refusal(f"its probe gave {values} and the events {kinds}"))


def to_host(outputs: Any) -> Any:
    """Return the same nesting of dicts, lists and tuples with simulated tensors replaced by their values.

    Nothing is recorded: this is how a harness compares outputs.
    """
    if isinstance(outputs, SimulatedTensor):
        return outputs.host.detach().clone()
    if isinstance(outputs, Tensor):
        return outputs
    if isinstance(outputs, dict):
        return {name: to_host(value) for name, value in outputs.items()}
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return type(outputs)(*map(to_host, outputs))
    if isinstance(outputs, (list, tuple)):
        return type(outputs)(map(to_host, outputs))
    return outputs


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
