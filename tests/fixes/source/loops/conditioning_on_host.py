"""A wrapper sends the conditioning, which is large, and a mask to the device at each call of the model."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.reshape(-1, 1, 1, 1) * 1e-3


class Conditioned:
    def __init__(self, net):
        self.net = net

    def __call__(self, x, t, picture, mask):
        return self.net(x + picture.to(x.device) * 0.01, t) * mask.to(device=x.device, dtype=x.dtype)


@torch.no_grad()
def sample(model, x, picture, mask, timesteps):
    for t in timesteps:
        x = x - 0.1 * model(x, t.expand(2), picture, mask)
    return x


def build(device, steps):
    net = Net().to(device)
    picture, mask = torch.randn(2, 3, 64, 64), torch.rand(2, 1, 64, 64) > 0.5
    timesteps = torch.arange(steps, device=device)
    return net, lambda: sample(Conditioned(net), torch.randn(2, 3, 64, 64, device=device), picture, mask, timesteps)
