"""One entry of each row is sliced out, at a place that the step computes: the host would read the number."""

import torch
from torch import nn


@torch.no_grad()
def sample(net, x, steps):
    for _ in range(steps):
        y = net(x)
        known = (y > 0).sum(-1, keepdim=True)[:1]
        order = y.sort(-1).values
        cut = order[:, known.long() - 1 : known.long()]
        x = x + (y > cut) * 0.1
    return x


def build(device, steps):
    net = nn.Linear(4, 4).to(device)
    return net, lambda: sample(net, torch.ones(2, 4, device=device), steps)
