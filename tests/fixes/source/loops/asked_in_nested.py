"""A function inside the step asks which step it is, of the batch of times that the call of the step has made."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 0.01


class Sampler:
    def __init__(self, net, count, device):
        self.net = net
        self.alphas = torch.linspace(0.999, 0.1, count, device=device)
        self.kept = []

    @torch.no_grad()
    def step(self, x, t, interval):
        assert t.min().item() >= 0 and t.max().item() < len(self.alphas)  # noqa: PT018 - as it is written

        def moved(x, noise, t):
            now = self.alphas[t][:, None, None, None]
            before = torch.ones_like(now) if t[0] < interval else self.alphas[t - interval][:, None, None, None]
            return x * (before / now).sqrt() + (before - now) * noise

        noise = self.net(x, t)
        if not self.kept:
            self.net(moved(x, noise, t), t)
        self.kept.append(noise)
        return moved(x, sum(self.kept[-3:]) / len(self.kept[-3:]), t)

    def sample(self, x, steps, interval, short=False):
        b, device = x.shape[0], x.device
        if short:
            t = torch.full((b,), 0, device=device, dtype=torch.long)
            return self.step(x, t, interval)
        for i in reversed(range(0, steps * interval, interval)):
            x = self.step(x, torch.full((b,), i, device=device, dtype=torch.long), interval)
        return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: Sampler(net, steps * 2, device).sample(torch.randn(2, 3, 4, 4, device=device), steps, 2)
