"""Times in pairs of Python's numbers, spread and sent; levels of a function decide what is corrected."""

import torch
from torch import nn


def level(betas, t):
    betas = torch.cat([torch.zeros(1).to(betas.device), betas], dim=0)
    return (1 - betas).cumprod(dim=0).index_select(0, t + 1).view(-1, 1)


def times_of(steps):
    return [*range(steps - 1, -1, -1), -1]


@torch.no_grad()
def sample(net, x, betas, steps, skip, error):
    times = times_of(steps)
    for i, j in list(zip(times[:-1], times[1:])):  # noqa: B905, RUF007 - as samplers write it
        i, j = i * skip, j * skip
        if j < 0:
            j = -1
        t = (torch.ones(len(x)) * i).to(x.device)
        t_next = (torch.ones(len(x)) * j).to(x.device)
        now, then = level(betas, t.long()), level(betas, t_next.long())
        spread = (1 - then**2).sqrt()
        noise = net(x, t)
        x0 = (x - noise * (1 - now).sqrt()) / now.sqrt()
        if (spread >= then * error).all():
            x0 = x0.clamp(-1, 1)
        x = then.sqrt() * x0 + (1 - then).sqrt() * noise
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (1 + 0.01 * t[:, None])


def build(device, steps):
    net = Net().to(device)
    betas = torch.linspace(1e-3, 0.2, 2 * steps, device=device)
    return net, lambda: sample(net, torch.randn(2, 4, device=device), betas, steps, 2, 0.4)
