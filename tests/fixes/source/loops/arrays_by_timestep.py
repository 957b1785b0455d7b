"""Coefficients are looked up in arrays and host tables by timesteps that are fetched from the device."""

import numpy as np
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
        self.np_table = np.linspace(0.1, 1, steps)
        self.host = torch.linspace(0.1, 1, steps)

    def extract(self, arr, t, shape):
        res = torch.from_numpy(arr[t.cpu().numpy()]).float().to(t.device)
        while len(res.shape) < len(shape):
            res = res[..., None]
        return res.expand(shape)

    def extract2(self, arr, t, shape):
        out = torch.gather(arr, index=t.cpu(), dim=0).float()
        return out.view(-1, 1, 1, 1).to(t.device)

    @torch.no_grad()
    def loop(self, x):
        for i in reversed(range(self.steps)):
            t = torch.full((x.shape[0],), i, device=x.device, dtype=torch.long)
            x = x - self.net(x, t) * self.extract(self.np_table, t, x.shape) * self.extract2(self.host, t, x.shape)
            c = torch.tensor(self.np_table[t.cpu().numpy()], device=x.device, dtype=torch.float32)
            x = x + c[:, None, None, None] * 1e-3
        return x


def build(device, steps):
    net = Net().to(device)
    g = GD(net, steps)
    return net, lambda: g.loop(torch.randn(2, 3, 4, 4, device=device))
