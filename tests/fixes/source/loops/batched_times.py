"""The time of each step as a tensor for the whole batch, by which the host decides as well."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float()[:, None, None, None] * 1e-2


def posterior(x, noise, t, alphas):
    a = alphas[t][:, None, None, None]
    mean = (x - (1 - a).sqrt() * noise) / a.sqrt()
    if t[0] > 0:
        return mean + 0.1 * torch.randn_like(x)
    return mean


def sample(net, x, alphas, count):
    for i in reversed(range(count)):
        t = torch.full((x.shape[0],), i, device=x.device, dtype=torch.long)
        x = posterior(x, net(x, t), t, alphas)
        if t[0] % 2 == 0:
            x = x.clamp(-3, 3)
        level = torch.ones(x.shape[0], device=x.device) * (i / count)
        share = torch.tensor(i / count).to(x.device)
        if share.item() > 0.5 and level.max() < 2:
            x = x * (1 - 1e-2 * level[:, None, None, None])
        if level[0] == 0:
            x = x * 0.5
    return x


def build(device, steps):
    net = Net().to(device)
    alphas = torch.linspace(0.99, 0.5, steps).to(device)

    def run():
        with torch.no_grad():
            return sample(net, torch.randn(2, 3, 4, 4, device=device), alphas, steps)

    return net, run
