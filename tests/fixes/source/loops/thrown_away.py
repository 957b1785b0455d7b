"""Each step sends the one before to the host, and then throws it away unless all of them are wanted."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, points, level):
        return self.linear(points) + level


@torch.no_grad()
def sample(net, first, steps, every=False):
    states = {steps: first}
    for k in range(steps, 0, -1):
        states[k - 1] = states[k] - 0.1 * net(states[k], k / steps)
        states[k] = states[k].cpu()  # makes room on the device
        if not every:
            del states[k]
    return states if every else states[0]


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.randn(2, 5, 3, device=device), steps)
