"""A while loop that counts its index, and decides by the times that it points at."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float().reshape(-1, 1, 1, 1) * 1e-3


@torch.no_grad()
def loop(net, x, ts):
    i = 0
    while i < len(ts) - 1:
        t, s = ts[i], ts[i + 1]
        h = (t - s).item()
        x = x - h * net(x, t.expand(2))
        lam = -torch.log(t)
        if s == 0:
            break
        if torch.isclose(t, s):
            break
        x = x + float(lam) * 1e-3
        i += 1
    return x


def build(device, steps):
    net = Net().to(device)
    ts = torch.linspace(1, 0, steps + 1, device=device)
    return net, lambda: loop(net, torch.randn(2, 3, 4, 4, device=device), ts)
