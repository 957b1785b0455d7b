"""A loop hands products of its tables to a step, and that to a correction, which decides by them."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, level):
        return self.conv(x) / (1 + level[:, None, None, None])


class Schedule(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.register_buffer("weights", torch.linspace(1, 0.5, steps))


class Solver(nn.Module):
    def __init__(self, net, steps):
        super().__init__()
        self.net = net
        self.schedule = Schedule(steps)

    def corrected(self, x, slope, level, *more, **others):
        raise NotImplementedError

    @torch.no_grad()
    def forward(self, x, levels):
        ones = x.new_ones([x.shape[0]])
        for i in range(len(levels) - 1):
            x = self.step(x, ones * levels[i], ones * levels[i + 1])
            weight = self.schedule.weights[[i] * x.shape[0]]
            x = x * weight[:, None, None, None]
        return x

    def step(self, x, level, following):
        slope = self.net(x, level)
        return self.corrected(x + slope * (following - level)[:, None, None, None], slope, following)


class Heun(Solver):
    def corrected(self, x, slope, level):
        if torch.sum(level) < 1e-14:
            return x
        return x + 0.01 * (self.net(x, level) - slope)


def build(device, steps):
    solver = Heun(Net(), steps).to(device)
    levels = torch.cat([torch.linspace(1, 0.2, steps), torch.zeros(1)]).to(device)
    return solver.net, lambda: solver(torch.randn(2, 3, 4, 4, device=device), levels)
