"""Guidance in a part of the schedule alone, dynamic thresholds, and conditions that are put together in each step."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.named = nn.Conv2d(3, 3, 3, padding=1), nn.Embedding(10, 3)

    def forward(self, x, t, label, dropped):
        shift = self.named(label) * (~dropped)[:, None] + t[:, None] * 1e-3
        return self.conv(x) + shift[:, :, None, None]


class Guided:
    def __init__(self, net, scale=3.0, between=(0.2, 0.8), percentile=0.9):
        self.net, self.scale, self.between, self.percentile = net, scale, between, percentile

    def predict(self, x, t, label, sigma):
        low, high = self.between
        if low < sigma.item() <= high:
            dropped = torch.tensor([False] * len(x) + [True] * len(x)).to(x.device)
            doubled = self.net(torch.cat([x, x]), t.repeat(2), label.repeat(2), dropped)
            given, without = doubled.chunk(2)
            return without + self.scale * (given - without)
        return self.net(x, t, label, torch.zeros(len(x), dtype=torch.bool).to(x.device))

    def threshold(self, x):
        limit = torch.quantile(x.flatten(1).abs(), self.percentile, dim=1)
        limit = torch.maximum(limit, torch.tensor(1.0).to(x.device))[:, None, None, None]
        return x.clamp(-limit, limit) / limit


def sample(guided, x, labels, schedule):
    times, sigmas = schedule
    index = 0
    while index < len(sigmas) - 1:
        t = torch.FloatTensor([times[index]] * x.shape[0]).to(x.device)
        label = torch.LongTensor(labels).to(x.device)
        sigma, following = sigmas[index], sigmas[index + 1]
        clean = guided.threshold(guided.predict(x, t, label, sigma))
        x = clean + (x - clean) * (following / sigma)
        if following > 0:
            x = x + torch.randn_like(x) * following * torch.as_tensor([0.1], device=x.device)
        index += 1
    return x


def build(device, steps):
    net = Net().to(device)
    sigmas = torch.linspace(1, 0, steps + 1, device=device)
    times = [1000 * (1 - i / steps) for i in range(steps)]

    def run():
        with torch.no_grad():
            return sample(Guided(net), torch.randn(2, 3, 4, 4, device=device), [3, 7], (times, sigmas))

    return net, run
