"""A step that takes its length from its error, and asks for it in several places and functions."""

import torch
from torch import nn


class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 16).reshape(4, 4))

    def forward(self, x, t):
        return torch.tanh(x @ self.weight + t)


def next_length(length, ratio):
    if ratio == 0:
        return length * 10
    if ratio < 1:
        return length * torch.min(torch.full_like(ratio, 5.0), 0.9 / ratio)
    return length * torch.max(torch.full_like(ratio, 0.2), 0.9 / ratio)


class Solver:
    def __init__(self, net, device, tolerance):
        self.net, self.tolerance = net, tolerance
        self.ends = [torch.tensor([0.0, 0.5], device=device), torch.tensor([0.5, 1.0], device=device)]
        self.longest = torch.tensor(0.5, device=device)
        self.shortest = torch.tensor(1e-3, device=device)

    def step(self, x, t, length):
        assert t + length > t, f"the step is {length}"
        first = self.net(x, t)
        second = self.net(x + length * first, t + length)
        ratio = (length * (second - first)).abs().max() / self.tolerance
        accepted = ratio <= 1
        if length > self.longest:
            accepted = False
        if length <= self.shortest:
            accepted = True
        if not (self.ends[0][1] == self.ends[1][0] and (self.ends[0] < self.ends[1]).all()):
            raise ValueError("The parts do not meet")
        if accepted:
            x, t = x + length * (first + second) / 2, t + length
        return x, t, next_length(length, ratio)


def build(device, steps, tolerance=0.05):
    net = Velocity().to(device)

    def run():
        solver = Solver(net, device, tolerance)
        x = torch.randn(2, 4, device=device)
        t, length = torch.zeros((), device=device), torch.full((), 0.4, device=device)
        with torch.no_grad():
            for _ in range(steps):
                x, t, length = solver.step(x, t, length)
        return x, t

    return net, run
