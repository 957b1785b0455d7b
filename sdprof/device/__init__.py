"""A simulated CUDA device for machines without a GPU: which expressions copy to it, copy from it, or wait for it."""

from sdprof.device.event import TransferEvent, TransferKind
from sdprof.device.expression import Frame
from sdprof.device.guard import SimulationUnavailableError
from sdprof.device.recorder import Recorder
from sdprof.device.simulation import Simulation, SimulationWithoutValues, simulate, simulate_without_values, to_host
from sdprof.device.synchronising_ops import SYNCHRONISING_OPS, SynchronisingOp
from sdprof.device.value_needed import ValueNeededError

__all__ = [
    "SYNCHRONISING_OPS",
    "Frame",
    "Recorder",
    "Simulation",
    "SimulationUnavailableError",
    "SimulationWithoutValues",
    "SynchronisingOp",
    "TransferEvent",
    "TransferKind",
    "ValueNeededError",
    "simulate",
    "simulate_without_values",
    "to_host",
]
