"""Each step sends its results to the host, and the next one takes the last of them back."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 1e-3


def product(betas, t):
    padded = torch.cat([torch.zeros(1).to(betas.device), betas], dim=0)
    return (1 - padded).cumprod(dim=0).index_select(0, t + 1).view(-1, 1, 1, 1)


def steps_of(x, times, net, betas, eta=0.3):
    with torch.no_grad():
        n = x.size(0)
        following = [-1, *times[:-1]]
        clean, xs = [], [x]
        for i, j in zip(reversed(times), reversed(following), strict=True):
            t = (torch.ones(n) * i).to(x.device)
            later = (torch.ones(n) * j).to(x.device)
            now, then = product(betas, t.long()), product(betas, later.long())
            x_now = xs[-1].to(x.device)
            noise = net(x_now, t)
            x_clean = (x_now - noise * (1 - now).sqrt()) / now.sqrt()
            clean.append(x_clean.to("cpu"))
            fresh = eta * ((1 - now / then) * (1 - then) / (1 - now)).sqrt()
            rest = ((1 - then) - fresh**2).sqrt()
            x_then = then.sqrt() * x_clean + fresh * torch.randn_like(x) + rest * noise
            xs.append(x_then.to("cpu"))
    return xs, clean


def build(device, steps):
    net = Net().to(device)
    betas = torch.linspace(1e-3, 0.1, 40).to(device)
    times = list(range(0, 40, 40 // steps))

    def run():
        xs, clean = steps_of(torch.randn(2, 3, 4, 4, device=device), times, net, betas)
        return torch.stack(xs[1:]), torch.stack(clean)

    return net, run
