"""Tokens whose indices are sent to the host, to be indices of what lies on the device."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 7)

    def forward(self, tokens):
        return self.table(tokens)


@torch.no_grad()
def sample(net, tokens, steps):
    rows = torch.arange(len(tokens), device=tokens.device)
    for _ in range(steps):
        logits = net(tokens)
        best = logits.mean(1).argmax(-1)
        chosen = logits.new_zeros(len(tokens), logits.shape[-1])
        chosen[rows, best.detach().cpu()] = logits.mean()
        tokens = (logits + chosen[:, None]).argmax(-1)
    return tokens, chosen


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.arange(10, device=device).reshape(2, 5) % 7, steps)
