"""Recurrent networks: the CPU run's values, in every mode, and no copy or wait inside."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sdprof.device import Simulation, to_host
from tests.device.conftest import Run

NETWORKS: list[Callable[[], nn.Module]] = [
    lambda: nn.LSTM(4, 5),
    lambda: nn.LSTM(4, 5, num_layers=2, bidirectional=True, proj_size=2, batch_first=True),
    lambda: nn.GRU(4, 5, batch_first=True),
    lambda: nn.RNN(4, 5, nonlinearity="relu"),
]
CELLS: list[Callable[[], nn.Module]] = [
    lambda: nn.LSTMCell(4, 5),
    lambda: nn.GRUCell(4, 5),
    lambda: nn.RNNCell(4, 5),
]


def tensors_of(results: Any) -> list[Tensor]:
    return [results] if isinstance(results, Tensor) else [each for part in results for each in tensors_of(part)]


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("make", [*NETWORKS, *CELLS])
def test_values(
    make: Callable[[], nn.Module], mode: Callable[[], AbstractContextManager[None]], device: Simulation
) -> None:
    torch.manual_seed(0)
    network = make()
    x = torch.randn(3, 4) if isinstance(network, nn.RNNCellBase) else torch.randn(2, 3, 4)
    with mode():
        plain = tensors_of(network(x))
    network.to("cuda")
    moved = x.to("cuda")
    before = len(device.events)
    with mode():
        results = tensors_of(network(moved))
    assert len(device.events) == before
    for result, value in zip(results, plain, strict=True):
        assert result.is_cuda
        assert torch.equal(to_host(result), value.detach())


@pytest.mark.parametrize("make", [*NETWORKS[:3], CELLS[0]])
def test_gradients(make: Callable[[], nn.Module], device: Simulation) -> None:
    torch.manual_seed(0)
    network = make()
    x = torch.randn(3, 4) if isinstance(network, nn.RNNCellBase) else torch.randn(2, 3, 4)
    tensors_of(network(x))[0].pow(2).sum().backward()
    plain = [parameter.grad for parameter in network.parameters()]
    network.zero_grad()
    network.to("cuda")
    tensors_of(network(x.to("cuda")))[0].pow(2).sum().backward()
    for parameter, gradient in zip(network.parameters(), plain, strict=True):
        assert parameter.grad.is_cuda
        assert torch.equal(to_host(parameter.grad), gradient)


def test_packed_sequences(events_of: Run) -> None:
    torch.manual_seed(0)
    network, x, lengths = nn.GRU(4, 5), torch.randn(3, 2, 4), torch.tensor([2, 3])

    def run(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        outputs, _ = network(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(outputs)

    plain, _ = run(network, x)
    network.to("cuda")
    moved = x.to("cuda")
    results: list[tuple[Tensor, Tensor]] = []
    # The order of the sequences goes to the device and comes back, nothing else.
    assert events_of(lambda: results.append(run(network, moved))) == [("H2D", "copy_"), ("D2H", "_to_copy")]
    (output, sizes), *_ = results
    assert torch.equal(to_host(output), plain)
    assert sizes.tolist() == [2, 3]
    assert sizes.device.type == "cpu"


def test_lengths_on_the_device_are_refused(device: Simulation) -> None:
    with pytest.raises(RuntimeError) as error:
        torch._VF._pack_padded_sequence(torch.ones(3, 2, device="cuda"), torch.ones(2, device="cuda").long(), False)
    assert str(error.value) == "'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 Long tensor"


def test_autocast_decides_over_the_type(device: Simulation) -> None:
    network = nn.LSTM(4, 5).to("cuda")
    with torch.autocast("cuda", torch.bfloat16):
        assert network(torch.ones(2, 4, device="cuda"))[0].dtype == torch.bfloat16


def test_an_input_on_the_host_is_refused(device: Simulation) -> None:
    network = nn.LSTM(4, 5).to("cuda")
    with pytest.raises(RuntimeError, match="not at the same device, found input tensor at cpu and parameter tensor"):
        network(torch.ones(2, 4), (torch.ones(1, 5), torch.ones(1, 5)))
