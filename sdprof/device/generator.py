"""Random numbers on the simulated device: a CPU generator that says it is on ``cuda:0``.

Numbers are those of a CPU generator with the same seed, so that outputs equal the CPU run's. A real GPU draws others.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch

from sdprof.device.tensor import DEVICE

HostGenerator = torch.Generator
"""The real class; ``torch.Generator`` names a stand-in while a simulation runs."""


_simulated: weakref.WeakValueDictionary[int, HostGenerator] = weakref.WeakValueDictionary()
"""By the address of their C++ object: operators hand back another Python object than they were given."""


class SimulatedGenerator(HostGenerator):
    """What ``torch.Generator("cuda")`` gives."""

    def __new__(cls) -> SimulatedGenerator:
        """Make one; its values are those of a CPU generator."""
        generator: SimulatedGenerator = super().__new__(cls, "cpu")  # type: ignore[call-arg]
        _simulated[generator._cdata] = generator  # type: ignore[attr-defined]
        return generator

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """The simulated device."""
        return DEVICE


class _GeneratorType(type):
    def __instancecheck__(cls, candidate: object) -> bool:
        return isinstance(candidate, HostGenerator)

    def __subclasscheck__(cls, candidate: type) -> bool:
        return issubclass(candidate, HostGenerator)


class GeneratorStandIn(metaclass=_GeneratorType):
    """Takes the place of ``torch.Generator``: makes generators of either sort, and is the type of both."""

    def __new__(cls, device: Any = "cpu") -> Any:
        """Make a generator for a device."""
        return SimulatedGenerator() if torch.device(device).type == "cuda" else HostGenerator(device)


def check_generator(generator: object) -> None:
    """Refuse a host generator for a device tensor, with CUDA's message."""
    if isinstance(generator, HostGenerator) and generator._cdata not in _simulated:  # type: ignore[attr-defined]
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
