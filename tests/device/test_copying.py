"""Copies: direction, bytes over the bus, pinned memory, non_blocking, and the same content again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from sdprof.device import Simulation
from tests.device.conftest import Run

H2D, D2H = [("H2D", "copy_")], [("D2H", "_to_copy")]


def test_ways_to_the_device(events_of: Run) -> None:
    host = torch.ones(4)
    on_device = torch.zeros(4, device="cuda")
    assert events_of(lambda: host.to("cuda")) == H2D
    assert events_of(lambda: host.cuda()) == H2D
    assert events_of(lambda: host.cuda(0)) == H2D
    assert events_of(lambda: host.to(0)) == H2D
    assert events_of(lambda: host.to(on_device)) == H2D
    assert events_of(lambda: host.type("torch.cuda.FloatTensor")) == H2D
    assert events_of(lambda: torch.tensor([1.0, 2.0], device="cuda")) == H2D
    assert events_of(lambda: torch.as_tensor(np.ones(3), device="cuda")) == H2D
    assert events_of(lambda: torch.cuda.FloatTensor([1.0])) == H2D
    assert events_of(lambda: on_device.copy_(host)) == H2D
    assert events_of(lambda: on_device.new_tensor([1.0])) == H2D
    assert events_of(lambda: on_device.__setitem__(0, 5.0)) == H2D
    assert events_of(lambda: on_device.__setitem__(slice(2), host[:2])) == H2D
    assert events_of(lambda: on_device[[0, 1]]) == H2D


def test_ways_to_the_host(events_of: Run) -> None:
    on_device = torch.zeros(4, device="cuda")
    host = torch.ones(4)
    assert events_of(lambda: on_device.cpu()) == D2H
    assert events_of(lambda: on_device.to("cpu")) == D2H
    assert events_of(lambda: on_device.tolist()) == D2H
    assert events_of(lambda: on_device.numpy(force=True)) == D2H
    assert events_of(lambda: host.copy_(on_device)) == [("D2H", "copy_")]
    assert events_of(lambda: host.__setitem__(slice(2), on_device[:2])) == [("D2H", "copy_")]
    assert events_of(lambda: repr(on_device)) == [("D2H", "print")]
    assert events_of(lambda: host.__setitem__([0, 2], on_device[0])) == [("D2H", "_to_copy")]


def test_nothing_moves(events_of: Run) -> None:
    host = torch.ones(4)
    on_device = torch.zeros(4, device="cuda")

    def work() -> None:
        assert on_device.to("cuda") is on_device
        assert on_device.cuda() is on_device
        assert torch.as_tensor(on_device, device="cuda") is on_device
        on_device.half().float().clone().contiguous()
        torch.zeros(3, device="cuda")
        torch.rand_like(host, device="cuda")
        on_device.new_zeros(3)
        torch.zeros(0).to("cuda")
        host.to("cpu")
        on_device.__setitem__(slice(2), 5.0)

    assert events_of(work) == []


@pytest.mark.parametrize(
    ("work", "size"),
    [
        (lambda: torch.ones(10).to("cuda"), 40),
        (lambda: torch.ones(10).to("cuda", torch.float16), 20),  # converted on the host first
        (lambda: torch.zeros(10, device="cuda").to("cpu", torch.float64), 40),  # converted on the host afterwards
        (lambda: torch.zeros(2, 5, device="cuda").copy_(torch.ones(5)), 40),  # expanded on the host first
        (lambda: torch.zeros(5, device="cuda").expand(2, 5).cpu(), 40),
        (lambda: torch.zeros(4, 4, device="cuda")[torch.tensor([[0, 1]])], 16),
        (lambda: torch.zeros(4, device="cuda")[torch.tensor([True, False, True, True])], 24),  # three positions
        (lambda: torch.zeros(3, device="cuda").max().item(), 4),
    ],
)
def test_bytes(work, size: int, device: Simulation) -> None:
    work()
    assert [event.bytes for event in device.events] == [size]


def test_pinned_and_non_blocking(device: Simulation) -> None:
    pinned = torch.ones(4).pin_memory()
    assert pinned.is_pinned()
    assert pinned[1:].is_pinned()
    assert torch.empty(4, pin_memory=True).is_pinned()
    assert not torch.ones(4).is_pinned()
    pinned.to("cuda", non_blocking=True)
    torch.ones(4).to("cuda", non_blocking=True)
    pinned.to("cuda")
    seen = [(event.pinned, event.non_blocking) for event in device.events]
    assert seen == [(True, True), (False, True), (True, False)]


def test_a_copy_that_does_not_block_lands_in_pinned_memory(device: Simulation) -> None:
    on_device = torch.zeros(5000, device="cuda")
    for _ in range(2):
        assert on_device.to("cpu", non_blocking=True).is_pinned()
        assert not on_device.to("cpu").is_pinned()
        assert on_device.to("cpu", torch.float16, non_blocking=True)[1:].is_pinned()
    assert [(event.pinned, event.non_blocking) for event in device.events[:3]] == [
        (True, True),
        (False, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("to_device", "non_blocking", "size"), [(True, True, 80), (True, False, 20), (False, True, 20), (False, False, 80)]
)
def test_who_converts_decides_over_the_bytes(
    to_device: bool, non_blocking: bool, size: int, device: Simulation
) -> None:
    source = torch.zeros(10, dtype=torch.float64, device="cpu" if to_device else "cuda")
    source.to("cuda" if to_device else "cpu", torch.float16, non_blocking=non_blocking)
    destination = torch.zeros(10, dtype=torch.float16, device="cuda" if to_device else "cpu")
    destination.copy_(source, non_blocking=non_blocking)
    assert [event.bytes for event in device.events] == [size, size]


def test_a_temporary_on_the_host_is_pageable(device: Simulation) -> None:
    pinned = torch.ones(4, 6).pin_memory()
    into = torch.empty(4, 6, device="cuda")
    cases: list[tuple[Callable[[], object], bool]] = [
        (lambda: pinned.to("cuda", non_blocking=True), True),
        (lambda: pinned.t().to("cuda", non_blocking=True), True),  # the order of the elements is kept
        (lambda: pinned.to("cuda", torch.float16), False),  # converted on the host
        (lambda: pinned.to("cuda", torch.float16, non_blocking=True), True),  # converted on the device
        (lambda: pinned[:, ::2].to("cuda", non_blocking=True), False),
        (lambda: into.copy_(pinned[0], non_blocking=True), False),  # expanded on the host
        (lambda: into[:, ::2].copy_(pinned.view(8, 3)[:4], non_blocking=True), True),  # dense here, scattered there
        (lambda: pinned.copy_(into, non_blocking=True), True),
        (lambda: pinned.t().copy_(into.view(6, 4), non_blocking=True), False),
        (lambda: pinned.copy_(into.half()), False),
        (lambda: pinned.copy_(into.half(), non_blocking=True), True),
    ]
    for work, _ in cases:
        work()
    assert [event.pinned for event in device.events] == [expected for _, expected in cases]


def test_content_is_compared_with_the_same_visit_of_the_step_before(device: Simulation) -> None:
    condition = {"text": torch.ones(3), "image": torch.zeros(3)}
    for step in range(3):
        device.step = step
        condition["time"] = torch.full((3,), float(step))
        {name: value.to("cuda") for name, value in condition.items()}
    assert [event.same_content for event in device.events] == [None] * 3 + [True, True, False] * 2


def test_content_within_one_step_is_compared_with_the_last_visit(device: Simulation) -> None:
    device.step = 0
    for _ in range(3):
        torch.ones(3).to("cuda")
    assert [event.same_content for event in device.events] == [None, True, True]


def test_a_second_gpu_is_refused(device: Simulation) -> None:
    on_device = torch.ones(3, device="cuda")
    for ask in (
        lambda: on_device.to("cuda:1"),
        lambda: on_device.cuda(1),
        lambda: torch.ones(3).to("cuda:1"),
        lambda: torch.empty_like(on_device, device="cuda:1"),
        lambda: on_device.new_zeros(2, device="cuda:1"),
        lambda: torch.Generator("cuda:1"),
        lambda: torch.cuda.Stream(1),
        lambda: torch.cuda.synchronize(1),
        lambda: torch.cuda.mem_get_info(1),
        lambda: torch.cuda.get_device_capability(1),
    ):
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            ask()
    with pytest.raises(AssertionError, match="Invalid device id"):
        torch.cuda.get_device_properties(1)
    assert on_device.to("cuda:0") is on_device
    assert torch.cuda.get_device_properties(-1).name


def test_the_same_content_is_told_from_new_content(device: Simulation) -> None:
    for value in (1.0, 1.0, 2.0, 2.0):
        for size in (3, 5000):
            torch.full((size,), value).to("cuda")
    assert [event.same_content for event in device.events] == [None, False, False, False, False, False, False, False]
    before = len(device.events)
    for value in (1.0, 1.0, 2.0, 2.0):
        torch.full((5000,), value).to("cuda")
    assert [event.same_content for event in device.events[before:]] == [None, True, False, True]


def test_content_is_compared_by_place(device: Simulation) -> None:
    torch.ones(3).to("cuda")
    torch.ones(3).to("cuda")
    assert [event.same_content for event in device.events] == [None, None]


def test_step_and_pause(device: Simulation) -> None:
    device.step = 7
    torch.ones(3).to("cuda")
    with device.recorder.paused():
        torch.ones(3).to("cuda")
    (event,) = device.events
    assert (event.step, event.shape, event.dtype) == (7, (3,), "float32")


def test_saving_and_loading(device: Simulation, tmp_path) -> None:
    model = torch.nn.Linear(2, 2).to("cuda")
    before = len(device.events)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert [event.kind for event in device.events[before:]] == ["D2H"] * 2
    before = len(device.events)
    loaded = torch.load(tmp_path / "model.pt", map_location="cuda", weights_only=True)
    assert [event.kind for event in device.events[before:]] == ["H2D"] * 2
    assert torch.equal(loaded["weight"], model.weight)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].is_cuda
