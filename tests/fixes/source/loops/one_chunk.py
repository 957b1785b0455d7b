"""The network is called for chunks of the batch, of which there is one mostly: the loop around them makes the steps."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 0.01


@torch.no_grad()
def sample(net, x, steps, at_once, device):
    sigmas = torch.linspace(10.0, 0.0, steps + 1, device=device)
    known = torch.ones(3, 1, 1) * 0.5
    shown = []
    for step in range(steps):
        if sigmas[step] > 1:
            x = x + 0.01 * torch.randn_like(x)
        denoised = torch.empty_like(x)
        for start in range(0, len(x), at_once):
            chunk = slice(start, start + at_once)
            denoised[chunk] = net(x[chunk], torch.full((len(x[chunk]),), step, device=device))
            if sigmas[step + 1] == 0:
                denoised[chunk] = denoised[chunk].clamp(-1, 1)
        x = x + 0.1 * (denoised - x) * known.to(device)
        if sigmas[step + 1] == 0:
            x = denoised
        shown.append(x.mean(dim=(1, 2, 3)).cpu())
    return x, torch.stack(shown)


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, torch.randn(2, 3, 4, 4, device=device), steps, 4, device)
