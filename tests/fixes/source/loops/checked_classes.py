"""Steps over classes, whose numbers are checked on the host after each draw."""

import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embedding = nn.Embedding(classes, classes)

    def forward(self, x, t):
        return self.embedding(x) + t[:, None, None] * 1e-3


def encoded(x, classes):
    assert x.max().item() < classes, f"{x.max().item()} is no class"
    return functional.one_hot(x, classes).float()


@torch.no_grad()
def sample(net, x, classes, steps):
    for i in reversed(range(steps)):
        t = torch.full((x.shape[0],), i, device=x.device)
        scores = net(x, t) + encoded(x, classes)
        assert not torch.isnan(scores).any(), "not a number"
        x = (scores - torch.log(-torch.log(torch.rand_like(scores)))).argmax(-1)
    return x


def build(device, steps):
    net = Net(5).to(device)
    return net, lambda: sample(net, torch.zeros(2, 6, dtype=torch.long, device=device), 5, steps)
