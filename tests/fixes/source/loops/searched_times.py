"""Times between the entries of a schedule, found by a search on the device; conditioning by whole rows of a table."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t)


class Schedule:
    def __init__(self, device):
        self.times = torch.linspace(0.01, 1.0, 100, device=device)
        self.logs = -5 * self.times**2
        self.rows = torch.linspace(0, 1, 400, device=device).reshape(100, 4)

    def log_alpha(self, time):
        upper = torch.searchsorted(self.times, time).clamp(1, 99)
        part = (time - self.times[upper - 1]) / (self.times[upper] - self.times[upper - 1])
        return self.logs[upper - 1] + part * (self.logs[upper] - self.logs[upper - 1])

    def embedding(self, time):
        nearest = (self.times - time).abs().argmin()
        row = self.rows[nearest]
        return row * 2 + self.rows[-1 - nearest.int()] * 3


@torch.no_grad()
def sample(net, schedule, x, times):
    for i in range(len(times) - 1):
        now, following = times[i], times[i + 1]
        step = schedule.log_alpha(following) - schedule.log_alpha(now)
        x = x + step.expm1() * net(x, now) + schedule.embedding(now).reshape(1, 4, 1, 1)
    return x


def build(device, steps):
    net = Net().to(device)
    schedule = Schedule(device)
    times = torch.linspace(0.995, 0.015, steps + 1, device=device)

    def run():
        return sample(net, schedule, torch.randn(1, 4, 8, 8, device=device), times)

    return net, run
