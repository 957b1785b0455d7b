"""Random numbers on the simulated device: a CPU generator that says it is on ``cuda:0``.

Numbers are those of a CPU generator with the same seed, so that outputs equal the CPU run's. A real GPU draws others.
"""

from __future__ import annotations

import weakref
from typing import Any, Self

import torch

from sdprof.device.ordinal import check_ordinal
from sdprof.device.tensor import DEVICE

HostGenerator = torch.Generator
"""The real class; ``torch.Generator`` names a stand-in while a simulation runs."""


_simulated: weakref.WeakValueDictionary[int, HostGenerator] = weakref.WeakValueDictionary()
"""By the address of their C++ object: operators hand back another Python object than they were given."""


class SimulatedGenerator(HostGenerator):
    """What ``torch.Generator("cuda")`` gives."""

    def __new__(cls) -> Self:
        """Make one; its values are those of a CPU generator."""
        generator: Self = super().__new__(cls, "cpu")  # type: ignore[call-arg]
        _simulated[generator._cdata] = generator  # type: ignore[attr-defined]
        return generator

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """The simulated device."""
        return DEVICE

    def clone_state(self) -> SimulatedGenerator:
        """Return another generator of the device, at the same place in the same stream."""
        twin = SimulatedGenerator()
        twin.set_state(self.get_state())
        return twin


class DefaultGenerator(SimulatedGenerator):
    """``torch.cuda.default_generators[0]``: the one random stream that host and device share here.

    It has a stream of its own, which nothing draws from (``without_default``).
    """

    def manual_seed(self, seed: int) -> DefaultGenerator:
        """Seed the shared stream."""
        torch.default_generator.manual_seed(seed)
        return self

    def seed(self) -> int:
        """Seed the shared stream by chance."""
        return torch.default_generator.seed()

    def initial_seed(self) -> int:
        """Return the shared stream's seed."""
        return torch.default_generator.initial_seed()

    def get_state(self) -> torch.Tensor:
        """Return the place in the shared stream."""
        return torch.default_generator.get_state()

    def set_state(self, new_state: torch.Tensor) -> DefaultGenerator:
        """Go to a place in the shared stream."""
        torch.default_generator.set_state(new_state)
        return self


def without_default(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that draws, with the device's default generator left to be the host's."""
    given = kwargs.get("generator")
    if given is not None and isinstance(_simulated.get(given._cdata), DefaultGenerator):
        return {**kwargs, "generator": None}
    return kwargs


class _GeneratorType(type):
    def __instancecheck__(cls, candidate: object) -> bool:
        return isinstance(candidate, HostGenerator)

    def __subclasscheck__(cls, candidate: type) -> bool:
        return issubclass(candidate, HostGenerator)


class GeneratorStandIn(metaclass=_GeneratorType):
    """Takes the place of ``torch.Generator``: makes generators of either sort, and is the type of both."""

    def __new__(cls, device: Any = "cpu") -> Any:
        """Make a generator for a device."""
        if torch.device(device).type != "cuda":
            return HostGenerator(device)
        check_ordinal(device)
        return SimulatedGenerator()


def check_generator(generator: object) -> None:
    """Refuse a host generator for a device tensor, with CUDA's message."""
    if isinstance(generator, HostGenerator) and generator._cdata not in _simulated:  # type: ignore[attr-defined]
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
