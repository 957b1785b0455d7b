"""Blocks are filled one after the other, in a window whose places the host counts for each of them."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 4)

    def forward(self, x, t):
        return self.head(x) * (1 + t * 1e-3)


@torch.no_grad()
def sample(net, first, blocks, steps, overlap):
    length = first.shape[1]
    for block in range(blocks):
        if block == 0:
            x = first
        else:
            fresh = torch.randn_like(first)
            x = torch.cat((x, fresh), dim=1)
        places = torch.arange(block * length, (block + 1) * length)
        if overlap and block > 0:
            places = torch.arange(block * length - overlap, (block + 1) * length)
        for i in range(steps):
            x[:, places] = x[:, places] - 0.1 * net(x[:, places], i)
    return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.rand(2, 3, 4, device=device), 2, steps, 1)
