"""Numbers that a log or a progress bar would show, read in each step whether anybody sees them or not."""

import logging

import torch
from torch import nn
from tqdm import tqdm

logger = logging.getLogger(__name__)


def listed(numbers):
    return ", ".join(f"{name} {number:.4g}" for name, number in numbers.items())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t * 1e-3)


@torch.no_grad()
def sample(net, x, steps, quiet=True):
    bar = tqdm(range(steps), disable=quiet)
    for i in bar:
        noise = net(x, i)
        x = x - 0.1 * noise
        logger.debug(f"step {i}: {noise.norm().item():.3f}")
        bar.set_postfix(mean=noise.mean().item())
        numbers = {"mean": noise.mean(), "largest": noise.abs().max().item()}
        logging.debug(listed(numbers))
    return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.rand(2, 3, 4, 4, device=device), steps)
