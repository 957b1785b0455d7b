"""Every way to fill a tensor with a number that lies on the device, and constants that are copied at each step."""

import torch
from torch import nn


@torch.no_grad()
def sample(model, x, sigmas, levels, device):
    weights_table = torch.linspace(1.0, 2.0, len(sigmas))
    for i, t in enumerate(levels):
        a = torch.full((x.shape[0],), t, device=device, dtype=torch.long)
        s = torch.full_like(x, sigmas[i])
        u = x.new_full((x.shape[0], 1, 1, 1), sigmas[i + 1])
        v = torch.tensor([sigmas[i]] * x.shape[0], device=device)
        w = torch.as_tensor(sigmas[i + 1], device=device)
        weights = torch.tensor([0.3, 0.7, 0.5], device=device)
        one = torch.tensor([1.0], device=x.device)
        mixed = weights_table[i].to(device)
        x = x - 0.1 * model(x, a) * s / (u + v.view(-1, 1, 1, 1) + w) * weights[:, None, None] * one * mixed
        x[0, 0, 0, 0] = 0.5
        x = x[torch.tensor([1, 0])]
        x = x * max(sigmas[i], sigmas[i + 1]) / sigmas[0]
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float()[:, None, None, None] * 0.01


def build(device, steps):
    net = Net().to(device)
    sigmas = torch.linspace(3.0, 1.0, steps + 1, device=device)
    levels = torch.arange(steps, device=device)
    return net, lambda: sample(net, torch.randn(2, 3, 4, 4, device=device), sigmas, levels, device)
