"""Timesteps that the loop makes of a number, read two functions further down."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float().reshape(-1, 1, 1, 1) * 1e-3


class GD:
    def __init__(self, net, steps):
        self.net = net
        self.steps = steps
        self.table = torch.linspace(0.1, 1, steps).cuda()

    def p_mean(self, x, t):
        eps = self.net(x, t)
        if t[0] > 1:
            eps = eps * 0.9
        if (t == 0).all():
            eps = eps * 1.1
        return x - eps * self.table[t][:, None, None, None]

    def p_sample(self, x, t):
        mean = self.p_mean(x, t)
        if t.min().item() > 0:
            mean = mean + 0.01 * torch.randn_like(mean)
        return mean

    @torch.no_grad()
    def loop(self, x):
        for i in reversed(range(self.steps)):
            t = torch.full((x.shape[0],), i, device=x.device, dtype=torch.long)
            x = self.p_sample(x, t)
        return x


def build(device, steps):
    net = Net().to(device)
    g = GD(net, steps)
    return net, lambda: g.loop(torch.randn(2, 3, 4, 4, device=device))
