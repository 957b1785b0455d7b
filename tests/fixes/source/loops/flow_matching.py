"""Rectified flow with shifted times, guidance in an interval, and a progress line."""

import torch
from torch import nn


class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t[:, None, None, None])


def shifted(times, shift):
    return shift * times / (1 + (shift - 1) * times)


def guided(net, x, t, scale):
    both = net(torch.cat([x, x]), torch.cat([t.expand(len(x)), t.expand(len(x))]))
    without, with_text = both.chunk(2)
    return without + scale * (with_text - without)


@torch.no_grad()
def integrate(net, x, times, scale=4.0, low=0.2, high=0.9):
    seen = []
    for i, (now, after) in enumerate(zip(times[:-1], times[1:], strict=True)):  # noqa: RUF007
        width = after - now
        inside = low <= now.item() <= high
        velocity = guided(net, x, now, scale) if inside else net(x, now.repeat(len(x)))
        x = x + width * velocity
        seen.append(f"{i}: {float(after):.3f}")
    return x, seen


def build(device, steps):
    net = Velocity().to(device)
    times = shifted(torch.linspace(1, 0, steps + 1), 3.0).to(device)
    return net, lambda: integrate(net, torch.randn(2, 4, 8, 8, device=device), times)
