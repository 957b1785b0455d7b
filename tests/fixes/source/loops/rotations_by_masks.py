"""Rotations of bonds: a series for small angles chosen by a mask, bonds that are checked, atoms that are counted."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn


def sinc_of_half(angles):
    tiny = angles < 0.3
    ratio = torch.empty_like(angles)
    ratio[~tiny] = torch.sin(angles[~tiny] * 0.5) / angles[~tiny]
    ratio[tiny] = 0.5 - angles[tiny] ** 2 / 48
    return ratio


def turned(x, bonds, moves, angles):
    for bond, ends in enumerate(bonds):
        near, far = ends[0], ends[1]
        assert not moves[bond, near]
        assert moves[bond, far], "the far end has to turn"
        x = x + sinc_of_half(angles[:, bond]).view(-1, 1, 1) * moves[bond].unsqueeze(-1)
    return x


@torch.no_grad()
def sample(net, x, graph, steps):
    bonds = graph["bonds"].ends[graph["bonds"].turns]
    for t in range(steps):
        angles = net(x, t)
        each = graph["atoms"].known.sum().item() // 2
        x = turned(x, bonds, graph["bonds"].moves, angles) / each
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(15, 2)

    def forward(self, x, t):
        return (torch.sigmoid(self.mix(x.flatten(1))) + 0.05 * t) * 0.6


def build(device, steps):
    net = Net().to(device)
    bonds = SimpleNamespace(
        ends=torch.tensor([[0, 1], [1, 2], [2, 3]]).to(device),
        turns=torch.tensor([True, False, True]).to(device),
        moves=torch.tensor([[0, 1, 1, 1, 0], [0, 0, 0, 1, 1]]).bool().to(device),
    )
    graph = {"bonds": bonds, "atoms": SimpleNamespace(known=torch.ones(5, dtype=torch.bool).to(device))}
    return net, lambda: sample(net, torch.randn(2, 5, 3, device=device), graph, steps)
