"""Each step writes its results into buffers that were made on the host before the loop."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t * 1e-3)


@torch.no_grad()
def sample(net, x, steps, keep):
    frames = torch.zeros((steps, *x.shape))
    kept = torch.empty(keep, len(x))
    largest = torch.full([steps, len(x)], -1.0)
    for i in reversed(range(steps)):
        x = x - 0.1 * net(x, i)
        frames[i] = x
        kept[i * keep // steps] = x.mean(dim=(1, 2, 3))
        largest[i] = x.flatten(1).argmax(dim=1)
    kept = torch.cat([kept, kept[-1:]])
    return x, frames, kept, largest


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.rand(2, 3, 4, 4, device=device), steps, 2)
