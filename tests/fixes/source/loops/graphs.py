"""Edges of a graph: the diagonal is masked by a mask made on the host, and read by two ranges."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 4)

    def forward(self, edges, t):
        return self.head(edges) * (1 + t * 1e-3)


def without_loops(shares):
    batch, n = shares.shape[:2]
    diagonal = torch.eye(n).unsqueeze(0).expand(batch, -1, -1)
    shares[diagonal.bool()] = 1 / shares.shape[-1]
    return shares


@torch.no_grad()
def sample(net, edges, steps):
    trace = 0
    for i in range(steps):
        shares = without_loops(net(edges, i).softmax(dim=-1))
        trace = trace + edges[:, range(3), range(3)].sum()
        edges = edges * 0.9 + 0.1 * shares
    return edges, trace


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.rand(2, 3, 3, 4, device=device), steps)
