"""Steps towards a measurement of some pixels, by the gradient through the network; the mask belongs to the operator."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t, known):
        return torch.tanh(self.conv(x * known)) * (1 + 0.01 * t)


class Pixels:
    """Measures the pixels that a mask selects."""

    def __init__(self, known):
        self.known = known

    def measure(self, x):
        return x[self.known]

    def put_back(self, x, values):
        out = torch.zeros_like(x)
        out[self.known] = values.exp().log()
        return out


def sample(net, operator, measured, x, steps):
    for t in range(steps):
        x = x.detach().requires_grad_()
        start = x - net(x, t, operator.known)
        lost = torch.linalg.norm(measured - operator.measure(start))
        (slope,) = torch.autograd.grad(lost, x)
        x = 0.9 * start - 0.1 * slope + 0.01 * operator.put_back(x, measured)
    return x.detach()


def build(device, steps):
    net = Net().to(device).requires_grad_(False)
    known, picture = torch.rand(2, 3, 4, 4) > 0.6, torch.rand(2, 3, 4, 4)
    operator = Pixels(known.to(device))
    measured = operator.measure(picture.to(device))
    return net, lambda: sample(net, operator, measured, torch.randn(2, 3, 4, 4, device=device), steps)
