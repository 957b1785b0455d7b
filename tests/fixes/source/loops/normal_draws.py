"""Steps that draw from normal distributions whose deviation is a number of the host."""

import torch
from torch import distributions as dist
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t * 1e-3)


def sender(mean, accuracy):
    made = dist.Normal(mean, 1 / accuracy**0.5)
    return made.sample()


@torch.no_grad()
def sample(net, x, steps):
    dist.Distribution.set_default_validate_args(True)  # TorchDynamo turns it off for the whole process
    for i in range(steps):
        message = sender(x - 0.1 * net(x, i), 4.0 + i)
        x = dist.Normal(2 * message - x, scale=(i + 1) ** -0.5).sample()
    return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.rand(2, 3, 4, 4, device=device), steps)
