"""Whether the step leaps is found in one branch, known in the other, and asked in three places."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, level):
        return self.conv(x) * (1 + level)


@torch.no_grad()
def leaping(net, x, levels, leap=2):
    for i in range(len(levels) - 1):
        leaps = False
        if i < len(levels) - leap:
            leaps = levels[i + leap] > 0
        following = levels[i + leap] if leaps else levels[i + 1]
        x = x + (following - levels[i]) * net(x, levels[i])
        if leaps and i > 0:
            x = x + 0.1 * levels[i + 1] * torch.randn_like(x)
        if not leaps:
            x = x * 0.99
    return x


def build(device, steps):
    torch.manual_seed(3)
    net = Net().to(device)
    levels = torch.linspace(1, 0, steps + 2).to(device)
    return net, lambda: leaping(net, torch.randn(2, 4, 8, 8, device=device), levels)
