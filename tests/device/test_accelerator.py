"""Backward passes on the simulated device."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sdprof.device import Simulation, accelerator, simulate, to_host


def train(device: str, steps: int = 3) -> tuple[list[float], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1)
    ).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, foreach=False)
    losses = []
    for _ in range(steps):
        clean = torch.randn(2, 3, 8, 8, device=device)
        noise = torch.randn(2, 3, 8, 8, device=device)
        predicted = checkpoint(model, clean + noise, use_reentrant=False)
        loss = (predicted - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses, model.state_dict()


def test_training_gives_the_bits_of_the_cpu_run(device: Simulation) -> None:
    losses, weights = train("cuda")
    plain_losses, plain_weights = train("cpu")
    assert losses == plain_losses
    assert all(torch.equal(to_host(weights[name]), plain_weights[name]) for name in weights)


def test_events_of_a_training_step_are_in_the_users_lines(device: Simulation) -> None:
    train("cuda", steps=2)
    assert [event.kind for event in device.events] == ["H2D"] * 6 + ["SYNC"] * 2
    assert {event.expression.function for event in device.events} == {"train"}


def test_a_wait_inside_backward_is_found_at_the_call_of_backward(device: Simulation) -> None:
    x = torch.ones(3, device="cuda", requires_grad=True)
    x.register_hook(lambda grad: grad * grad.max().item())
    (x * 2).sum().backward()
    names = [frame.function for frame in device.events[0].frames]
    assert names[0].endswith("<lambda>")
    assert names[1] == "test_a_wait_inside_backward_is_found_at_the_call_of_backward"


def test_gradients_by_autograd_grad_and_custom_functions(device: Simulation) -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = torch.ones(3, device="cuda", requires_grad=True)
    (grad,) = torch.autograd.grad(Double.apply(x).square().sum(), x, create_graph=True)
    assert to_host(grad).tolist() == [8.0] * 3


def test_a_gradient_scaler(device: Simulation) -> None:
    model = nn.Linear(4, 4).to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cuda")
    with torch.autocast("cuda", dtype=torch.float16):
        loss = model(torch.ones(2, 4, device="cuda")).square().mean()
    scaler.scale(loss).backward()
    before = len(device.events)
    scaler.step(optimizer)
    scaler.update()
    assert [event.kind for event in device.events[before:]] == ["SYNC"]


AFTER_AUTOGRAD = """
import torch
x = torch.ones(3, requires_grad=True)
(x * 2).sum().backward()
from sdprof.device import simulate, to_host
with simulate() as device:
    model = torch.nn.Linear(4, 4).to("cuda")
    torch.utils.checkpoint.checkpoint(model, torch.ones(2, 4, device="cuda"), use_reentrant=False).sum().backward()
    assert to_host(model.bias.grad).tolist() == [2.0] * 4
    with torch.inference_mode():
        model(torch.ones(2, 4, device="cuda"))
    model(torch.ones(2, 4, device="cuda")).sum().backward()
    assert to_host(model.bias.grad).tolist() == [4.0] * 4
(x * 3).sum().backward()
assert x.grad.tolist() == [5.0] * 3
"""


def test_backward_works_where_autograd_ran_before_the_simulation() -> None:
    subprocess.run([sys.executable, "-c", AFTER_AUTOGRAD], check=True, timeout=120)


def test_where_it_cannot_work_it_refuses_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_found_tables", [])
    monkeypatch.setattr(accelerator, "HOOKS_SYMBOL", "no_such_symbol")
    with simulate() as device:
        x = torch.ones(3, device="cuda", requires_grad=True)
        with pytest.raises(
            accelerator.AcceleratorUnavailableError, match=r"Audit the forward pass under torch\.no_grad"
        ):
            x.sum().backward()
        assert device.events == []
