"""A multistep solver in log space that compares the next level with zero, in an ``or`` behind a test of its history."""

import torch
from torch import nn


@torch.no_grad()
def sample_multistep(model, x, sigmas, callback=None):
    ones = x.new_ones([x.shape[0]])
    old_denoised = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        if callback is not None:
            callback(i)
        t, t_next = -sigmas[i].log(), -sigmas[i + 1].log()
        h = t_next - t
        if old_denoised is None or sigmas[i + 1] == 0:
            x = (sigmas[i + 1] / sigmas[i]) * x - (-h).expm1() * denoised
        else:
            h_last = t - (-sigmas[i - 1].log())
            r = h_last / h
            better = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * old_denoised
            x = (sigmas[i + 1] / sigmas[i]) * x - (-h).expm1() * better
        old_denoised = denoised
    return x


def build(device, steps):
    model = Denoiser().to(device)
    sigmas = torch.cat([torch.linspace(9, 0.1, steps), torch.zeros(1)]).to(device)

    def run():
        return sample_multistep(model, torch.randn(2, 3, 4, 4, device=device) * sigmas[0], sigmas)

    return model, run


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        return self.conv(x) / (1 + sigma[:, None, None, None])
