"""Modules that something else holds, and modules that hold their tensors in C++."""

from __future__ import annotations

import weakref
from pathlib import Path

import torch
from torch import nn

from sdprof.device import Simulation, to_host


def test_a_parameter_with_a_live_graph_moves(device: Simulation) -> None:
    model = nn.utils.weight_norm(nn.Linear(4, 2))
    weight, held = model.weight_g, weakref.ref(model.weight_g)
    loss = model(torch.ones(1, 4)).sum()
    model.to("cuda")
    assert held() is weight is model.weight_g
    assert weight.is_cuda
    output = model(torch.ones(1, 4, device="cuda"))
    assert torch.equal(to_host(output).sum(), loss)
    output.sum().backward()
    assert weight.grad.is_cuda


def test_assigning_data_with_a_live_graph(device: Simulation) -> None:
    parameter = nn.Parameter(torch.ones(2))
    squares = parameter**2
    parameter.data = parameter.data.cuda()
    assert parameter.is_cuda
    assert (parameter**2).tolist() == squares.tolist()


def test_swapping_host_tensors_is_pytorchs(device: Simulation) -> None:
    one, other = torch.ones(1), torch.zeros(2)
    torch.utils.swap_tensors(one, other)
    assert one.shape == (2,)


def test_scripted_modules_move_and_load(device: Simulation, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval()
    x = torch.ones(2, 4)
    plain = model(x)
    scripted = torch.jit.script(model)
    scripted.save(str(tmp_path / "model.pt"))
    loaded = torch.jit.load(str(tmp_path / "model.pt"), map_location="cuda")
    assert {event.kind for event in device.events} == {"H2D"}
    for moved in (loaded, scripted.to("cuda")):
        assert all(each.is_cuda for each in moved.state_dict().values())
        for _ in range(3):  # TorchScript optimises after two calls
            assert torch.equal(to_host(moved(x.to("cuda"))), plain)
    assert next(torch.jit.load(str(tmp_path / "model.pt")).parameters()).device.type == "cpu"
