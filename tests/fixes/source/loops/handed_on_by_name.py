"""Times that another object makes on the host, handed on in a dictionary, moved where nobody can tell what they are."""

import torch
from torch import nn


class Times:
    def __init__(self, steps):
        self.shares = [0.9 - 0.8 * i / steps for i in range(steps)]

    def of_batch(self, i, count):
        return torch.ones(count) * self.shares[i]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, **given):
        time = given["conditions"].get("time")
        return self.conv(x) * (time.float() / 10).to(x.device)[:, None, None, None]


def build(device, steps):
    net = Model().to(device)
    times = Times(steps)

    def run():
        x = torch.randn(2, 3, 8, 8, device=device)
        with torch.no_grad():
            for i in range(steps):
                conditions = {"time": times.of_batch(i, len(x))}
                x = x - 0.1 * net(x, conditions=conditions)
                x = x * times.of_batch(i, 1).mul(2).to(device)
        return x

    return net, run
