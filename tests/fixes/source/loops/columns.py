"""A table with columns of several kinds: each kind is taken by an index of its own, in each step."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Columns:
    def __init__(self, sizes):
        ends = np.cumsum(sizes)
        self.groups = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        self.order = [int(each) for each in np.argsort(-np.arange(ends[-1]))]
        self.first = self.order[:2]

    def log_shares(self, x):
        out = torch.empty_like(x)
        for group in self.groups:
            out[:, group] = F.log_softmax(x[:, group], dim=1)
        return out

    def drawn(self, x):
        parts = []
        for i in range(len(self.groups)):
            part = x[:, self.groups[i]]
            parts.append((part + torch.rand_like(part)).argmax(dim=1, keepdim=True))
        return torch.cat(parts, dim=1)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x, t):
        return self.linear(x) + 0.01 * t


@torch.no_grad()
def sample(net, columns, x, steps):
    for t in range(steps):
        shares = columns.log_shares(net(x, t))
        last = shares[:, [-1]]
        middle = shares[..., [2]] * 2
        x = shares + last.exp() + middle + columns.drawn(shares).sum(dim=1, keepdim=True)
        x = x[:, columns.order]
        x[:, columns.first] = 0.25
    return x


def build(device, steps):
    columns = Columns([2, 3, 4])
    net = Net(9).to(device)
    return net, lambda: sample(net, columns, torch.randn(3, 9, device=device), steps)
