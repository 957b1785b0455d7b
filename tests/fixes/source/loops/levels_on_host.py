"""Noise levels on the host: pairs of them go to the device in each step, and one of the pair decides how to step."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, level):
        return self.conv(x) / (1 + level[:, None, None, None])


@torch.no_grad()
def descend(net, x, levels, stir=5.0):
    ones = x.new_ones([x.shape[0]])
    levels = torch.cat([levels, levels.new_zeros([1])])
    for i in range(len(levels) - 1):
        level, following = levels[i].to(x.device), levels[i + 1].to(x.device)
        raised = level * (1 + (min(stir / len(levels), 0.4) if 0.1 <= levels[i] <= 50 else 0.0))
        slope = net(x, raised * ones)
        if following == 0:
            x = x + slope * (following - raised)
        else:
            ahead = x + slope * (following - raised)
            x = x + (slope + net(ahead, following * ones)) / 2 * (following - raised)
    return x


def build(device, steps):
    net = Net().to(device)
    levels = torch.linspace(1, 0.1, steps) ** 7
    return net, lambda: descend(net, torch.randn(2, 3, 4, 4, device=device), levels)
