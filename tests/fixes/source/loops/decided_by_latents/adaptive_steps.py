"""Steps whose length an error decides: the host asks for the error, and for the time that it computes from it."""

import torch
from torch import nn


class StepLength:
    def __init__(self, first):
        self.h = first

    def accepts(self, error):
        factor = min(2.0, 0.8 / (float(error) + 1e-3))
        self.h *= factor
        return factor > 0.5


@torch.no_grad()
def sample_adaptive(model, x, t_start, t_end, first=0.5):
    forward = t_end > t_start
    s = t_start
    length = StepLength(first if forward else -first)
    while s < t_end - 1e-5 if forward else s > t_end + 1e-5:
        t = torch.minimum(t_end, s + length.h) if forward else torch.maximum(t_end, s + length.h)
        slope = model(x, s)
        lower = x + slope * (t - s)
        higher = x + (slope + model(lower, t)) / 2 * (t - s)
        if length.accepts((lower - higher).abs().max()):
            x = higher
            s = t
    return x


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * 0.1 * t


def build(device, steps):
    model = Field().to(device)
    times = torch.linspace(0, steps, 2, device=device)

    def run():
        x = torch.randn(2, 3, 4, 4, device=device)
        return sample_adaptive(model, x, times[0], times[1])

    return model, run
