"""A discrete model behind continuous noise levels: nearest levels by sorting, churn, and second-order corrections."""

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, inner, products):
        super().__init__()
        self.inner = inner
        self.register_buffer("sigmas", ((1 - products) / products) ** 0.5)
        self.register_buffer("log_sigmas", self.sigmas.log())

    def timestep(self, sigma):
        logs = sigma.log()
        distances = logs - self.log_sigmas[:, None]
        below = distances.ge(0).cumsum(dim=0).argmax(dim=0).clamp(max=self.log_sigmas.shape[0] - 2)
        low, high = self.log_sigmas[below], self.log_sigmas[below + 1]
        share = ((low - logs) / (low - high)).clamp(0, 1)
        return ((1 - share) * below + share * (below + 1)).view(sigma.shape)

    def forward(self, x, sigma):
        shape = (-1, *([1] * (x.ndim - 1)))
        c_out, c_in = -sigma, 1 / (sigma**2 + 1.0) ** 0.5
        return x + self.inner(x * c_in.view(shape), self.timestep(sigma)) * c_out.view(shape)


def slope(x, sigma, denoised):
    return (x - denoised) / sigma


def levels(smallest, largest, count, device, rho=7.0):
    ramp = torch.linspace(0, 1, count, device=device)
    ends = smallest ** (1 / rho), largest ** (1 / rho)
    sigmas = (ends[1] + ramp * (ends[0] - ends[1])) ** rho
    return torch.cat([sigmas, sigmas.new_zeros([1])])


@torch.no_grad()
def sample(model, x, sigmas, callback=None, churn=8.0, low=0.05, high=40.0):
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        gamma = min(churn / (len(sigmas) - 1), 2**0.5 - 1) if low <= sigmas[i] <= high else 0.0
        sigma_hat = sigmas[i] * (gamma + 1)
        if gamma > 0:
            x = x + torch.randn_like(x) * (sigma_hat**2 - sigmas[i] ** 2) ** 0.5
        denoised = model(x, sigma_hat * ones)
        d = slope(x, sigma_hat, denoised)
        if callback is not None:
            callback({"i": i, "sigma": sigmas[i].item(), "denoised": denoised})
        dt = sigmas[i + 1] - sigma_hat
        if sigmas[i + 1] == 0:
            x = x + d * dt
        else:
            ahead = x + d * dt
            x = x + (d + slope(ahead, sigmas[i + 1], model(ahead, sigmas[i + 1] * ones))) / 2 * dt
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t[:, None, None, None] * 0.01


def build(device, steps):
    net = Net()
    model = Denoiser(net, torch.cumprod(1 - torch.linspace(0.001, 0.05, 30), 0)).to(device)
    seen = []
    x = torch.randn(2, 3, 4, 4, device=device)

    def run():
        seen.clear()
        return sample(model, x, levels(0.1, 5.0, steps, device), seen.append), [each["sigma"] for each in seen]

    return net, run
