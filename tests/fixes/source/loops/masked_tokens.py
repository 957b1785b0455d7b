"""Tokens are unmasked block by block, so many in each step, those that the model is surest of first."""

import types

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, tokens):
        super().__init__()
        self.embed = nn.Embedding(tokens + 1, 8)
        self.head = nn.Linear(8, tokens)

    def forward(self, x):
        return types.SimpleNamespace(logits=self.head(self.embed(x)))


def shares_of(hidden, steps):
    total = hidden.sum(dim=1, keepdim=True)
    counts = (total // steps).repeat(1, steps)
    counts[:, :1] += total % steps
    return counts


@torch.no_grad()
def sample(net, x, steps, mask, blocks):
    length = x.shape[1] // blocks
    for block in range(blocks):
        hidden = x[:, block * length : (block + 1) * length] == mask
        counts = shares_of(hidden, steps)
        for i in range(steps):
            shares = net(x).logits.softmax(dim=-1)
            sure, best = shares.max(dim=-1)
            sure[:, (block + 1) * length :] = -float("inf")
            sure = torch.where(x == mask, sure, -float("inf"))
            taken = torch.zeros_like(x, dtype=torch.bool)
            for row in range(len(x)):
                _, chosen = torch.topk(sure[row], k=counts[row, i])
                taken[row, chosen] = True
            x[taken] = best[taken]
    return x


def build(device, steps):
    net = Net(6).to(device)
    return net, lambda: sample(net, torch.full((2, 12), 6, device=device), steps, 6, 1)
