"""A classifier's gradient guides the steps: labels are picked by a range, channels by a list, masks are made anew."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float().reshape(-1, 1, 1, 1) * 1e-3


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(48, 5)

    def forward(self, x, t):
        return self.linear(x.flatten(1)) + t[:, None] * 1e-3


def gradient(x, t, y, classifier, scale):
    with torch.enable_grad():
        entry = x.detach().requires_grad_(True)
        log_probabilities = F.log_softmax(classifier(entry, t), dim=-1)
        selected = log_probabilities[range(len(log_probabilities)), y.view(-1)]
        return torch.autograd.grad(selected.sum(), entry)[0] * scale


@torch.no_grad()
def sample(net, classifier, x, y, steps):
    for i in range(steps)[::-1]:
        t = torch.tensor([i] * x.shape[0], device=x.device)
        x = x - 0.1 * net(x, t) + gradient(x, t, y, classifier, 0.5)
        x = x[:, [2, 1, 0]] + x[[1, 0]] * 0.01
        mask = torch.tril(torch.ones(4, 4)).to(x.device)
        grid = (torch.arange(4)[:, None] >= torch.arange(4)).to(x.device)
        x = x * mask * 0.5 + x * grid
    return x


def build(device, steps):
    net, classifier = Net().to(device), Classifier().to(device)
    y = torch.tensor([1, 3]).to(device)
    return net, lambda: sample(net, classifier, torch.randn(2, 3, 4, 4, device=device), y, steps)
