"""Levels and churn zipped into a list, and read by ``item`` through a mapped lambda."""

import torch
from torch import nn


@torch.no_grad()
def sample(net, sigmas, gammas, shape, device):
    pairs = list(zip(sigmas[:-1], sigmas[1:], gammas[:-1], strict=True))
    images = sigmas[0] * torch.randn(shape, device=device)
    for sigma, sigma_next, gamma in pairs:
        sigma, sigma_next, gamma = map(lambda t: t.item(), (sigma, sigma_next, gamma))  # noqa: C417
        eps = torch.randn(shape, device=device)
        sigma_hat = sigma + gamma * sigma
        images_hat = images + (sigma_hat**2 - sigma**2) ** 0.5 * eps
        denoised = (images_hat - net(images_hat, sigma_hat)) / sigma_hat
        images = images_hat + (sigma_next - sigma_hat) * denoised
    return images


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        if isinstance(sigma, float):
            sigma = torch.full((x.shape[0],), sigma, device=x.device)
        return self.conv(x) * sigma[:, None, None, None]


def build(device, steps):
    net = Net().to(device)
    sigmas = torch.linspace(5.0, 0.1, steps + 1, device=device)
    gammas = torch.where((sigmas >= 0.5) & (sigmas <= 4.0), 0.2, 0.0)
    return net, lambda: sample(net, sigmas, gammas, (2, 3, 4, 4), device)
