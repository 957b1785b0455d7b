"""Pairs of levels that are listed before the loop, and levels that rise again between them; in inference mode."""

import torch
from torch import nn
from tqdm.auto import tqdm


@torch.inference_mode()
def sample_restarting(model, x, sigmas, again=1, disable=True):
    ones, count = x.new_ones([len(x)]), 0

    def heun_step(x, old_sigma, new_sigma, second=True):
        nonlocal count
        d = (x - model(x, old_sigma * ones)) / old_sigma
        dt = new_sigma - old_sigma
        if new_sigma == 0 or not second:
            x = x + d * dt
        else:
            after = x + d * dt
            x = x + (d + (after - model(after, new_sigma * ones)) / new_sigma) / 2 * dt
        count += 1
        return x

    steps = []
    for i in range(len(sigmas) - 1):
        steps.append((sigmas[i], sigmas[i + 1]))
        if i == 1:
            steps.extend([(sigmas[0], sigmas[1]), (sigmas[1], sigmas[2])] * again)
    last = None
    for old_sigma, new_sigma in tqdm(steps, disable=disable):
        if last is None:
            last = old_sigma
        elif last < old_sigma:
            x = x + torch.randn_like(x) * (old_sigma**2 - last**2) ** 0.5
        x = heun_step(x, old_sigma, new_sigma)
        last = new_sigma
    return x


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        return self.conv(x) / (1 + sigma[:, None, None, None])


def build(device, steps):
    model = Denoiser().to(device)

    def run():
        with torch.inference_mode():
            sigmas = torch.cat([torch.linspace(3, 0.1, steps, device=device), torch.zeros(1, device=device)])
            x = torch.randn(2, 3, 4, 4, device=device)
        return sample_restarting(model, x, sigmas).clone()

    return model, run
