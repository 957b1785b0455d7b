"""A time series of which a part is known: each step draws the rest towards it by the gradient of what is known."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(3, 3)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (1 + 0.01 * t)


class Filling:
    def __init__(self, net):
        self.net = net

    def step(self, x, t: int, target, known=None, model_kwargs=None):
        x = x - 0.1 * self.net(x, t)
        x = self.drawn_to_known(sample=x, t=t, target=target, known=known, **model_kwargs)
        x[known] = torch.sin(target * t)[known]
        return x

    def drawn_to_known(self, pull, known, target, sample, t, rate=0.05):
        wanted = nn.Parameter(sample)
        with torch.enable_grad():
            for _ in range(2 if t % 2 else 1):
                optimizer = torch.optim.Adagrad([wanted], lr=rate)
                optimizer.zero_grad()
                start = self.net(wanted, t)
                loss = pull * ((start[known] - target[known]) ** 2).mean(dim=0).sum()
                loss.backward()
                optimizer.step()
                wanted = nn.Parameter(wanted.data.detach())
        sample[~known] = torch.cos(wanted.data[~known])
        return sample

    def fill_in(self, shape, target, steps, known=None, model_kwargs=None):
        x = torch.randn(shape, device=target.device)
        for t in reversed(range(steps)):
            x = self.step(x, t, target, known=known, model_kwargs=model_kwargs)
        return x


def build(device, steps):
    net = Net().to(device).requires_grad_(False)
    target, known = torch.rand(2, 8, 3), torch.rand(2, 8, 3) > 0.5
    filling, (target, known) = Filling(net), (target.to(device), known.to(device))
    return net, lambda: filling.fill_in((2, 8, 3), target, steps, known, {"pull": 0.1})
