"""Rows of times, one for each picture: whether the last one is reached is asked on the device and by the host."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 0.01


def pairs_of_times(steps, batch, device):
    times = torch.linspace(1.0, 0.0, steps + 1, device=device).repeat(batch, 1)
    return torch.stack((times[:, :-1], times[:, 1:])).unbind(dim=-1)


@torch.no_grad()
def sample(net, x, steps, known, mask, repeats):
    for now, following in pairs_of_times(steps, len(x), x.device):
        done = following == 0
        for again in reversed(range(repeats)):
            x = torch.where(mask, known + now[:, None, None, None] * torch.randn_like(x), x)
            x = x - 0.1 * net(x, now)
            if again and not done.all():
                noised = x + (now - following)[:, None, None, None] * torch.randn_like(x)
                x = torch.where(done[:, None, None, None], x, noised)
            if not (again == 0 or torch.any(done)):
                x = x * 0.99
    return x


def build(device, steps):
    net = Net().to(device)
    known, mask = torch.rand(2, 3, 4, 4, device=device), torch.rand(2, 3, 4, 4, device=device) > 0.5
    return net, lambda: sample(net, torch.randn(2, 3, 4, 4, device=device), steps, known, mask, 2)
