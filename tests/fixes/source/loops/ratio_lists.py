"""Coefficients of each step from lists that mix numbers and tensors of one element, and from a small linear system."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, level):
        return self.conv(x) / (1 + level.reshape(-1, 1, 1, 1))


def log_snr(level):
    return -level.reshape(-1).log()


@torch.inference_mode()
def solve(net, x, levels):
    outputs, at = [], []
    for i in range(len(levels) - 1):
        outputs, at = [*outputs, net(x, levels[i])][-3:], [*at, levels[i]][-3:]
        now, h = log_snr(at[-1]), log_snr(levels[i + 1]) - log_snr(at[-1])
        order, ratios, slopes = len(outputs), [], []
        for back in range(2, order + 1):
            ratio = (log_snr(at[-back]) - now) / h
            ratios.append(ratio)
            slopes.append((outputs[-back] - outputs[-1]) / ratio)
        ratios.append(1.0)
        ratios = torch.tensor(ratios, device=x.device)
        rows, right, term = [], [], torch.expm1(-h)
        for power in range(1, order + 1):
            rows.append(ratios ** (power - 1))
            right.append(term / power)
        weights = torch.linalg.solve(torch.stack(rows), torch.cat(right))
        x = levels[i + 1] / levels[i] * x - term * outputs[-1]
        for weight, slope in zip(weights[:-1], slopes, strict=True):
            x = x + 0.1 * weight * slope
    return x


def build(device, steps):
    net = Net().to(device)
    levels = torch.linspace(9, 0.5, steps + 1, device=device)
    return net, lambda: solve(net, torch.randn(2, 3, 4, 4, device=device), levels)
