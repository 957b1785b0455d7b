"""Tests of the simulated device run on one thread and leave torch as they found it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from sdprof.device import Simulation, simulate

Run = Callable[[Callable[[], Any]], list[tuple[str, str]]]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.set_grad_enabled(grad)


@pytest.fixture
def device() -> Iterator[Simulation]:
    with simulate() as simulation:
        yield simulation


@pytest.fixture
def events_of(device: Simulation) -> Run:
    """Run something and return the (kind, operator) of its events, in order."""

    def run(work: Callable[[], Any]) -> list[tuple[str, str]]:
        before = len(device.events)
        work()
        return [(event.kind, event.operator.removeprefix("aten::")) for event in device.events[before:]]

    return run
